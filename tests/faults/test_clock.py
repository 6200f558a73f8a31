"""What the jumps of a clock must not do to durations."""

from __future__ import annotations

import pytest

from .clock import false_durations

METRICS = """# TYPE pandad_transaction_seconds summary
pandad_transaction_seconds_count{{name="claim"}} 4.0
pandad_transaction_seconds_sum{{name="claim"}} {sum_s}
# EOF
"""


@pytest.mark.parametrize(("sum_s", "told"), [(0.0, False), (3.5, False), (-0.1, True), (86400.2, True)])
def test_false_durations_are_told(sum_s: float, told: bool) -> None:
    """Negative ones, and those of a day."""
    assert bool(list(false_durations(METRICS.format(sum_s=sum_s)))) is told
