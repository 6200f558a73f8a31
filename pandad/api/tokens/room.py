"""Everything about bearer tokens, put together from the configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pandad.api.tokens import authconfig
from pandad.api.tokens.accepted import Accepted, Catalogue, from_config
from pandad.api.tokens.authconfig import AuthConfigError, AuthConfigs
from pandad.api.tokens.authenticator import TokenAuthenticator
from pandad.api.tokens.denials import Denials
from pandad.api.tokens.discovery import FetchFailed, KeySource
from pandad.api.tokens.fetch import Fetcher
from pandad.taskbuffer.store import Store
from pandad.tokenconfig import TokensConfig


class Tokens:
    """``authenticator`` for requests, ``auth_configs`` for clients; ``sources`` and ``denials`` want a loop each.

    :param now_s: the wall clock, seconds since 1970.
    :raise AuthConfigError: the folder of the auth_config files, or one of them, cannot be used.
    :raise FetchFailed: the file of authorities cannot be used.
    """

    def __init__(self, reactor: Any, store: Store, config: TokensConfig, now_s: Callable[[], float]) -> None:
        self._reactor, self._config = reactor, config
        files, accepted = _read(config)
        self.sources: Sequence[KeySource] = _sources(reactor, accepted, config) if accepted else ()
        self.denials = Denials(store)
        self.auth_configs = AuthConfigs(files)
        self.authenticator = TokenAuthenticator(
            Catalogue(accepted), {source.address: source for source in self.sources}, self.denials, now_s, config.leeway_s)


    async def reload(self) -> str | None:
        """Read the auth_config files again. Issuers that stay keep their keys; `sources` may have new ones, and miss old ones.

        :return: what is wrong with them; then all stays as it was.
        """
        try:
            files, accepted = _read(self._config)
            found = _sources(self._reactor, accepted, self._config) if accepted else ()
        except (AuthConfigError, FetchFailed) as error:
            return str(error)
        known = {source.address: source for source in self.sources}
        self.sources = [
            old if (old := known.get(new.address)) is not None and old.spellings == new.spellings else new for new in found]
        self.auth_configs.replace(files)
        self.authenticator.replace(Catalogue(accepted), {source.address: source for source in self.sources})
        return None


def _read(config: TokensConfig) -> tuple[dict[str, Mapping[str, Any]], tuple[Accepted, ...]]:
    """The auth_config files, and what is accepted by them and by the configuration."""
    directory = config.auth_config_directory
    files = authconfig.read(directory) if directory is not None else {}
    return files, (*(from_config(name, issuer) for name, issuer in config.issuers.items()),
                   *(authconfig.accepted(directory, files) if directory is not None else ()))


def _sources(reactor: Any, accepted: Sequence[Accepted], config: TokensConfig) -> Sequence[KeySource]:
    """One for each issuer, whatever it is accepted for."""
    fetch = Fetcher(reactor, config.fetch_timeout_s, config.ca_file).get
    spellings: dict[str, frozenset[str]] = {}
    for each in accepted:
        spellings[each.discovery] = spellings.get(each.discovery, frozenset()) | each.issuers
    return [KeySource(reactor, fetch, address, names, config) for address, names in spellings.items()]
