"""A loop never dies, never overlaps itself, always stops, and says when it is not well."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from pandad.daemons.loop import BACKOFF_MAX_S, LATE_PERIODS, OUTAGE_PAUSE_S, WAKE_GAP_S, Loop
from pandad.spec.errors import StoreUnavailable

PERIOD_S = 10.0
EARLIEST, LATEST = 0.79, 1.21  # of a pause, with its jitter


class Rounds:
    """A body that a test steers: rounds begin when the loop likes and end when the test says."""

    def __init__(self, patience_s: float = 0.0) -> None:
        self.clock = Clock()
        self.loop = Loop(self.clock, "test", PERIOD_S, self._body, patience_s)
        self.begun = 0
        self.open: Deferred[bool] | None = None

    def _body(self) -> Deferred[bool]:
        assert self.open is None, "two rounds at once"
        self.begun += 1
        self.open = Deferred()
        return self.open

    def end(self, result: bool | Exception = False) -> None:
        """The round under way is over."""
        assert self.open is not None
        ending, self.open = self.open, None
        if isinstance(result, Exception):
            ending.errback(result)
        else:
            ending.callback(result)

    def fail(self) -> None:
        """The round under way fails."""
        self.end(ValueError("a mistake"))


@pytest.fixture
def rounds() -> Iterator[Rounds]:
    """Started; at the end stopped, with nothing left on the clock."""
    made = Rounds()
    made.loop.startService()
    yield made
    stopped = made.loop.stopService()
    if made.open is not None:
        made.end()
    assert stopped is not None and stopped.called and made.clock.getDelayedCalls() == []


def test_first_round_at_once(rounds: Rounds) -> None:
    """A loop begins with a round."""
    assert rounds.begun == 1


def test_next_round_after_the_period(rounds: Rounds) -> None:
    """The next round begins one period after the end of the last, give or take the jitter."""
    for begun in range(1, 5):
        rounds.end()
        rounds.clock.advance(EARLIEST * PERIOD_S)
        assert rounds.begun == begun
        rounds.clock.advance((LATEST - EARLIEST) * PERIOD_S)
        assert rounds.begun == begun + 1


def test_never_overlaps(rounds: Rounds) -> None:
    """However long a round takes and however often the loop is woken meanwhile, no second one begins beside it."""
    for _ in range(50):
        rounds.clock.advance(PERIOD_S)
        rounds.loop.wake()
    assert rounds.begun == 1


def test_again_at_once_while_there_is_more(rounds: Rounds) -> None:
    """True means another round without a pause, for as long as it is True."""
    for begun in range(2, 6):
        rounds.end(True)
        assert rounds.begun == begun
    rounds.end(False)
    assert rounds.begun == 5


def test_wake_ends_the_pause(rounds: Rounds) -> None:
    """A woken loop runs now, and the period counts from then."""
    rounds.end()
    rounds.loop.wake()
    assert rounds.begun == 2
    rounds.end()
    rounds.clock.advance(EARLIEST * PERIOD_S)
    assert rounds.begun == 2


def test_wake_during_a_round_is_not_lost(rounds: Rounds) -> None:
    """Work that came while a round was looking elsewhere is met by another after a short gap; one, however many wakes."""
    rounds.loop.wake()
    rounds.loop.wake()
    rounds.end()
    assert rounds.begun == 1
    rounds.clock.advance(WAKE_GAP_S)
    assert rounds.begun == 2
    rounds.end()
    rounds.clock.advance(WAKE_GAP_S)
    assert rounds.begun == 2


def test_endless_wakes_leave_gaps(rounds: Rounds) -> None:
    """A loop that is woken all the time has a round per gap, not one per wake."""
    for begun in range(1, 5):
        rounds.loop.wake()
        rounds.end()
        for _ in range(3):
            rounds.loop.wake()
        assert rounds.begun == begun
        rounds.clock.advance(WAKE_GAP_S)
        assert rounds.begun == begun + 1


def test_survives_errors_with_growing_pauses(rounds: Rounds) -> None:
    """Each failure in a row doubles the pause, up to the maximum; a good round brings the period back."""
    for failures in range(1, 9):
        rounds.fail()
        assert rounds.loop.failures == failures
        pause_s = min(PERIOD_S * 2**failures, BACKOFF_MAX_S)
        rounds.clock.advance(EARLIEST * pause_s)
        assert rounds.begun == failures
        rounds.clock.advance((LATEST - EARLIEST) * pause_s)
        assert rounds.begun == failures + 1
    rounds.end()
    assert rounds.loop.failures == 0 and rounds.loop.last_error is None
    rounds.clock.advance(LATEST * PERIOD_S)
    assert rounds.begun == 10


def test_survives_a_body_that_raises_at_once() -> None:
    """An error before the first await is like any other."""
    clock = Clock()

    async def body() -> bool:
        raise ValueError("a mistake")

    loop = Loop(clock, "test", PERIOD_S, body)
    loop.startService()
    clock.advance(LATEST * 2 * PERIOD_S)
    assert loop.failures == 2 and loop.last_error == "ValueError: a mistake"
    loop.stopService()


def test_failing_rounds_do_not_spin(rounds: Rounds) -> None:
    """A wake during a round that then fails does not take its pause away."""
    rounds.loop.wake()
    rounds.fail()
    assert rounds.begun == 1


def test_stops_at_once_when_idle(rounds: Rounds) -> None:
    """A loop that pauses stops without another round, in the gap after a wake too."""
    rounds.loop.wake()
    rounds.end()
    stopped = rounds.loop.stopService()
    assert stopped is not None and stopped.called
    rounds.clock.advance(10 * PERIOD_S)
    assert rounds.begun == 1


@pytest.mark.parametrize("more", [False, True, ValueError("a mistake")], ids=["done", "more", "failed"])
def test_stops_after_the_round_under_way(rounds: Rounds, more: bool | Exception) -> None:
    """The result of stopService fires when the running round has ended, however it ends, and no other begins."""
    stopped = rounds.loop.stopService()
    assert stopped is not None and not stopped.called
    rounds.end(more)
    assert stopped.called and rounds.begun == 1


def test_starts_again(rounds: Rounds) -> None:
    """A stopped loop can be started again."""
    rounds.end()
    rounds.loop.stopService()
    rounds.loop.startService()
    assert rounds.begun == 2


def test_no_complaint_while_rounds_are_good(rounds: Rounds) -> None:
    """A loop that had a good run not long ago is well."""
    for _ in range(10):
        rounds.end()
        rounds.clock.advance(LATEST * PERIOD_S)
        assert rounds.loop.complaint() is None


def test_complains_of_failures(rounds: Rounds) -> None:
    """Without a good run for some periods it complains with its name, the time and the last error, until a run is good."""
    while rounds.clock.seconds() <= LATE_PERIODS * PERIOD_S:
        if rounds.open is not None:
            rounds.fail()
        rounds.clock.advance(1)
    assert rounds.loop.complaint() == "loop test had no good run for 31 s: ValueError: a mistake"
    rounds.loop.wake()
    rounds.end()
    assert rounds.loop.complaint() is None


def test_complains_of_a_round_that_hangs(rounds: Rounds) -> None:
    """A round that never ends is noticed too."""
    rounds.clock.advance(LATE_PERIODS * PERIOD_S)
    assert rounds.loop.complaint() is None
    rounds.clock.advance(1)
    assert rounds.loop.complaint() == "loop test had no good run for 31 s: its round takes too long"


def test_patience_with_others() -> None:
    """A round that waits for another system may take so much longer; one that fails gets no more time than any."""
    rounds = Rounds(patience_s=600)
    rounds.loop.startService()
    rounds.clock.advance(LATE_PERIODS * PERIOD_S + 600)
    assert rounds.loop.complaint() is None
    rounds.clock.advance(1)
    assert rounds.loop.complaint() == "loop test had no good run for 631 s: its round takes too long"
    rounds.fail()
    assert "a mistake" in (rounds.loop.complaint() or "")
    rounds.loop.stopService()


def test_stopped_loop_does_not_complain() -> None:
    """What is not to run is not late."""
    rounds = Rounds()
    rounds.clock.advance(1000)
    assert rounds.loop.complaint() is None


def test_an_outage_does_not_lengthen_the_pause(rounds: Rounds) -> None:
    """However long the database is away, the loop asks again after a short pause, and after the first answer all is as before."""
    for begun in range(2, 12):
        rounds.end(StoreUnavailable("the database is away"))
        assert rounds.loop.failures == 0 and rounds.loop.last_error == "the database is away"
        rounds.clock.advance(OUTAGE_PAUSE_S)
        assert rounds.begun == begun
    rounds.end()
    assert rounds.loop.last_error is None and rounds.loop.complaint() is None
    rounds.clock.advance(EARLIEST * PERIOD_S)
    assert rounds.begun == 11
