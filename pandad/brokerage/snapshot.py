"""The facts that a decision may use, frozen at one instant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pandad.spec.facts import Ends, Link, Load, Pilots, Space, Usage
from pandad.spec.jobstatus import JobStatus
from pandad.spec.site import Queue

COUNTED = frozenset({JobStatus.ASSIGNED, JobStatus.WAITING, JobStatus.ACTIVATED, JobStatus.SENT, JobStatus.STARTING,
                     JobStatus.RUNNING, JobStatus.TRANSFERRING})


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All queues by name order, and what is known of them.

    :param counts: by queue, how many jobs it has per state (the COUNTED ones). :param pilots, ends: by queue.
    :param space: by storage endpoint. :param links: by (from, to). :param usage: by jediTaskID.
    """

    queues: Sequence[Queue]
    counts: Mapping[str, Mapping[JobStatus, int]]
    pilots: Mapping[str, Pilots] = field(default_factory=dict)
    ends: Mapping[str, Ends] = field(default_factory=dict)
    space: Mapping[str, Space] = field(default_factory=dict)
    links: Mapping[tuple[str, str], Link] = field(default_factory=dict)
    usage: Mapping[int, Usage] = field(default_factory=dict)

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
