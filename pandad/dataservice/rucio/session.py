"""Calls to Rucio: in our name, so many at a time, tried again where that is safe, and left alone while it is away."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass
from random import uniform
from typing import Any, TypeVar

import orjson
from twisted.internet.defer import CancelledError, Deferred, DeferredSemaphore, FirstError, gatherResults
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from pandad import metrics
from pandad.dataservice.ddm import DDMUnavailable
from pandad.dataservice.rucio.breaker import Breaker
from pandad.dataservice.rucio.login import Keeper, Token, source_of, vo_header
from pandad.dataservice.rucio.refusals import TOKEN_REFUSED, Refused, refusal
from pandad.dataservice.rucio.trust import CredentialUnusable
from pandad.dataservice.rucio.wire import Answer, Line, NoAnswer, Wire
from pandad.dataserviceconfig import RucioConfig

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
DONE = (b"", b"Created")
NDJSON = "application/x-json-stream"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call:
    """One thing to ask of Rucio. All of them may be asked twice: the second time changes nothing.

    :param path: below the address, escaped. :param body: becomes JSON. :param subject: what it is about, for messages.
    """

    method: str
    path: str
    subject: str
    body: object = None


class Session:
    """One server, one account.

    :param now: the wall clock, for tokens in files. :param clock: by which pauses go; the reactor's if none is given.
    :raise CredentialUnusable: the file of authorities has none.
    """

    def __init__(self, reactor: Any, config: RucioConfig, now: Callable[[], float], clock: IReactorTime | None = None) -> None:
        self._clock: IReactorTime = clock or reactor
        self.config = config
        self._url = config.url.rstrip("/")
        self._wire = Wire(reactor, config)
        self._keeper = Keeper(self._clock, source_of(self._wire, config, now))
        self._breaker = Breaker(self._clock, f"Rucio at {self._url}", config.break_after, config.break_s)
        self._slots = DeferredSemaphore(config.connections)
        self._under_way: set[Deferred[Answer]] = set()
        self._given_up = False

    def seconds(self) -> float:
        """By the clock of its pauses."""
        return self._clock.seconds()

    def complaint(self) -> str | None:
        """Why Rucio is not asked at the moment, None if it is."""
        return self._breaker.complaint()

    def give_up(self) -> None:
        """Nobody waits for Rucio any more: calls under way, and later ones, end with DDMUnavailable."""
        self._given_up = True
        for doing in list(self._under_way):
            doing.cancel()

    async def close(self) -> None:
        """Hang up."""
        await self._wire.close()

    async def do(self, call: Call) -> None:
        """Have something done.

        :raise Refused: for good. :raise DDMUnavailable: for now.
        """
        answer = await self._unless_given_up(self._tried(call, None))
        if answer.body not in DONE:  # a proxy's page would not have done it
            raise self._not_understood(call)

    async def ask(self, call: Call, read: Callable[[Any], T]) -> T:
        """What `read` makes of the answer.

        :raise Refused: for good. :raise DDMUnavailable: for now.
        """
        answer = await self._unless_given_up(self._tried(call, None))
        try:
            return read(orjson.loads(answer.body))
        except (ValueError, LookupError, TypeError, AttributeError):
            raise self._not_understood(call) from None

    def _not_understood(self, call: Call) -> DDMUnavailable:
        return DDMUnavailable(f"{call.subject}: Rucio at {self._url}: an answer that is not understood")

    async def lines(self, call: Call, read: Callable[[Any], T | None]) -> list[T]:
        """What `read` makes of each line of an answer with one object a line; None is left out.

        :raise Refused: for good. :raise DDMUnavailable: for now.
        """
        found: list[T] = []

        def line(text: bytes) -> None:
            try:
                made = read(orjson.loads(text))
            except (LookupError, TypeError, AttributeError) as error:
                raise ValueError(str(error)) from error
            if made is not None:
                found.append(made)

        await self._unless_given_up(self._tried(call, line, found.clear))
        return found

    async def _unless_given_up(self, asking: Coroutine[Any, Any, Answer]) -> Answer:
        doing = Deferred.fromCoroutine(asking)
        self._under_way.add(doing)
        if self._given_up:
            doing.cancel()
        try:
            return await doing
        except CancelledError:
            if self._given_up:
                raise DDMUnavailable(f"Rucio at {self._url} is not asked: pandad stops") from None
            raise
        finally:
            self._under_way.discard(doing)
            doing.cancel()

    async def _tried(self, call: Call, line: Line | None, again: Callable[[], None] = lambda: None) -> Answer:
        attempt, wait_s = 0, 0.0
        while True:
            again()
            attempt += 1
            try:
                return await self._slots.run(lambda: Deferred.fromCoroutine(self._once(call, line)))
            except Refused as error:
                if not error.temporary:
                    raise
                if attempt >= self.config.tries:
                    raise error.error(call.subject) from None
                wait_s = error.wait_s
            except (NoAnswer, CredentialUnusable) as error:
                if attempt >= self.config.tries or isinstance(error, CredentialUnusable):
                    raise DDMUnavailable(f"{call.subject}: Rucio at {self._url}: {error}") from None
            metrics.RUCIO_RETRIES.add()
            await deferLater(self._clock, max(pause_s(attempt), min(wait_s, LONGEST_PAUSE_S)))

    async def _once(self, call: Call, line: Line | None) -> Answer:
        self._breaker.admit()
        started_s = self._clock.seconds()
        try:
            answer = await self._authorised(call, line)
        except Refused as error:
            self._breaker.succeeded() if error.alive else self._breaker.failed(str(error))
            raise
        except (NoAnswer, CredentialUnusable) as error:
            metrics.RUCIO_FAILURES.add()
            self._breaker.failed(str(error))
            raise
        except BaseException:  # it was given up, or there is a mistake here: nothing is known of Rucio
            self._breaker.abandoned()
            raise
        self._breaker.succeeded()
        metrics.RUCIO_CALLS.took(self._clock.seconds() - started_s)
        return answer

    async def _authorised(self, call: Call, line: Line | None) -> Answer:
        token = await self._keeper.current()
        try:
            return await self._sent(call, line, token)
        except Refused as error:
            if error.kind != TOKEN_REFUSED:
                raise
        self._keeper.refused(token)  # it was revoked, or Rucio lost it: once more with another
        token = await self._keeper.current()
        try:
            return await self._sent(call, line, token)
        except Refused as error:
            if error.kind != TOKEN_REFUSED:
                raise
            self._keeper.refused(token)
            raise CredentialUnusable(f"the token of the account {self.config.account} is refused") from None

    async def _sent(self, call: Call, line: Line | None, token: Token) -> Answer:
        headers: Mapping[str, str] = {
            "X-Rucio-Auth-Token": token.text, "Content-Type": "application/json",
            "Accept": NDJSON if line is not None else "*/*", **vo_header(self.config)}
        body = orjson.dumps(call.body) if call.body is not None else None
        answer = await self._wire.exchange(call.method, self._url + call.path, headers, body, line=line)
        if not 200 <= answer.code < 300:
            raise refusal(answer)
        return answer


def pause_s(attempt: int) -> float:
    """Before the next try: twice as long each time, and never the same for two who failed together."""
    return min(FIRST_PAUSE_S * 2.0 ** (attempt - 1), LONGEST_PAUSE_S) * uniform(0.5, 1.5)


async def together(calls: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """All at a time, as far as the session lets them; if one fails the others are given up."""
    waiting = [Deferred.fromCoroutine(call) for call in calls]
    try:
        return await gatherResults(waiting, consumeErrors=True)
    except FirstError as error:
        error.subFailure.raiseException()
        raise
    finally:
        for each in waiting:
            each.cancel()
