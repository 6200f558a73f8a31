"""Answers are kept for a while, and read once for all who ask at the same time."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from pandad.spec.errors import Unavailable
from pandad.userinterface.kept import FRESH_S, FRESH_TIMES, KEPT_MOST, Kept


class Source:
    """Answers when told to; counts how often it was read."""

    def __init__(self) -> None:
        self.reads = 0
        self.gates: list[Deferred[int]] = []

    async def read(self) -> int:
        self.reads += 1
        self.gates.append(Deferred())
        return await self.gates[-1]


def asked(kept: Kept[int], source: Source, key: object = "x") -> Deferred[int]:
    """Somebody asks."""
    return Deferred.fromCoroutine(kept.of(key, source.read))


@pytest.fixture
def source() -> Source:
    """One."""
    return Source()


@ensureDeferred
async def test_one_reading_serves_all(source: Source) -> None:
    """Whoever asks while the same is being read gets that."""
    kept: Kept[int] = Kept(Clock())
    both = asked(kept, source), asked(kept, source)
    source.gates[0].callback(7)
    assert [await each for each in both] == [7, 7] and source.reads == 1


@pytest.mark.parametrize(("took_s", "fresh_s"), [(0.0, FRESH_S), (3.0, 3.0 * FRESH_TIMES)])
@ensureDeferred
async def test_the_longer_it_takes_the_longer_it_is_kept(source: Source, took_s: float, fresh_s: float) -> None:
    """So that asking again and again leaves the database most of its time."""
    clock = Clock()
    kept: Kept[int] = Kept(clock)
    first = asked(kept, source)
    clock.advance(took_s)
    source.gates[0].callback(1)
    assert await first == 1
    clock.advance(fresh_s - 0.01)
    assert await asked(kept, source) == 1 and source.reads == 1
    clock.advance(0.02)
    asked(kept, source)
    assert source.reads == 2


@ensureDeferred
async def test_failures_are_not_kept(source: Source) -> None:
    """All who wait hear of it, and the next one reads anew."""
    kept: Kept[int] = Kept(Clock())
    both = asked(kept, source), asked(kept, source)
    source.gates[0].errback(Unavailable("not now"))
    for each in both:
        with pytest.raises(Unavailable):
            await each
    again = asked(kept, source)
    source.gates[1].callback(2)
    assert await again == 2


@ensureDeferred
async def test_it_does_not_grow(source: Source) -> None:
    """However much is asked for, the oldest answers go."""
    kept: Kept[int] = Kept(Clock())

    def answer(value: int) -> Callable[[], Deferred[int]]:
        async def read() -> int:
            return value

        return lambda: Deferred.fromCoroutine(read())

    for number in range(KEPT_MOST + 20):
        assert await kept.of(number, answer(number)) == number
    assert len(kept._found) == KEPT_MOST and 0 not in kept._found
