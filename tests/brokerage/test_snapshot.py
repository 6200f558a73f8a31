"""The facts of a round."""

from __future__ import annotations

from pandad.brokerage.snapshot import Snapshot
from pandad.spec.facts import Load
from pandad.spec.jobstatus import JobStatus as S


def test_counts_add_up_over_states() -> None:
    """Jobs are counted over the states asked for; unknown queues and states have none."""
    snapshot = Snapshot((), {"A": {S.RUNNING: 3, S.SENT: 2}})
    assert snapshot.count("A", S.RUNNING, S.SENT, S.STARTING) == 5
    assert snapshot.count("A") == 0
    assert snapshot.count("B", S.RUNNING) == 0


def test_load() -> None:
    """Jobs of this round count as assigned; those that a pilot has not begun yet as activated."""
    counts = {S.ASSIGNED: 1, S.WAITING: 2, S.ACTIVATED: 4, S.SENT: 8, S.STARTING: 16, S.RUNNING: 32, S.TRANSFERRING: 64}
    load = Snapshot((), {"A": counts}).load("A", 100)
    assert (load.assigned, load.activated, load.waiting, load.running, load.transferring) == (103, 28, 131, 32, 64)
    assert Snapshot((), {}).load("A", 0) == Load()
