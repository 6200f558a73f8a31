"""Calls of one kind that arrive together share one statement and one commit; each gets its own answer, after the commit."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from pandad import metrics, tracing
from pandad.spec.errors import Unavailable
from pandad.tracing import Traced

K = TypeVar("K", bound=Hashable)
Q = TypeVar("Q")
A = TypeVar("A")

MOST = 100  # questions in one round
ENOUGH = 12  # that wait: then they are worth a second round beside the first

Asked = tuple[Q, Deferred[A], Traced | None]
"""A question, who waits for its answer, and for which call."""


@dataclass(slots=True, eq=False)
class _Kind(Generic[Q, A]):
    """The questions of one kind; ``rows``: what those in a round are about; ``lanes``: rounds at a time."""

    waiting: list[Asked[Q, A]] = field(default_factory=list)
    rows: set[Hashable] = field(default_factory=set)
    lanes: int = 0


class Batcher(Generic[K, Q, A]):
    """Of each kind one round at a time: what arrives during a round goes into the next, so a lone call waits for nothing.

    :param name: of what is asked, in the metrics.
    :param work: does a round of questions of one kind in one transaction, all of it or nothing; an answer per question, in order.
    :param row: what a question is about; two about the same are answered one after the other. None: they do not get in each
        other's way.
    :param lanes: more rounds of a kind run at a time when ENOUGH wait. The database then works while the last answers are
        written, at the price of smaller rounds.
    """

    def __init__(self, name: str, work: Callable[[K, Sequence[Q]], Awaitable[Sequence[A]]],
                 row: Callable[[Q], Hashable] | None = None, lanes: int = 1) -> None:
        self._name, self._work, self._row, self._lanes = name, work, row, lanes
        self._kinds: dict[K, _Kind[Q, A]] = {}  # with a round under way

    def ask(self, kind: K, question: Q) -> Deferred[A]:
        """The answer, when it is durable. Fails with what the work raises for it."""
        answer: Deferred[A] = Deferred()
        there = self._kinds.get(kind)
        if there is None:
            there = self._kinds[kind] = _Kind()
        there.waiting.append((question, answer, tracing.current.get()))
        if not there.lanes or there.lanes < self._lanes and len(there.waiting) >= ENOUGH:
            there.lanes += 1
            Deferred.fromCoroutine(self._rounds(kind, there))
        return answer

    async def _rounds(self, kind: K, there: _Kind[Q, A]) -> None:
        """One round after the other, while somebody waits."""
        under_way = self._begin(kind, there)
        while under_way is not None:
            answered = await under_way
            under_way = self._begin(kind, there)  # so the database has work while these are told
            _give(answered)
            under_way = under_way or self._begin(kind, there)
        there.lanes -= 1
        if not there.lanes:
            del self._kinds[kind]

    def _begin(self, kind: K, there: _Kind[Q, A]) -> Deferred[Sequence[_Answered[A]]] | None:
        """The next round; None if nobody waits but for a round that is under way."""
        rows, round_ = self._next(there)
        return Deferred.fromCoroutine(self._whole_round(kind, there, rows, round_)) if round_ else None

    def _next(self, there: _Kind[Q, A]) -> tuple[set[Hashable], list[Asked[Q, A]]]:
        """The oldest questions that may be answered now, and what they are about; the others keep their order."""
        if self._row is None:
            taken, there.waiting = there.waiting[:MOST], there.waiting[MOST:]
            return set(), taken
        taken, kept, rows = [], [], set()
        for asked in there.waiting:
            row = self._row(asked[0])
            if len(taken) == MOST or row in rows or row in there.rows:
                kept.append(asked)
            else:
                rows.add(row)
                taken.append(asked)
        there.waiting = kept
        there.rows |= rows
        return rows, taken

    async def _whole_round(self, kind: K, there: _Kind[Q, A], rows: set[Hashable],
                           round_: Sequence[Asked[Q, A]]) -> Sequence[_Answered[A]]:
        answered = await self._round(kind, round_)
        metrics.ROUNDS.add(self._name)
        metrics.BATCHED.add(self._name, n=len(round_))
        there.rows -= rows
        return answered

    async def _round(self, kind: K, round_: Sequence[Asked[Q, A]]) -> Sequence[_Answered[A]]:
        tracing.current.set(tracing.together([call for _, _, call in round_]))  # not the call of the first round for ever
        try:
            answers = await self._work(kind, [question for question, _, _ in round_])
        except Exception as error:
            return await self._failed(kind, round_, error)
        return [(waiting, answer) for (_, waiting, _), answer in zip(round_, answers, strict=True)]

    async def _failed(self, kind: K, round_: Sequence[Asked[Q, A]], error: Exception) -> Sequence[_Answered[A]]:
        """An outage is everybody's. Any other error is some question's: alone, each finds out whose."""
        if isinstance(error, Unavailable) or len(round_) == 1:
            return [(waiting, Failure(error)) for _, waiting, _ in round_]
        return [answered for asked in round_ for answered in await self._round(kind, [asked])]


_Answered = tuple[Deferred[A], A | Failure]


def _give(answered: Sequence[_Answered[A]]) -> None:
    for waiting, answer in answered:
        waiting.callback(answer)  # a Failure is one to the Deferred too
