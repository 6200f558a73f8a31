"""The rules: a small pure function per criterion, under PanDA's name for it, telling what the queue has and the job needs.

Brokerage, and the explanation of a waiting job, use the same functions. 0 in a queue's limits means no limit (CRIC);
criteria: PanDA generic, production and analysis brokers. What depends on how much work a queue has stands in loads.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from pandad.spec.job import JobSpec
from pandad.spec.platform import Platform
from pandad.spec.site import Queue, QueueStatus, QueueType, Slots


@dataclass(frozen=True, slots=True)
class No:
    """Why a queue cannot take a job; ``passed``: how many rules it passes before, so how near it comes."""

    criterion: str
    have: object
    need: object
    text: str
    passed: int = 0


Rule = Callable[[JobSpec, Queue], No | None]

ANALYSIS_LABELS = frozenset({"user", "panda"})
NO_SOFTWARE = frozenset({"NULL", "None"})  # what clients write for none
TEST_LABELS = frozenset({"test", "prod_test", "ptest", "rc_test", "rc_test2", "rc_alrb"})


def pinned(job: JobSpec, queue: Queue) -> No | None:
    """A job that names its queue goes nowhere else."""
    if job.is_pinned and job.computingSite != queue.name:
        return No("pinned", queue.name, job.computingSite, f"the job is pinned to {job.computingSite}")
    return None


def status(job: JobSpec, queue: Queue) -> No | None:
    """online and standby take all; test only test jobs; brokeroff only pinned jobs; offline and paused none."""
    if queue.status in (QueueStatus.ONLINE, QueueStatus.STANDBY):
        return None
    if queue.status is QueueStatus.TEST and job.prodSourceLabel in TEST_LABELS:
        return None
    if queue.status is QueueStatus.BROKEROFF and job.is_pinned:
        return None
    why = f" ({queue.status_reason})" if queue.status_reason else ""
    return No("status", queue.status.value, "online", f"the queue is {queue.status}{why}")


def kind_of_work(job: JobSpec, queue: Queue) -> No | None:
    """A queue for production takes no analysis, and the other way round; tests go anywhere."""
    if queue.type in (QueueType.UNIFIED, QueueType.SPECIAL) or job.prodSourceLabel in TEST_LABELS:
        return None
    need = QueueType.ANALYSIS if job.prodSourceLabel in ANALYSIS_LABELS else QueueType.PRODUCTION
    if queue.type is need:
        return None
    return No("type", queue.type.value, need.value, f"the queue is for {queue.type}, the job is {need}")


def memory(job: JobSpec, queue: Queue) -> No | None:
    """The queue's memory per slot covers the job's."""
    return _at_most("lowmemory", job.minRamCount, queue.maxrss_mb, "MB of memory")


def least_memory(job: JobSpec, queue: Queue) -> No | None:
    """A queue of large slots is not for small jobs."""
    return _at_least("highmemory", job.minRamCount, queue.minrss_mb, "MB of memory")


def disk(job: JobSpec, queue: Queue) -> No | None:
    """The queue's scratch space covers the job's, its input included."""
    need = job.maxDiskCount + (job.inputFileBytes or 0) // 2**20
    return _at_most("disk", need, queue.maxwdir_mb, "MB of scratch disk")


def input_size(job: JobSpec, queue: Queue) -> No | None:
    """The queue lets a job have so much input."""
    return _at_most("maxinputsize", (job.inputFileBytes or 0) // 2**20, queue.maxinput_mb, "MB of input")


def cores(job: JobSpec, queue: Queue) -> No | None:
    """The queue's slots have as many cores as the job wants, and are not kept for jobs of one core or of several."""
    need = max(job.coreCount or 1, 1)
    if queue.slots is Slots.SCORE and need > 1:
        return No("cpucore", 1, need, f"the queue is for jobs of one core, the job needs {need}")
    if queue.slots is Slots.MCORE and need == 1:
        return No("cpucore", queue.corecount, need, "the queue is for jobs of several cores, the job needs one")
    return _at_most("cpucore", need, queue.corecount, "cores")


def walltime(job: JobSpec, queue: Queue) -> No | None:
    """The queue lets a job run long enough."""
    return _at_most("shortwalltime", _walltime_s(job), queue.maxtime_s, "s of wall time")


def least_walltime(job: JobSpec, queue: Queue) -> No | None:
    """A queue for long jobs is not for one that says it is short."""
    return _at_least("longwalltime", _walltime_s(job), queue.mintime_s, "s of wall time")


def platform(job: JobSpec, queue: Queue) -> No | None:
    """The queue has the job's platform; a queue that lists none takes any."""
    need = Platform.of(job.cmtConfig).platform
    if not need or not queue.platforms or not queue.platforms.isdisjoint((need, job.cmtConfig)):
        return None
    listed = ", ".join(sorted(queue.platforms))
    return No("cmtconfig", listed, need, f"the queue has {listed}, the job needs {need}")


def architecture(job: JobSpec, queue: Queue) -> No | None:
    """The queue has the processors that the job names."""
    wanted = Platform.of(job.cmtConfig)
    if wanted.runs_on(queue.hardware):
        return None
    have = ", ".join(map(str, queue.hardware)) or "no GPU named"
    return No("architecture", have, wanted.needs, f"the queue has {have}, the job needs {wanted.needs}")


def software(job: JobSpec, queue: Queue) -> No | None:
    """The queue has the job's release or package; a queue that lists none has any, a container brings its own."""
    named = [name for name in (job.AtlasRelease, job.homepackage) if name and name not in NO_SOFTWARE]
    if not named or not queue.releases or job.container_name or not queue.releases.isdisjoint(named):
        return None
    listed, need = ", ".join(sorted(queue.releases)), " or ".join(named)
    return No("cache", listed, need, f"the queue has {listed}, the job needs {need}")


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
RULES: Sequence[Rule] = (
    pinned, status, kind_of_work, memory, least_memory, disk, input_size, cores, walltime, least_walltime, platform, architecture,
    software, storage, excluded)


def refusal(job: JobSpec, queue: Queue) -> No | None:
    """The first rule that the queue fails for this job, None if it can take it."""
    answers = ((passed, rule(job, queue)) for passed, rule in enumerate(RULES))
    return next((replace(no, passed=passed) for passed, no in answers if no is not None), None)


def _at_most(criterion: str, need: int, limit: int, what: str) -> No | None:
    if not limit or need <= limit:
        return None
    return No(criterion, limit, need, f"the job needs {need} {what}, the queue has {limit}")


def _at_least(criterion: str, need: int, limit: int, what: str) -> No | None:
    """Who does not say what it needs is not refused."""
    if not need or need >= limit:
        return None
    return No(criterion, limit, need, f"the job needs {need} {what}, the queue is for jobs of {limit} and more")


def _walltime_s(job: JobSpec) -> int:
    return job.maxWalltime or job.maxCpuCount
