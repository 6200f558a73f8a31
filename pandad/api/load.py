"""Who waits when there are more calls than this process can answer: reports of ended jobs never, then the others by urgency.

What is measured is how late the reactor does what it was to do at a certain moment, which is what each call waits before anybody
looks at it; and how long the oldest call under way has waited, mostly for the database.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from enum import IntEnum
from math import inf
from random import random
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from pandad import metrics
from pandad.api.buckets import Buckets
from pandad.api.errors import AnswerLate, Overloaded, TooManyCalls
from pandad.api.network import network_of
from pandad.limitsconfig import LimitsConfig
from pandad.spec.caller import Caller
from pandad.spec.errors import PandadError

LOOK_S = 0.1
OLD_S = 5.0  # a call under way for so long says that the database is slow or away
RAISE, LOWER = 0.5, 0.1  # of the level, in one look


class Urgency(IntEnum):
    """Of a kind of call; the higher, the sooner it is put off."""

    # Who watches this server; and whoever fetches a file or a constant, which costs little: curl, unless told otherwise, takes
    # the text of a refusal for the file, and a pilot runs it.
    ALWAYS = -1
    FINAL = 0    # a pilot gives up after two attempts, and the job's work is lost
    HEARTBEAT = 1
    USER = 2     # submit, kill, and all else that changes something
    ACQUIRE = 3  # answered in protocol: the pilot waits a minute and asks again
    LIST = 4


# A level from n to n + 1 puts off that part of the calls of the nth of these, and all before it.
PUT_OFF = (Urgency.LIST, Urgency.ACQUIRE, Urgency.USER, Urgency.HEARTBEAT)
HIGHEST, HIGHEST_FOR_OLD = float(len(PUT_OFF)), 2.0  # while the database is away, reports wait for it


class Load:
    """Of one process: the calls under way, and how hard it is pressed."""

    def __init__(self, clock: IReactorTime, limits: LimitsConfig) -> None:
        self._clock, self._limits = clock, limits
        self.level = 0.0
        self.lag_s = 0.0
        self.waiting: dict[Any, tuple[float, Callable[[PandadError], object], float]] = {}  # by request, the oldest first
        self._shortest_s = inf
        self._was_late = False
        self._call: IDelayedCall | None = None
        self._rates = Rates(clock, limits)
        self.check_rate = self._rates.check

    def adopt(self, limits: LimitsConfig) -> None:
        """From now on these, also for calls that are under way."""
        self._limits = self._rates.limits = limits

    def start(self) -> None:
        """Look from now on."""
        metrics.CALLS_WAITING.is_now(lambda: len(self.waiting))
        metrics.CALLS_OLDEST.is_now(lambda: self.oldest_s)
        metrics.REACTOR_LAG.is_now(lambda: self.lag_s)
        metrics.LOAD_LEVEL.is_now(lambda: self.level)
        self._look_again()

    def stop(self) -> None:
        """Look no more."""
        if self._call is not None and self._call.active():
            self._call.cancel()

    def expect(self, answer_s: float) -> None:
        """There are calls that are to be answered within this. To be said before the first of them begins."""
        self._shortest_s = min(self._shortest_s, answer_s)

    def begin(self, request: Any, refuse: Callable[[PandadError], object], answer_s: float) -> None:
        """A call is under way.

        :param refuse: answers it, if that is not done within `answer_s`, or within that of [limits] if it is less.
        """
        self.waiting[request] = self._clock.seconds(), refuse, answer_s

    def end(self, request: Any) -> float | None:
        """It is answered, or nobody waits for it: how long it took, s; None if it had been answered for being late."""
        known = self.waiting.pop(request, None)
        return self._clock.seconds() - known[0] if known is not None else None

    @property
    def answer_s(self) -> float:
        """Within which every call is answered."""
        return self._limits.answer_s

    def admit(self, urgency: Urgency) -> None:
        """:raise Overloaded: not now. To be asked only while `level` is not 0."""
        if urgency >= Urgency.HEARTBEAT and self.level - PUT_OFF.index(urgency) > random():
            metrics.CALLS_PUT_OFF.add(urgency.name.lower())
            raise Overloaded

    @property
    def oldest_s(self) -> float:
        """How long the oldest call has been under way."""
        first = next(iter(self.waiting.values()), None)
        return self._clock.seconds() - first[0] if first is not None else 0.0

    def _look_again(self) -> None:
        self._due_s = self._clock.seconds() + LOOK_S
        self._call = self._clock.callLater(LOOK_S, self._look)

    def _look(self) -> None:
        self.lag_s = max(self._clock.seconds() - self._due_s, 0.0)
        late = self.lag_s > self._limits.lag_s
        if late and self._was_late:  # once is a long step, not a queue
            self.level = min(self.level + RAISE, HIGHEST)
        elif self.oldest_s > OLD_S and self.level <= HIGHEST_FOR_OLD:
            self.level = min(self.level + LOWER, HIGHEST_FOR_OLD)
        elif self.lag_s < self._limits.lag_s / 2:
            self.level = max(self.level - LOWER, 0.0)
        self._was_late = late
        self._answer_late()
        self._look_again()

    def _answer_late(self) -> None:
        most_s = self._limits.answer_s
        if self.oldest_s < min(self._shortest_s, most_s):
            return
        now_s = self._clock.seconds()
        for request, (since_s, refuse, answer_s) in list(self.waiting.items()):
            if now_s - since_s >= (limit_s := min(answer_s, most_s)):
                del self.waiting[request]
                metrics.CALLS_LATE.add()
                refuse(AnswerLate(limit_s))


class Rates:
    """How fast each caller calls: a bucket of `calls_burst` that fills with `calls_per_s`.

    Whoever has a role has one for each address, with more in it: the pilots of a site share one identity, and those of another
    site are not to wait for them.
    """

    def __init__(self, clock: IReactorTime, limits: LimitsConfig) -> None:
        self._buckets, self.limits = Buckets(clock), limits

    def check(self, caller: Caller, host: str) -> None:
        """Count one call, for the account of the caller if he has one.

        :param host: where from.
        :raise TooManyCalls: this was one too many.
        """
        limits = self.limits
        who: Hashable = caller.account or caller.identity or network_of(host)
        per_s, burst = limits.calls_per_s, limits.calls_burst
        if caller.roles:
            who, per_s, burst = (who, network_of(host)), limits.role_calls_per_s, limits.role_calls_burst
        if self._buckets.take(who, per_s, burst):
            metrics.CALLS_TOO_MANY.add()
            raise TooManyCalls(_named(caller, host), per_s)


def _named(caller: Caller, host: str) -> str:
    if caller.identity is None:
        return host
    return f"{caller.identity.subject} from {host}" if caller.roles else caller.identity.subject
