"""The facts that a decision may use, frozen at one instant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pandad.brokerage.inputs import Inputs, Work
from pandad.brokerage.links import Links
from pandad.spec.facts import Brake, Ends, Link, Load, Pilots, Scouting, Space, Usage, Whereabouts
from pandad.spec.job import JobSpec
from pandad.spec.jobstatus import JobStatus
from pandad.spec.site import Queue
from pandad.spec.storage import Endpoint, Medium

COUNTED = frozenset({JobStatus.ASSIGNED, JobStatus.WAITING, JobStatus.ACTIVATED, JobStatus.SENT, JobStatus.STARTING,
                     JobStatus.RUNNING, JobStatus.TRANSFERRING})


@dataclass(frozen=True, slots=True)
class Now:
    """How a queue does. None: not known.

    :param given: jobs that this round has given it already; they are among those of its load.
    :param endpoint, space: where its jobs write to.
    """

    load: Load = Load()
    given: int = 0
    pilots: Pilots | None = None
    ends: Ends | None = None
    brake: Brake | None = None
    endpoint: Endpoint | None = None
    space: Space | None = None

    def after(self, counted: Load, given: int) -> Now:
        """When this round has given it so many jobs.

        :param counted: what it had before. :param given: less than 0: that were taken away.
        """
        return Now(_after(counted, given), given, self.pilots, self.ends, self.brake, self.endpoint, self.space)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All queues by name order, and what is known of them.

    :param counts: by queue, how many jobs it has per state (the COUNTED ones). :param pilots, ends, brakes: by queue.
    :param endpoints, space: by storage endpoint. :param links, ways: by (from, to).
    :param usage, scouts: by jediTaskID. :param where: where the input of the jobs is. None: not known.
    :param moves: whether the data service brings what is missing. :param read_from: the endpoints from which queues read.
    :param promised: by endpoint, files that will be moved there for jobs of this round.
    :param tapes: those where files have to be staged first.
    """

    queues: Sequence[Queue]
    counts: Mapping[str, Mapping[JobStatus, int]]
    pilots: Mapping[str, Pilots] = field(default_factory=dict)
    ends: Mapping[str, Ends] = field(default_factory=dict)
    endpoints: Mapping[str, Endpoint] = field(default_factory=dict)
    space: Mapping[str, Space] = field(default_factory=dict)
    links: Mapping[tuple[str, str], Link] = field(default_factory=dict)
    usage: Mapping[int, Usage] = field(default_factory=dict)
    brakes: Mapping[str, Brake] = field(default_factory=dict)
    scouts: Mapping[int, Scouting] = field(default_factory=dict)
    where: Whereabouts | None = None
    moves: bool = True
    promised: Mapping[str | None, int] = field(default_factory=dict)
    ways: Links = field(init=False, repr=False, compare=False)
    read_from: frozenset[str] = field(init=False, repr=False, compare=False)
    tapes: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        links = self.links if isinstance(self.links, Links) else Links(self.links)
        object.__setattr__(self, "links", links)  # kept when the rest is replaced
        object.__setattr__(self, "ways", links)
        object.__setattr__(self, "read_from", frozenset(q.endpoint_in for q in self.queues if q.endpoint_in))
        object.__setattr__(self, "tapes", frozenset(name for name, e in self.endpoints.items() if e.medium is Medium.TAPE))

    def count(self, queue: str, *states: JobStatus) -> int:
        """Jobs of a queue in those states."""
        per_state = self.counts.get(queue, {})
        return sum(per_state.get(s, 0) for s in states)

    def counted(self, queue: str) -> Load:
        """What a queue had to do when it was counted."""
        return Load(
            assigned=self.count(queue, JobStatus.ASSIGNED, JobStatus.WAITING),
            activated=self.count(queue, JobStatus.ACTIVATED, JobStatus.SENT, JobStatus.STARTING),
            running=self.count(queue, JobStatus.RUNNING), transferring=self.count(queue, JobStatus.TRANSFERRING))

    def facts(self, queue: Queue) -> Now:
        """How a queue does, but for its jobs. Of a queue whose pilots nobody saw, while those of others were, it is known that
        there are none."""
        pilots = self.pilots.get(queue.name, Pilots()) if self.pilots else None
        endpoint = self.endpoints.get(queue.endpoint_out or "")
        space = self.space.get(queue.endpoint_out or "") or (endpoint.space if endpoint is not None else None)
        return Now(Load(), 0, pilots, self.ends.get(queue.name), self.brakes.get(queue.name), endpoint, space)

    def work(self, job: JobSpec) -> Work:
        """What is known of a job."""
        inputs = None
        if self.where is not None and (wanted := job.inputs):
            inputs = Inputs.of(wanted, self.where, self.tapes)
        return Work(job, inputs, self.usage.get(job.jediTaskID or 0))


def _after(counted: Load, given: int) -> Load:
    """Jobs that are taken away were assigned, or else activated."""
    assigned = counted.assigned + given
    return Load(max(assigned, 0), max(counted.activated + min(assigned, 0), 0), counted.running, counted.transferring)
