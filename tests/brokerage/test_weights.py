"""PanDA's weights, worked out by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pandad.brokerage.weights import analysis, generic, production
from pandad.spec.facts import Load

Formula = Callable[[Load], float]
FEW = st.integers(0, 1000)
LOADS = st.builds(Load, FEW, FEW, FEW)


@pytest.mark.parametrize(
    ("weight", "assigned", "activated", "running", "by_hand"),
    [
        (generic, 0, 0, 0, 1),
        (generic, 1, 2, 9, 10 / 4 / 2),
        (generic, 4, 2, 9, 10 / 7 / 5),
        (analysis, 0, 0, 0, 1),
        (analysis, 1, 2, 9, 10 / 4),
        (production, 0, 0, 0, 1 / 10 / 1),
        (production, 1, 4, 9, 10 / 15 / 1),
        (production, 5, 3, 99, 100 / 18 / 1.5),
        (production, 30, 0, 9, 10 / 40 / 2),
    ],
)
def test_pandas_formulas(weight: Formula, assigned: int, activated: int, running: int, by_hand: float) -> None:
    """The brokers' formulas; production's backlog counts between one and two times."""
    assert weight(Load(assigned, activated, running)) == pytest.approx(by_hand)


@given(st.sampled_from([generic, analysis, production]), LOADS)
def test_work_that_waits_makes_lighter(weight: Formula, load: Load) -> None:
    """One more running job makes a queue heavier, one more that waits for its input lighter; a weight is never 0."""
    assert weight(load) > 0
    assert weight(replace(load, running=load.running + 1)) > weight(load)
    assert weight(replace(load, assigned=load.assigned + 1)) < weight(load)
