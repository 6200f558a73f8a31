"""Everything about bearer tokens, put together from the configuration and the auth_config files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
    ``problem``: what is wrong with the auth_config files now; "" if nothing.
    ``changed``: called when there are other sources than before; the one who makes their loops sets it.
    """

    log = Logger()

    def __init__(self, reactor: Any, store: Store, config: TokensConfig, now_s: Callable[[], float]) -> None:
        self._reactor, self._config = reactor, config
        self._fetch: Fetch | None = None
        self.sources: Sequence[KeySource] = ()
        self.changed: Callable[[], None] = lambda: None
        self.problem = ""
        self._files = self._read()
        accepted = self._accepted(self._files)
        self.sources = self._sources(accepted)
        self.denials = Denials(store)
        self.auth_configs = AuthConfigs(self._files)
        self.authenticator = TokenAuthenticator(Catalogue(accepted), self._by_address(), self.denials, now_s, config.leeway_s)

    async def run_once(self) -> bool:
        """Read the auth_config files again. If they cannot be used those of before stay in force, and the log says so."""
        try:
            files = self._read()
            accepted = self._accepted(files)
            sources = self._sources(accepted)
        except (AuthConfigError, FetchFailed) as error:
            self._complain(str(error))
            return False
        self.problem = ""
        metrics.TOKEN_RELOADS.add("done")
        if files != self._files:
            self._files, self.sources = files, sources
            self.auth_configs.learn(files)
            self.authenticator.learn(Catalogue(accepted), self._by_address())
            self.changed()
            self.log.info("other auth_config files are in force now: {names}", names=", ".join(files) or "none")
        return False

    def _complain(self, problem: str) -> None:
        metrics.TOKEN_RELOADS.add("not done")
        if problem != self.problem:
            self.log.error("the auth_config files of before stay in force, they cannot be read again: {why}", why=problem)
        self.problem = problem

    def _read(self) -> Files:
        directory = self._config.auth_config_directory
        return authconfig.read(directory) if directory is not None else {}

    def _accepted(self, files: Files) -> tuple[Accepted, ...]:
        directory, issuers = self._config.auth_config_directory, self._config.issuers
        return (*(from_config(name, issuer) for name, issuer in issuers.items()),
                *(authconfig.accepted(directory, files) if directory is not None else ()))

    def _sources(self, accepted: Sequence[Accepted]) -> Sequence[KeySource]:
        """One for each issuer, whatever it is accepted for; that of before, with its keys, where there is one."""
        spellings: dict[str, frozenset[str]] = {}
        for each in accepted:
            spellings[each.discovery] = spellings.get(each.discovery, frozenset()) | each.issuers
        known = {(source.address, source.spellings): source for source in self.sources}
        return [known.get(issuer) or self._source(*issuer) for issuer in spellings.items()]

    def _source(self, address: str, spellings: frozenset[str]) -> KeySource:
        if self._fetch is None:
            self._fetch = Fetcher(self._reactor, self._config.fetch_timeout_s, self._config.ca_file).get
        return KeySource(self._reactor, self._fetch, address, spellings, self._config)

    def _by_address(self) -> Mapping[str, KeySource]:
        return {source.address: source for source in self.sources}
