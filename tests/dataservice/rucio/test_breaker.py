"""Rucio is left alone while it is away."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from pandad import metrics
from pandad.dataservice.ddm import DDMUnavailable
from pandad.dataservice.rucio.breaker import LONGEST_S, Breaker, State


def opened(clock: Clock, after: int = 3, first_s: float = 5.0) -> Breaker:
    breaker = Breaker(clock, "Rucio", after, first_s)
    for _ in range(after):
        breaker.admit()
        breaker.failed("no route")
    return breaker


def refused(breaker: Breaker) -> bool:
    try:
        breaker.admit()
    except DDMUnavailable:
        return True
    return False


def test_some_failures_are_nothing() -> None:
    """An answer in between, and counting begins anew."""
    breaker = Breaker(Clock(), "Rucio", 3, 5.0)
    for _ in range(10):
        breaker.failed("no route")
        breaker.failed("no route")
        breaker.succeeded()
    assert (breaker.state, breaker.complaint()) == (State.CLOSED, None)


def test_it_opens_and_says_so() -> None:
    """After so many in a row nobody asks for a while, and who would is told since when, why, and how long yet."""
    clock = Clock()
    breaker = opened(clock)
    clock.advance(2)
    with pytest.raises(DDMUnavailable, match=r"Rucio did not answer for 2 s \(no route\); it is asked again in 3 s"):
        breaker.admit()
    assert metrics.RUCIO_BREAKER.values[()] == State.OPEN


def test_one_may_try() -> None:
    """When the time is over one call goes through, and no other before it has its answer."""
    clock = Clock()
    breaker = opened(clock)
    clock.advance(5)
    assert not refused(breaker)
    assert refused(breaker)
    breaker.succeeded()
    assert [refused(breaker) for _ in range(3)] == [False] * 3


def test_pauses_grow() -> None:
    """Each trial that fails doubles the pause, up to a minute; the first answer makes it short again."""
    clock = Clock()
    breaker = opened(clock)
    pauses = []
    for _ in range(6):
        waited_s = 0
        while refused(breaker):
            clock.advance(1)
            waited_s += 1
        pauses.append(waited_s)
        breaker.failed("no route")
    assert pauses == [5, 10, 20, 40, LONGEST_S, LONGEST_S]
    clock.advance(LONGEST_S)
    breaker.admit()
    breaker.succeeded()
    for _ in range(3):
        breaker.failed("no route")
    clock.advance(5)
    assert not refused(breaker)


def test_a_trial_that_was_given_up() -> None:
    """The next one may try."""
    clock = Clock()
    breaker = opened(clock)
    clock.advance(5)
    breaker.admit()
    breaker.abandoned()
    assert not refused(breaker)


def test_a_late_answer_counts() -> None:
    """A call that was under way when it opened shows that Rucio is there."""
    breaker = opened(Clock())
    breaker.succeeded()
    assert not refused(breaker)
