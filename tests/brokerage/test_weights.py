"""The weight of a queue for a generic VO."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pandad.brokerage.snapshot import COUNTED, Snapshot
from pandad.brokerage.weights import generic
from pandad.spec.jobstatus import JobStatus as S

COUNTS = st.dictionaries(st.sampled_from(sorted(COUNTED)), st.integers(0, 1000))


def test_pandas_formula() -> None:
    """(running + 1) / (activated + assigned + 1) / (assigned + 1), the jobs of this round counted as assigned."""
    snapshot = Snapshot((), {"Q": {S.RUNNING: 9, S.ACTIVATED: 2, S.ASSIGNED: 1}})
    assert generic("Q", snapshot, 0) == pytest.approx(10 / 4 / 2)
    assert generic("Q", snapshot, 3) == pytest.approx(10 / 7 / 5)
    assert generic("unknown", snapshot, 0) == 1


@given(COUNTS, st.integers(0, 100), st.sampled_from(sorted(COUNTED)))
def test_work_that_waits_makes_lighter(counts: dict[S, int], given_: int, status: S) -> None:
    """One more running job makes a queue heavier, one more job that waits makes it lighter; a weight is never 0."""
    more = {**counts, status: counts.get(status, 0) + 1}
    before, after = (generic("Q", Snapshot((), {"Q": c}), given_) for c in (counts, more))
    assert before > 0 and after > 0
    assert (after > before) if status is S.RUNNING else (after < before)
