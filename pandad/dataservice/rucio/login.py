"""Who pandad is for Rucio: tokens, fetched or read, and renewed before they run out."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Protocol

import orjson
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from pandad import metrics
from pandad.dataservice.rucio.trust import CredentialUnusable
from pandad.dataservice.rucio.wire import Answer, NoAnswer, Wire
from pandad.dataserviceconfig import OIDC, USERPASS, RucioConfig

APPLICATION = "pandad"
LIFETIME_S = 3600.0  # of a token that does not say how long it lives; Rucio's own default
EARLY_SHARE, EARLY_S = 0.2, 600.0  # a token is renewed in the last fifth of its life, and not more than 10 min before its end
FILE_LIFETIME_S = 60.0  # after this a token in a file is read again, if it does not say itself how long it lives


@dataclass(frozen=True, slots=True, eq=False)
class Token:
    """Two with the same text are two: one that was refused is told by its identity."""

    text: str
    lifetime_s: float


class Source(Protocol):
    """Where tokens come from."""

    async def fetch(self) -> Token:
        """A fresh one.

        :raise NoAnswer: not now. :raise CredentialUnusable: what it would be fetched with is missing or refused.
        """
        ...


class Keeper:
    """The token that counts. Any number of calls at a time wait for one fetch."""

    def __init__(self, clock: IReactorTime, source: Source) -> None:
        self._clock, self._source = clock, source
        self._token: Token | None = None
        self._early_s = self._end_s = 0.0
        self._waiting: list[Deferred[None]] = []

    async def current(self) -> Token:
        """A token that is good for a while.

        :raise NoAnswer: there is none. :raise CredentialUnusable: and asking again will not help.
        """
        if self._token is None or self._clock.seconds() >= self._early_s:
            try:
                await self._renew()
            except (NoAnswer, CredentialUnusable):
                if self._token is None or self._clock.seconds() >= self._end_s:
                    raise  # else the old one will do; the next call tries again
        assert self._token is not None
        return self._token

    def refused(self, token: Token) -> None:
        """Rucio does not take it any more."""
        if token is self._token:
            self._token = None

    async def _renew(self) -> None:
        """Wait for the fetch under way; it goes on if the one who began it gives up."""
        mine: Deferred[None] = Deferred()
        self._waiting.append(mine)
        if len(self._waiting) == 1:
            Deferred.fromCoroutine(self._fetch()).addBoth(self._tell)
        await mine

    async def _fetch(self) -> None:
        fetched = await self._source.fetch()
        now_s = self._clock.seconds()
        self._token, self._end_s = fetched, now_s + fetched.lifetime_s
        self._early_s = self._end_s - min(EARLY_SHARE * fetched.lifetime_s, EARLY_S)
        metrics.RUCIO_TOKENS.add()

    def _tell(self, outcome: Failure | None) -> None:
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            if not each.called:
                each.callback(outcome)  # a failure becomes an error


class Granted:
    """Rucio gives a token for a user name and password, or for a certificate."""

    def __init__(self, wire: Wire, config: RucioConfig) -> None:
        self._wire, self._config = wire, config

    async def fetch(self) -> Token:
        """Log in."""
        config, url = self._config, f"{(self._config.auth_url or self._config.url).rstrip('/')}/auth"
        if config.auth_type == USERPASS:
            assert config.password_file is not None
            secret = {"X-Rucio-Username": config.username, "X-Rucio-Password": text_of(config.password_file)}
            answer = await self._wire.exchange("GET", f"{url}/userpass", {**self._who(), **secret})
        else:
            answer = await self._wire.exchange("GET", f"{url}/x509_proxy", self._who(), certificate=config.proxy_file)
        return self._read(answer)

    def _who(self) -> Mapping[str, str]:
        return {"X-Rucio-Account": self._config.account, "X-Rucio-AppID": APPLICATION, **vo_header(self._config)}

    def _read(self, answer: Answer) -> Token:
        if answer.code == 401:
            raise CredentialUnusable(f"Rucio refuses the {self._config.auth_type} of the account {self._config.account}")
        text = answer.header("X-Rucio-Auth-Token")
        if answer.code != 200 or not text:
            raise NoAnswer(f"no token, but HTTP status {answer.code}", True)
        return Token(text, lifetime_of(answer))


class FromFile:
    """An OIDC token that another program keeps fresh in a file."""

    def __init__(self, path: Path, now: Callable[[], float]) -> None:
        self._path, self._now = path, now

    async def fetch(self) -> Token:
        """Read it again."""
        text = text_of(self._path)
        left_s = ends_at(text) - self._now()
        if left_s <= 0:
            raise CredentialUnusable(f"the token in {self._path} ran out {-left_s:.0f} s ago; what keeps it fresh?")
        return Token(text, min(left_s, FILE_LIFETIME_S))


def source_of(wire: Wire, config: RucioConfig, now: Callable[[], float]) -> Source:
    """As the configuration says. ``now``: the wall clock, by which tokens in files end."""
    if config.auth_type == OIDC:
        assert config.token_file is not None
        return FromFile(config.token_file, now)
    return Granted(wire, config)


def vo_header(config: RucioConfig) -> Mapping[str, str]:
    """Which of its VOs, where Rucio serves several."""
    return {"X-Rucio-VO": config.vo} if config.vo else {}


def lifetime_of(answer: Answer) -> float:
    """How long a token lives, in seconds, by the server's own clock."""
    try:
        end = parsedate_to_datetime(answer.header("X-Rucio-Auth-Token-Expires"))
        return max((end - parsedate_to_datetime(answer.header("Date"))).total_seconds(), 0.0)
    except (ValueError, TypeError):
        return LIFETIME_S


def text_of(path: Path) -> str:
    """The secret in a file, without blanks around it.

    :raise CredentialUnusable: it is not there, or nothing that fits into a line of an HTTP head.
    """
    try:
        text = path.read_text("utf-8").strip()
    except (OSError, ValueError) as error:
        raise CredentialUnusable(f"{path} cannot be read ({type(error).__name__})") from None
    if not text or not text.isascii() or not text.isprintable():
        raise CredentialUnusable(f"{path} should have one line of letters and digits without accents")
    return text


def ends_at(text: str) -> float:
    """When a token ends, in seconds of the wall clock: its claim `exp`. It is Rucio that checks the rest.

    :raise CredentialUnusable: it is none that says so.
    """
    try:
        payload = text.split(".")[1]
        return float(orjson.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["exp"])
    except (IndexError, KeyError, TypeError, ValueError, binascii.Error):
        raise CredentialUnusable("what the token file has is no JSON Web Token with a claim exp") from None
