"""An issuer's keys, fetched off the path of requests: its OpenID configuration (OpenID Connect Discovery 1.0), then its JWKS.

A call never waits for an issuer. It is checked with the keys that are here; they count for as long as the configuration says,
whether the issuer answers or not.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from pandad import configchecks, metrics
from pandad.api.tokens.keys import Key, Unusable, read_keys
from pandad.tokenconfig import TokensConfig

RETRY_S = 15.0  # after an attempt that failed
ASK_GAP_S = 60.0  # between fetches for keys that tokens name and that are not here


class FetchFailed(Exception):
    """An address did not give what it should; str() says why."""


Fetch = Callable[[str], Awaitable[bytes]]
"""The content of an address, whole; raises FetchFailed."""


@dataclass(frozen=True, slots=True, eq=False)
class Published:
    """What an issuer said. ``issuer``: its own spelling of its name, which goes into identities."""

    issuer: str
    keys: Mapping[str, Key]


class KeySource:
    """The keys of one issuer, and the loop body that keeps them fresh.

    :param spellings: names by which the issuer may call itself.
    ``wake``: runs the loop now; the one who makes the loop sets it.
    """

    log = Logger()

    def __init__(self, clock: IReactorTime, fetch: Fetch, address: str, spellings: frozenset[str], config: TokensConfig) -> None:
        self.address, self.spellings, self.problem = address, spellings, ""
        self.wake: Callable[[], None] = lambda: None
        self._clock, self._fetch, self._config = clock, fetch, config
        self._published: Published | None = None
        self._fetched_s = self._due_s = self._may_ask_s = clock.seconds()
        self._asked = False

    def adopt(self, fetch: Fetch, config: TokensConfig) -> None:
        """From now on fetch so, and as often as this says; keys that are here stay."""
        self._fetch, self._config = fetch, config
        self._due_s = min(self._due_s, self._clock.seconds() + config.refresh_s)

    def published(self) -> Published | None:
        """What counts now; None if there is nothing, or nothing fresh enough. A set that was changed is another object."""
        if self._published is None or self._clock.seconds() - self._fetched_s > self._config.keep_s:
            return None
        return self._published

    def ask(self) -> bool:
        """A token names a key that is not here: have the keys fetched, but not too often. Whether a fetch is under way."""
        now_s = self._clock.seconds()
        if not self._asked and now_s >= self._may_ask_s:
            self._asked, self._may_ask_s, self._due_s = True, now_s + ASK_GAP_S, now_s
            self.wake()
        return self._asked

    async def run_once(self) -> bool:
        """Fetch the keys if it is time to. Raises nothing: the issuer's troubles are not ours."""
        if self._clock.seconds() < self._due_s:
            return False
        try:
            self._keep(*await self._fetched())
        except (FetchFailed, Unusable) as error:
            self._complain(str(error))
            self._due_s = self._clock.seconds() + RETRY_S
        finally:
            self._asked = False
        return False

    async def _fetched(self) -> tuple[Published, list[str]]:
        document = _json(self.address, await self._fetch(self.address))
        issuer, address = _field(self.address, document, "issuer"), _field(self.address, document, "jwks_uri")
        if issuer not in self.spellings:
            raise FetchFailed(f"{self.address} is the configuration of another issuer, {ascii(issuer)[:200]}")
        if (refusal := configchecks.discovery(address)) is not None:
            raise FetchFailed(f"{self.address}: jwks_uri {refusal}")
        keys, problems = read_keys(_json(address, await self._fetch(address)))
        return Published(issuer, keys), problems

    def _keep(self, found: Published, problems: list[str]) -> None:
        before = self._published
        if before is None or (before.issuer, before.keys) != (found.issuer, found.keys):
            self._published = found
            self.log.info("{n} keys of token issuer {issuer}: {names}", n=len(found.keys), issuer=found.issuer,
                          names=", ".join(ascii(kid)[1:-1] for kid in sorted(found.keys)))
            for problem in problems:
                self.log.info("token issuer {issuer}: {problem}, not used", issuer=found.issuer, problem=problem)
        self.problem = ""
        self._fetched_s = self._clock.seconds()
        self._due_s = self._fetched_s + self._config.refresh_s
        metrics.TOKEN_KEYS.add("done")

    def _complain(self, problem: str) -> None:
        metrics.TOKEN_KEYS.add("not done")
        if problem != self.problem:
            self.log.warn("the keys of a token issuer cannot be fetched: {problem}", problem=problem)
        self.problem = problem


def _json(address: str, text: bytes) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise FetchFailed(f"{address} did not answer with JSON") from None


def _field(address: str, document: Any, name: str) -> str:
    value = document.get(name) if isinstance(document, dict) else None
    if not isinstance(value, str):
        raise FetchFailed(f"{address} has no {name}")
    return value
