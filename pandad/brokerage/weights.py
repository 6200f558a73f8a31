"""How the queues that may take a job are ranked."""

from __future__ import annotations

from pandad.brokerage.snapshot import Snapshot
from pandad.spec.jobstatus import JobStatus as S


def generic(queue: str, snapshot: Snapshot, newly_assigned: int) -> float:
    """PanDA's weight for a generic VO (GenJobBroker): (running + 1) / (activated + assigned + 1) / (assigned + 1).

    :param newly_assigned: jobs that this round has given the queue already.
    """
    assigned = snapshot.count(queue, S.ASSIGNED, S.WAITING) + newly_assigned
    activated = snapshot.count(queue, S.ACTIVATED, S.SENT, S.STARTING)
    return (snapshot.count(queue, S.RUNNING) + 1) / (activated + assigned + 1) / (assigned + 1)
