"""The facts of a round."""

from __future__ import annotations

from pandad.brokerage.snapshot import Snapshot
from pandad.spec.jobstatus import JobStatus as S


def test_counts_add_up_over_states() -> None:
    """Jobs are counted over the states asked for; unknown queues and states have none."""
    snapshot = Snapshot((), {"A": {S.RUNNING: 3, S.SENT: 2}})
    assert snapshot.count("A", S.RUNNING, S.SENT, S.STARTING) == 5
    assert snapshot.count("A") == 0
    assert snapshot.count("B", S.RUNNING) == 0
