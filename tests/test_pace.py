"""Long work in slices."""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from pandad.pace import SLICE_S, Pace


def test_it_gives_way_after_a_slice() -> None:
    """Not before; and what it worked is told without the rests."""
    clock = Clock()
    pace = Pace(clock)
    clock.advance(SLICE_S / 2)
    assert Deferred.fromCoroutine(pace.rest()).called
    clock.advance(SLICE_S / 2)
    rest = Deferred.fromCoroutine(pace.rest())
    assert not rest.called
    clock.advance(5)
    assert rest.called
    clock.advance(0.25)
    assert pace.worked_s == pytest.approx(SLICE_S + 0.25)
