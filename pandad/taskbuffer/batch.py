"""Calls of one kind that arrive together share one statement and one commit; each gets its own answer, after the commit."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Generic, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from pandad.spec.errors import Unavailable

Q = TypeVar("Q")
A = TypeVar("A")

MOST = 200  # questions in one round


class Batcher(Generic[Q, A]):
    """One round at a time: what arrives during a round goes into the next one, so that a lone call waits for nothing.

    :param work: does a round in one transaction, all of it or nothing; one answer per question, in their order.
    :param key: two questions with the same key never share a round: they would be about the same row.
    """

    def __init__(self, work: Callable[[Sequence[Q]], Awaitable[Sequence[A]]], key: Callable[[Q], Hashable]) -> None:
        self._work, self._key = work, key
        self._waiting: list[tuple[Q, Deferred[A]]] = []
        self._busy = False

    def ask(self, question: Q) -> Deferred[A]:
        """The answer, when it is durable. Fails with what the work raises for it."""
        answer: Deferred[A] = Deferred()
        self._waiting.append((question, answer))
        if not self._busy:
            self._busy = True
            Deferred.fromCoroutine(self._rounds())
        return answer

    async def _rounds(self) -> None:
        try:
            while self._waiting:
                await self._round(self._next())
        finally:
            self._busy = False

    def _next(self) -> list[tuple[Q, Deferred[A]]]:
        """The oldest questions that may share a round; the others keep their order."""
        taken: dict[Hashable, tuple[Q, Deferred[A]]] = {}
        kept = []
        for pair in self._waiting:
            key = self._key(pair[0])
            if len(taken) == MOST or key in taken:
                kept.append(pair)
            else:
                taken[key] = pair
        self._waiting = kept
        return list(taken.values())

    async def _round(self, pairs: Sequence[tuple[Q, Deferred[A]]]) -> None:
        try:
            answers = await self._work([question for question, _ in pairs])
        except Exception as error:
            await self._failed(pairs, error)
            return
        for (_, waiting), answer in zip(pairs, answers, strict=True):
            waiting.callback(answer)

    async def _failed(self, pairs: Sequence[tuple[Q, Deferred[A]]], error: Exception) -> None:
        """An outage is everybody's. Any other error is some row's: alone, each finds out whose."""
        if isinstance(error, Unavailable) or len(pairs) == 1:
            for _, waiting in pairs:
                waiting.errback(Failure(error))
            return
        for pair in pairs:
            await self._round([pair])
