"""What was read for one who asked is kept for others who ask soon: the longer it took the longer, so that nobody can keep the
database busy by asking."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from typing import Any, Generic, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

T = TypeVar("T")

FRESH_S = 2.0
FRESH_TIMES = 10  # and so many times as long as it took to read
KEPT_MOST = 200  # answers


class Kept(Generic[T]):
    """Answers by what was asked. Who asks while the same is being read waits for that; what failed is not kept."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._found: dict[Hashable, tuple[float, T]] = {}  # and until when it is good, the oldest first
        self._asking: dict[Hashable, list[Deferred[T]]] = {}

    async def of(self, key: Hashable, read: Callable[[], Awaitable[T]]) -> T:
        """The answer.

        :param read: gets it; what it raises goes to all who wait.
        """
        if key in self._found and self._clock.seconds() < self._found[key][0]:
            return self._found[key][1]
        if key in self._asking:
            waits: Deferred[T] = Deferred()
            self._asking[key].append(waits)
            return await waits
        self._asking[key] = []
        reading = Deferred.fromCoroutine(self._read(key, read))
        reading.addBoth(self._tell, key)
        return await reading

    async def _read(self, key: Hashable, read: Callable[[], Awaitable[T]]) -> T:
        began_s = self._clock.seconds()
        found = await read()
        now_s = self._clock.seconds()
        self._found.pop(key, None)
        self._found[key] = now_s + max(FRESH_S, FRESH_TIMES * (now_s - began_s)), found
        if len(self._found) > KEPT_MOST:
            self._found.pop(next(iter(self._found)))
        return found

    def _tell(self, result: Any, key: Hashable) -> Any:
        for each in self._asking.pop(key):
            each.callback(result)  # a failure goes its own way
        return result
