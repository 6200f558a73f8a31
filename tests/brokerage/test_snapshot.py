"""The facts of a round."""

from __future__ import annotations

from pandad.brokerage.snapshot import Now, Snapshot
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
    load = Now().after(Snapshot((), {"A": counts}).counted("A"), 100).load
    assert (load.assigned, load.activated, load.waiting, load.running, load.transferring) == (103, 28, 131, 32, 64)
    assert Snapshot((), {}).counted("A") == Load()


def test_load_that_is_taken_away() -> None:
    """Of the jobs that leave a queue those without input go first, then those that pilots could take, down to 0."""
    assert Now().after(Load(assigned=2, activated=3), -4).load == Load(activated=1)
    assert Now().after(Load(assigned=2), -4).load == Load()
