"""What a queue has to do already, against what it may have."""

from __future__ import annotations

import pytest
from factories import a_queue
from hypothesis import given
from hypothesis import strategies as st

from pandad.brokerage.loads import TRANSFERRING_LIMIT, Limits, cap, transferring
from pandad.brokerage.snapshot import Now
from pandad.spec.facts import Load

FEW = st.integers(0, 50)


@given(waiting=FEW, running=FEW, limit=FEW)
def test_cap(waiting: int, running: int, limit: int) -> None:
    """A queue gets no more once it has as many waiting as the limit says, unless it runs more than half; 0 is no limit."""
    no = cap(a_queue(), Now(Load(activated=waiting, running=running)), Limits(limit))
    assert (no is not None) == (limit > 0 and waiting >= max(limit, 2 * running))
    assert no is None or (no.criterion, no.have) == ("cap", waiting)


@pytest.mark.parametrize(
    ("limit", "running", "there", "takes"),
    [(0, 0, TRANSFERRING_LIMIT, True), (0, 0, TRANSFERRING_LIMIT + 1, False),
     (5, 0, 6, False), (5, 3, 6, True), (5, 3, 7, False)],
)
def test_transferring(limit: int, running: int, there: int, takes: bool) -> None:
    """Outputs on their way: over the queue's limit, or PanDA's 2000, and over twice what it runs is too many."""
    no = transferring(a_queue(transferringlimit=limit), Now(Load(running=running, transferring=there)), Limits())
    assert (no is None) == takes
    assert no is None or (no.criterion, no.have) == ("transferring", there)
