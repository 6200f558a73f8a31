"""Everything about bearer tokens, put together from the configuration."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pandad.api.tokens import authconfig
from pandad.api.tokens.accepted import Accepted, Catalogue, from_config
from pandad.api.tokens.authconfig import AuthConfigs
from pandad.api.tokens.authenticator import TokenAuthenticator
from pandad.api.tokens.denials import Denials
from pandad.api.tokens.discovery import KeySource
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
        directory = config.auth_config_directory
        files = authconfig.read(directory) if directory is not None else {}
        accepted = (*(from_config(name, issuer) for name, issuer in config.issuers.items()),
                    *(authconfig.accepted(directory, files) if directory is not None else ()))
        self.sources: Sequence[KeySource] = _sources(reactor, accepted, config) if accepted else ()
        self.denials = Denials(store)
        self.auth_configs = AuthConfigs(files)
        self.authenticator = TokenAuthenticator(
            Catalogue(accepted), {source.address: source for source in self.sources}, self.denials, now_s, config.leeway_s)


def _sources(reactor: Any, accepted: Sequence[Accepted], config: TokensConfig) -> Sequence[KeySource]:
    """One for each issuer, whatever it is accepted for."""
    fetch = Fetcher(reactor, config.fetch_timeout_s, config.ca_file).get
    spellings: dict[str, frozenset[str]] = {}
    for each in accepted:
        spellings[each.discovery] = spellings.get(each.discovery, frozenset()) | each.issuers
    return [KeySource(reactor, fetch, address, names, config) for address, names in spellings.items()]
