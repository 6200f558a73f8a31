"""What a pilot can take, and what of a job's needs it does not meet. Pure.

Conditions: PanDA server, getJobs. A pilot that says nothing of a resource excludes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass

from pandad.spec.caller import Identity
from pandad.spec.line import Line


@dataclass(frozen=True, slots=True, kw_only=True)
class Capability:
    """What a pilot asks for, and who it is. None excludes nothing."""

    queue: str
    count: int = 1
    memory_mb: int | None = None
    disk_mb: int | None = None
    remaining_s: int | None = None
    cores: int | None = None
    labels: Collection[str] | None = None
    job_types: Collection[str] | None = None  # job_labels; a job without one is of the type of its label
    resource_type: str | None = None
    task_id: int | None = None
    working_group: str | None = None
    country_group: str | None = None
    owners: frozenset[Identity] | None = None  # only the jobs of these
    owner_name: str | None = None  # only jobs of this compact user name
    holder: Identity
    node: str | None = None
    computing_element: str | None = None
    scheduler_id: str | None = None
    harvester_id: str | None = None
    worker_id: int | None = None  # of that Harvester

    @property
    def demands(self) -> tuple[Hashable, ...]:
        """All that decides which jobs fit: pilots alike in this get the same answers."""
        labels = tuple(self.labels) if self.labels is not None else None
        types = tuple(self.job_types) if self.job_types is not None else None
        return (self.queue, self.memory_mb, self.disk_mb, self.remaining_s, self.cores, labels, types, self.resource_type,
                self.task_id, self.working_group, self.country_group, self.owners, self.owner_name)


@dataclass(frozen=True, slots=True)
class Misfit:
    """Why a pilot does not get a job: what the pilot has, and what the job needs."""

    criterion: str
    have: object
    need: object


Condition = Callable[[Line, Capability], Misfit | None]


def _at_most(criterion: str, need: int, have: int | None) -> Misfit | None:
    return None if have is None or need <= have else Misfit(criterion, have, need)


def _equal(criterion: str, need: object, have: object | None) -> Misfit | None:
    return None if have is None or need == have else Misfit(criterion, have, need)


def label(line: Line, pilot: Capability) -> Misfit | None:
    """The pilot's label covers the job's."""
    if pilot.labels is None or line.label in pilot.labels:
        return None
    return Misfit("prodSourceLabel", tuple(pilot.labels), line.label)


def job_type(line: Line, pilot: Capability) -> Misfit | None:
    """Harvester may ask for one type of job, in the words for labels."""
    if pilot.job_types is None or (line.job_label or line.label) in pilot.job_types:
        return None
    return Misfit("jobType", tuple(pilot.job_types), line.job_label or line.label)


def memory(line: Line, pilot: Capability) -> Misfit | None:
    """The slot's memory covers the job's."""
    return _at_most("memory", line.memory_mb, pilot.memory_mb)


def disk(line: Line, pilot: Capability) -> Misfit | None:
    """The node's scratch space covers the job's."""
    return _at_most("disk", line.disk_mb, pilot.disk_mb)


def cores(line: Line, pilot: Capability) -> Misfit | None:
    """The slot has as many cores as the job wants."""
    return _at_most("cpucore", line.cores, pilot.cores)


def remaining_time(line: Line, pilot: Capability) -> Misfit | None:
    """The slot lives as long as the job may run."""
    return _at_most("remaining_time", line.walltime_s, pilot.remaining_s)


def resource_type(line: Line, pilot: Capability) -> Misfit | None:
    """SCORE, MCORE, ... as asked."""
    return _equal("resource_type", line.resource_type, pilot.resource_type)


def task(line: Line, pilot: Capability) -> Misfit | None:
    """The job is of the task asked for."""
    return _equal("task", line.task_id, pilot.task_id)


def working_group(line: Line, pilot: Capability) -> Misfit | None:
    """The job is of the group asked for."""
    return _equal("workingGroup", line.working_group, pilot.working_group)


def country_group(line: Line, pilot: Capability) -> Misfit | None:
    """The job is of the country asked for."""
    return _equal("countryGroup", line.country_group, pilot.country_group)


def owner(line: Line, pilot: Capability) -> Misfit | None:
    """A pilot of a person takes the jobs of that person only."""
    if pilot.owners is None or line.owner in pilot.owners:
        return None
    return Misfit("owner", sorted(map(str, pilot.owners)), line.owner)


def owner_name(line: Line, pilot: Capability) -> Misfit | None:
    """A pilot may ask for the jobs under one user name."""
    return _equal("prodUserName", line.owner_name, pilot.owner_name)


CONDITIONS: Sequence[Condition] = (
    label, job_type, memory, disk, cores, remaining_time, resource_type, task, working_group, country_group, owner, owner_name)


def misfit(line: Line, pilot: Capability) -> Misfit | None:
    """The first condition that fails, None if the pilot can take jobs of the line."""
    return next((no for condition in CONDITIONS if (no := condition(line, pilot)) is not None), None)
