"""Discrete events: what happens next, and the clock that follows it."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any

MASK = 2**64 - 1


class Events:
    """The events to come. Those of one instant happen in the order in which they were planned, so a run can be repeated."""

    def __init__(self) -> None:
        self.now = 0.0
        self._heap: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._planned = 0

    def at(self, when: float, what: Callable[..., None], *arguments: Any) -> None:
        """Plan ``what(*arguments)``."""
        assert when >= self.now
        self._planned += 1
        heappush(self._heap, (when, self._planned, what, arguments))

    def after(self, delay_s: float, what: Callable[..., None], *arguments: Any) -> None:
        """Plan it so much later than now."""
        self.at(self.now + delay_s, what, *arguments)

    def run(self) -> None:
        """Until nothing is left to happen."""
        while self._heap:
            self.now, _, what, arguments = heappop(self._heap)
            what(*arguments)


def chance(*key: int) -> float:
    """A number in [0, 1) that belongs to this key for ever: what befalls a job is the same under every policy. (splitmix64)"""
    x = 0
    for part in key:
        x = (x ^ part) + 0x9E3779B97F4A7C15 & MASK
        x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 & MASK
        x = (x ^ x >> 27) * 0x94D049BB133111EB & MASK
        x ^= x >> 31
    return x / 2**64
