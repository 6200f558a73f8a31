"""Calls of one kind that arrive together share one statement and one commit; each gets its own answer, after the commit."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Generic, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from pandad import tracing
from pandad.spec.errors import Unavailable
from pandad.tracing import Traced

K = TypeVar("K", bound=Hashable)
Q = TypeVar("Q")
A = TypeVar("A")

MOST = 100  # questions in one round

Asked = tuple[Q, Deferred[A], Traced | None]
"""A question, who waits for its answer, and for which call."""


class Batcher(Generic[K, Q, A]):
    """Of each kind one round at a time: what arrives during a round goes into the next, so a lone call waits for nothing.

    :param work: does a round of questions of one kind in one transaction, all of it or nothing; an answer per question, in order.
    :param row: what a question is about; two about the same never share a round. None: they do not get in each other's way.
    """

    def __init__(self, work: Callable[[K, Sequence[Q]], Awaitable[Sequence[A]]],
                 row: Callable[[Q], Hashable] | None = None) -> None:
        self._work, self._row = work, row
        self._waiting: dict[K, list[Asked[Q, A]]] = {}  # kinds with a round under way

    def ask(self, kind: K, question: Q) -> Deferred[A]:
        """The answer, when it is durable. Fails with what the work raises for it."""
        answer: Deferred[A] = Deferred()
        asked = question, answer, tracing.current.get()
        if kind in self._waiting:
            self._waiting[kind].append(asked)
        else:
            self._waiting[kind] = [asked]
            Deferred.fromCoroutine(self._rounds(kind))
        return answer

    async def _rounds(self, kind: K) -> None:
        under_way = self._begin(kind)
        while under_way is not None:
            answered = await under_way
            under_way = self._begin(kind)  # so the database has work while these are told
            _give(answered)
            under_way = under_way or self._begin(kind)
        del self._waiting[kind]

    def _begin(self, kind: K) -> Deferred[Sequence[_Answered[A]]] | None:
        """The next round, None if nobody waits."""
        return Deferred.fromCoroutine(self._round(kind, self._next(kind))) if self._waiting[kind] else None

    def _next(self, kind: K) -> list[Asked[Q, A]]:
        """The oldest questions that may share a round; the others keep their order."""
        taken: list[Asked[Q, A]] = []
        kept: list[Asked[Q, A]] = []
        rows: set[Hashable] = set()
        for asked in self._waiting[kind]:
            row = self._row(asked[0]) if self._row is not None else len(taken)
            if len(taken) == MOST or row in rows:
                kept.append(asked)
            else:
                rows.add(row)
                taken.append(asked)
        self._waiting[kind] = kept
        return taken

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
