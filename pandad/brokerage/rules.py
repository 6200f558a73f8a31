"""The rules: a small pure function per criterion, under PanDA's name for it, telling what the queue has and the job needs.

Brokerage, and the explanation of a waiting job, use the same functions. 0 in a queue's limits means no limit (CRIC);
criteria: PanDA generic and production brokers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from pandad.spec.job import JobSpec
from pandad.spec.site import Queue, QueueStatus


@dataclass(frozen=True, slots=True)
class No:
    """Why a queue cannot take a job; ``passed``: how many rules it passes before, so how near it comes."""

    criterion: str
    have: object
    need: object
    text: str
    passed: int = 0


Rule = Callable[[JobSpec, Queue], No | None]

TEST_LABELS = frozenset({"test", "prod_test", "ptest", "rc_test", "rc_test2", "rc_alrb"})


def pinned(job: JobSpec, queue: Queue) -> No | None:
    """A job that names its queue goes nowhere else."""
    if job.is_pinned and job.computingSite != queue.name:
        return No("pinned", queue.name, job.computingSite, f"the job is pinned to {job.computingSite}")
    return None


def status(job: JobSpec, queue: Queue) -> No | None:
    """online takes all; test only test jobs; brokeroff only pinned jobs; offline and paused none."""
    if queue.status is QueueStatus.ONLINE:
        return None
    if queue.status is QueueStatus.TEST and job.prodSourceLabel in TEST_LABELS:
        return None
    if queue.status is QueueStatus.BROKEROFF and job.is_pinned:
        return None
    return No("status", queue.status.value, "online", f"the queue is {queue.status}")


def memory(job: JobSpec, queue: Queue) -> No | None:
    """The queue's memory per slot covers the job's."""
    return _at_most("lowmemory", job.minRamCount, queue.maxrss_mb, "MB of memory")


def disk(job: JobSpec, queue: Queue) -> No | None:
    """The queue's scratch space covers the job's, its input included."""
    need = job.maxDiskCount + (job.inputFileBytes or 0) // 2**20
    return _at_most("disk", need, queue.maxwdir_mb, "MB of scratch disk")


def cores(job: JobSpec, queue: Queue) -> No | None:
    """The queue's slots have as many cores as the job wants."""
    return _at_most("cpucore", job.coreCount or 1, queue.corecount, "cores")


def walltime(job: JobSpec, queue: Queue) -> No | None:
    """The queue lets a job run long enough."""
    return _at_most("shortwalltime", job.maxWalltime or job.maxCpuCount, queue.maxtime_s, "s of wall time")


def platform(job: JobSpec, queue: Queue) -> No | None:
    """The queue has the job's platform; a queue that lists none takes any."""
    if not job.cmtConfig or not queue.platforms or job.cmtConfig in queue.platforms:
        return None
    listed = ", ".join(sorted(queue.platforms))
    return No("cmtconfig", listed, job.cmtConfig, f"the queue has {listed}, the job needs {job.cmtConfig}")


def storage(job: JobSpec, queue: Queue) -> No | None:
    """The queue has storage for the job's files."""
    if job.inputs and not queue.endpoint_in:
        return No("storage", "no endpoint", "an endpoint to read from", "the queue has no storage endpoint to read input from")
    if job.outputs and not queue.endpoint_out:
        return No("storage", "no endpoint", "an endpoint to write to", "the queue has no storage endpoint to write output to")
    return None


def excluded(job: JobSpec, queue: Queue) -> No | None:
    """The job does not come back to a queue that a retry rule made it avoid."""
    if queue.name in job.avoided:
        return No("excluded", queue.name, f"not {', '.join(job.avoided)}", "the job failed there and is to avoid it")
    return None


# The last is the rule that says most of a queue which would fit otherwise.
RULES: Sequence[Rule] = (pinned, status, memory, disk, cores, walltime, platform, storage, excluded)


def refusal(job: JobSpec, queue: Queue) -> No | None:
    """The first rule that the queue fails for this job, None if it can take it."""
    answers = ((passed, rule(job, queue)) for passed, rule in enumerate(RULES))
    return next((replace(no, passed=passed) for passed, no in answers if no is not None), None)


def _at_most(criterion: str, need: int, limit: int, what: str) -> No | None:
    if not limit or need <= limit:
        return None
    return No(criterion, limit, need, f"the job needs {need} {what}, the queue has {limit}")
