"""The database works while brokerage does: what is asked for next is on its way, and what was decided is being written."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, DeferredList
from twisted.python.failure import Failure

T = TypeVar("T")

AT_A_TIME = 2


async def in_turn(asks: Iterable[Callable[[], Coroutine[Any, Any, T]]], take: Callable[[T], Awaitable[object]]) -> None:
    """Take the answers one after the other; while one is taken the next is asked for already. Nothing is under way afterwards,
    not even after an error."""
    under_way: deque[Deferred[T]] = deque()
    try:
        for ask in asks:
            under_way.append(Deferred.fromCoroutine(ask()))
            if len(under_way) == AT_A_TIME:
                await take(await under_way.popleft())
        while under_way:
            await take(await under_way.popleft())
    finally:
        await DeferredList(under_way, consumeErrors=True)


class Behind:
    """What is begun here goes on while its owner does other things."""

    def __init__(self) -> None:
        self._under_way: deque[Deferred[object]] = deque()

    async def begin(self, work: Callable[[], Deferred[Any]]) -> None:
        """When there is room.

        :raise Exception: as what was begun before failed; then this is not begun.
        """
        while len(self._under_way) >= AT_A_TIME:
            await self._under_way.popleft()
        self._under_way.append(work())

    async def end(self) -> None:
        """Wait until all is over.

        :raise Exception: as the first one failed that nobody was told of.
        """
        results, self._under_way = await DeferredList(self._under_way, consumeErrors=True), deque()
        for _, result in results:
            if isinstance(result, Failure):
                result.raiseException()
