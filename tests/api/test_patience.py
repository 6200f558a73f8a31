"""How long a client may take; Arrival is tested on whole connections in test_hostile."""

from __future__ import annotations

from twisted.internet.task import Clock

from pandad.api.patience import LEAST_BYTES_PER_S, STALL_S, Stall


class Reader:
    """Takes what it wants of a reply."""

    def __init__(self) -> None:
        self.clock, self.taken, self.waits = Clock(), 0, True
        self.given_up: list[int] = []  # what had been taken then
        self.stall = Stall(self.clock, lambda: self.taken, lambda: self.waits, self._give_up)

    def _give_up(self) -> None:
        self.given_up.append(self.taken)


def test_nothing_is_taken() -> None:
    """Who takes nothing is given up on, once; however often something is to be written meanwhile."""
    reader = Reader()
    for _ in range(STALL_S):
        reader.stall.watch()
        assert not reader.given_up
        reader.clock.advance(1)
    assert len(reader.given_up) == 1
    assert reader.clock.getDelayedCalls() == []


def test_slowly_but_surely() -> None:
    """Who takes 1 KiB/s may take as long as it wants; who becomes slower then may not."""
    reader = Reader()
    reader.stall.watch()
    for _ in range(10 * STALL_S):
        reader.taken += LEAST_BYTES_PER_S
        reader.clock.advance(1)
    assert not reader.given_up
    reader.clock.pump([1] * 2 * STALL_S)
    assert len(reader.given_up) == 1


def test_all_is_taken() -> None:
    """Nobody is watched who has all; and again when there is more."""
    reader = Reader()
    reader.stall.watch()
    reader.waits = False
    reader.clock.advance(STALL_S)
    assert (reader.given_up, reader.clock.getDelayedCalls()) == ([], [])
    reader.waits = True
    reader.stall.watch()
    reader.clock.advance(STALL_S)
    assert len(reader.given_up) == 1


def test_gone() -> None:
    """Nothing is left of the watch over a connection that is gone."""
    reader = Reader()
    reader.stall.watch()
    reader.stall.end()
    reader.stall.end()
    assert reader.clock.getDelayedCalls() == []
