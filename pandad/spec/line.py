"""A line: what jobs have in common that decides which pilots may take them, and whose turn it is."""

from __future__ import annotations

from dataclasses import dataclass

from pandad.spec.caller import Identity
from pandad.spec.job import JobSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Needs and ownership of the jobs in it. '' and 0: not set, so not asked for."""

    id: int
    label: str  # prodSourceLabel
    job_label: str
    processing_type: str
    resource_type: str
    memory_mb: int
    disk_mb: int
    walltime_s: int
    cores: int
    task_id: int
    working_group: str
    country_group: str
    owner: Identity
    owner_name: str  # compact user name, a label

    def __hash__(self) -> int:
        """By the id alone: a line never changes, and it is looked up for each job that goes out."""
        return hash(self.id)


def line_for(job: JobSpec, owner: Identity) -> Line:
    """The line, without a number, that a job of that owner would stand in; taskbuffer/lines.py makes the same of it."""
    return Line(
        id=0, label=job.prodSourceLabel or "", job_label=job.job_label or "", processing_type=job.processingType or "",
        resource_type=job.resource_type or "", memory_mb=job.minRamCount, disk_mb=job.maxDiskCount,
        walltime_s=job.maxWalltime or 0, cores=job.coreCount or 1, task_id=job.jediTaskID or 0,
        working_group=job.workingGroup or "", country_group=job.countryGroup or "", owner=owner,
        owner_name=job.prodUserName or "")
