"""The facts that a decision may use, frozen at one instant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pandad.spec.jobstatus import JobStatus
from pandad.spec.site import Queue

COUNTED = frozenset({JobStatus.ASSIGNED, JobStatus.WAITING, JobStatus.ACTIVATED, JobStatus.SENT, JobStatus.STARTING,
                     JobStatus.RUNNING, JobStatus.TRANSFERRING})


@dataclass(frozen=True, slots=True)
class Load:
    """Jobs of a queue by where they are; ``activated``: also those that a pilot has and has not begun."""

    assigned: int = 0
    activated: int = 0
    running: int = 0
    transferring: int = 0

    @property
    def waiting(self) -> int:
        """Those that do not run yet."""
        return self.assigned + self.activated


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All queues by name order, and how many jobs each has per state (the COUNTED ones)."""

    queues: Sequence[Queue]
    counts: Mapping[str, Mapping[JobStatus, int]]

    def count(self, queue: str, *states: JobStatus) -> int:
        """Jobs of a queue in those states."""
        per_state = self.counts.get(queue, {})
        return sum(per_state.get(s, 0) for s in states)

    def load(self, queue: str, newly_assigned: int) -> Load:
        """What a queue has to do.

        :param newly_assigned: jobs that this round has given the queue already.
        """
        return Load(
            assigned=self.count(queue, JobStatus.ASSIGNED, JobStatus.WAITING) + newly_assigned,
            activated=self.count(queue, JobStatus.ACTIVATED, JobStatus.SENT, JobStatus.STARTING),
            running=self.count(queue, JobStatus.RUNNING),
            transferring=self.count(queue, JobStatus.TRANSFERRING))
