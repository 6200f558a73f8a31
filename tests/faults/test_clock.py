"""What the jumps of a clock must not do to durations."""

from __future__ import annotations

import pytest

from .clock import false_durations

METRICS = """# TYPE pandad_events_total counter
pandad_events_total{{name="store.claim"}} 4
# TYPE pandad_seconds_total counter
pandad_seconds_total{{name="store.claim"}} {sum_s}
"""


@pytest.mark.parametrize(("sum_s", "told"), [(0.0, False), (3.5, False), (-0.1, True), (86400.2, True)])
def test_false_durations_are_told(sum_s: float, told: bool) -> None:
    """Negative ones, and those of a day."""
    assert bool(list(false_durations(METRICS.format(sum_s=sum_s)))) is told
