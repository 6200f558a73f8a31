"""The facts that a decision may use, frozen at one instant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pandad.spec.jobstatus import JobStatus
from pandad.spec.site import Queue

COUNTED = frozenset({JobStatus.ASSIGNED, JobStatus.WAITING, JobStatus.ACTIVATED, JobStatus.SENT, JobStatus.STARTING,
                     JobStatus.RUNNING})


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All queues by name order, and how many jobs each has per state (the COUNTED ones)."""

    queues: Sequence[Queue]
    counts: Mapping[str, Mapping[JobStatus, int]]

    def count(self, queue: str, *states: JobStatus) -> int:
        """Jobs of a queue in those states."""
        per_state = self.counts.get(queue, {})
        return sum(per_state.get(s, 0) for s in states)
