"""Everything about bearer tokens, put together from the configuration and the auth_config files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from twisted.logger import Logger

from pandad import metrics
from pandad.api.tokens import authconfig
from pandad.api.tokens.accepted import Accepted, Catalogue, from_config
from pandad.api.tokens.authconfig import AuthConfigError, AuthConfigs
from pandad.api.tokens.authenticator import TokenAuthenticator
from pandad.api.tokens.denials import Denials
from pandad.api.tokens.discovery import Fetch, FetchFailed, KeySource
from pandad.api.tokens.fetch import Fetcher
from pandad.taskbuffer.store import Store
from pandad.tokenconfig import TokensConfig

Files = Mapping[str, Mapping[str, Any]]


class Tokens:
    """``authenticator`` for requests, ``auth_configs`` for clients; ``sources`` and ``denials`` want a loop each.

    :param now_s: the wall clock, seconds since 1970.
    :raise AuthConfigError: the folder of the auth_config files, or one of them, cannot be used.
    :raise FetchFailed: the file of authorities cannot be used.
    ``problem``: what is wrong with the auth_config files, or the authorities, now; "" if nothing.
    ``followed``: called when there may be other sources than before; the one who makes their loops sets it.
    ``changed``: called with what changed, when other auth_config files are in force.
    """

    log = Logger()

    def __init__(self, reactor: Any, store: Store, config: TokensConfig, now_s: Callable[[], float]) -> None:
        self._reactor = reactor
        self.sources: Sequence[KeySource] = ()
        self.followed: Callable[[], None] = lambda: None
        self.changed: Callable[[str], None] = lambda change: None
        self.problem = ""
        self.denials, self.auth_configs = Denials(store), AuthConfigs({})
        self.authenticator = TokenAuthenticator(Catalogue(()), {}, self.denials, now_s, config.leeway_s)
        self._config, self._fetch = config, self._fetcher(config)
        self._use(*_made(config))

    async def run_once(self) -> bool:
        """Read the auth_config files and the authorities again. If they cannot be used those of before stay in force, and the log
        says so."""
        try:
            files, accepted = _made(self._config)
            self._fetch_by(self._fetcher(self._config), self._config)
        except (AuthConfigError, FetchFailed) as error:
            self._complain(str(error))
            return False
        self.problem = ""
        metrics.TOKEN_RELOADS.add("done")
        if files != self._files:
            self._use(files, accepted)
            self.changed(f"the auth_config files {', '.join(files) or '(none)'}")
        return False

    def adopt(self, config: TokensConfig) -> TokensConfig:
        """Go by another configuration from now on; what of it is in force then. Issuers that stay keep their keys, unless other
        authorities are to vouch for where they come from.

        :raise AuthConfigError, FetchFailed: it cannot be used, and that of before stays in force.
        """
        before, fetch = self._config, self._fetcher(config)
        made = _made(config)
        if config.ca_file != before.ca_file:
            self.sources = ()
        self._config = replace(config, denials_s=before.denials_s)
        self._fetch_by(fetch, self._config)
        self._use(*made)
        return self._config

    def _fetch_by(self, fetch: Fetch, config: TokensConfig) -> None:
        self._fetch = fetch
        for source in self.sources:
            source.adopt(fetch, config)

    def _use(self, files: Files, accepted: Sequence[Accepted]) -> None:
        self._files, self.sources = files, self._sources(accepted)
        self.auth_configs.learn(files)
        by_address = {source.address: source for source in self.sources}
        self.authenticator.learn(Catalogue(tuple(accepted)), by_address, self._config.leeway_s)
        self.followed()

    def _complain(self, problem: str) -> None:
        metrics.TOKEN_RELOADS.add("not done")
        if problem != self.problem:
            self.log.error("the token issuers of before stay in force, their files cannot be read again: {why}", why=problem)
        self.problem = problem

    def _fetcher(self, config: TokensConfig) -> Fetch:
        return Fetcher(self._reactor, config.fetch_timeout_s, config.ca_file).get

    def _sources(self, accepted: Sequence[Accepted]) -> Sequence[KeySource]:
        """One for each issuer, whatever it is accepted for; that of before, with its keys, where there is one."""
        spellings: dict[str, frozenset[str]] = {}
        for each in accepted:
            spellings[each.discovery] = spellings.get(each.discovery, frozenset()) | each.issuers
        known = {(source.address, source.spellings): source for source in self.sources}
        return [known.get(issuer) or KeySource(self._reactor, self._fetch, *issuer, self._config) for issuer in spellings.items()]


def _made(config: TokensConfig) -> tuple[Files, Sequence[Accepted]]:
    """The auth_config files, and what tokens are good by them and by the configuration."""
    directory = config.auth_config_directory
    files: Files = authconfig.read(directory) if directory is not None else {}
    of_files = authconfig.accepted(directory, files) if directory is not None else ()
    return files, [*(from_config(name, issuer) for name, issuer in config.issuers.items()), *of_files]
