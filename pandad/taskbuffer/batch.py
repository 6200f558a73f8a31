"""Calls of one kind that arrive together share one statement and one commit; each gets its own answer, after the commit."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Generic, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from pandad.spec.errors import Unavailable

K = TypeVar("K", bound=Hashable)
Q = TypeVar("Q")
A = TypeVar("A")

MOST = 100  # questions in one round


class Batcher(Generic[K, Q, A]):
    """Of each kind one round at a time: what arrives during a round goes into the next, so a lone call waits for nothing.

    :param work: does a round of questions of one kind in one transaction, all of it or nothing; an answer per question, in order.
    :param row: what a question is about; two about the same never share a round. None: they do not get in each other's way.
    """

    def __init__(self, work: Callable[[K, Sequence[Q]], Awaitable[Sequence[A]]],
                 row: Callable[[Q], Hashable] | None = None) -> None:
        self._work, self._row = work, row
        self._waiting: dict[K, list[tuple[Q, Deferred[A]]]] = {}  # kinds with a round under way

    def ask(self, kind: K, question: Q) -> Deferred[A]:
        """The answer, when it is durable. Fails with what the work raises for it."""
        answer: Deferred[A] = Deferred()
        if kind in self._waiting:
            self._waiting[kind].append((question, answer))
        else:
            self._waiting[kind] = [(question, answer)]
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

    def _next(self, kind: K) -> list[tuple[Q, Deferred[A]]]:
        """The oldest questions that may share a round; the others keep their order."""
        taken: list[tuple[Q, Deferred[A]]] = []
        kept: list[tuple[Q, Deferred[A]]] = []
        rows: set[Hashable] = set()
        for pair in self._waiting[kind]:
            row = self._row(pair[0]) if self._row is not None else len(taken)
            if len(taken) == MOST or row in rows:
                kept.append(pair)
            else:
                rows.add(row)
                taken.append(pair)
        self._waiting[kind] = kept
        return taken

    async def _round(self, kind: K, pairs: Sequence[tuple[Q, Deferred[A]]]) -> Sequence[_Answered[A]]:
        try:
            answers = await self._work(kind, [question for question, _ in pairs])
        except Exception as error:
            return await self._failed(kind, pairs, error)
        return [(waiting, answer) for (_, waiting), answer in zip(pairs, answers, strict=True)]

    async def _failed(self, kind: K, pairs: Sequence[tuple[Q, Deferred[A]]], error: Exception) -> Sequence[_Answered[A]]:
        """An outage is everybody's. Any other error is some question's: alone, each finds out whose."""
        if isinstance(error, Unavailable) or len(pairs) == 1:
            return [(waiting, Failure(error)) for _, waiting in pairs]
        return [answered for pair in pairs for answered in await self._round(kind, [pair])]


_Answered = tuple[Deferred[A], A | Failure]


def _give(answered: Sequence[_Answered[A]]) -> None:
    for waiting, answer in answered:
        waiting.callback(answer)  # a Failure is one to the Deferred too
