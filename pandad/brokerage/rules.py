"""The rules that need no more than the descriptions of a job and a queue: who fails one of them fails it at any time.

Brokerage, and the explanation of a waiting job, use the same functions. 0 in a queue's limits means no limit (CRIC);
criteria: PanDA generic, production and analysis brokers. What depends on the job's data and its task stands in workrules.py, on
how the queue does in loads.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from pandad.brokerage.criterion import No, Rule, criterion
from pandad.brokerage.siterules import SITE_RULES
from pandad.spec.criterion import RULED_OUT
from pandad.spec.job import JobSpec
from pandad.spec.platform import Platform
from pandad.spec.site import Queue, QueueStatus, QueueType, Slots

FitRule = Rule[[JobSpec, Queue]]

ANALYSIS_LABELS = frozenset({"user", "panda"})
ANYWHERE = "any"  # in containers
NO_SOFTWARE = frozenset({"NULL", "None"})  # what clients write for none
TEST_LABELS = frozenset({"test", "prod_test", "ptest", "rc_test", "rc_test2", "rc_alrb"})


@criterion("pinned", "the queue", "the queue that the submitter chose")
def pinned(job: JobSpec, queue: Queue) -> No | None:
    """A job that names its queue goes nowhere else."""
    if not job.is_pinned or queue.name == job.computingSite:
        return None
    return No("pinned", queue.name, job.computingSite, f"the job is pinned to {job.computingSite}")


@criterion("status", "status of the queue", "online")
def status(job: JobSpec, queue: Queue) -> No | None:
    """online and standby take all; test only test jobs; brokeroff only jobs that name it; offline and paused none."""
    if queue.status in (QueueStatus.ONLINE, QueueStatus.STANDBY):
        return None
    if queue.status is QueueStatus.TEST and job.prodSourceLabel in TEST_LABELS:
        return None
    if queue.status is QueueStatus.BROKEROFF and (job.is_pinned or queue.name in job.included):
        return None
    why = f" ({queue.status_reason})" if queue.status_reason else ""
    return No("status", queue.status.value, "online", f"the queue is {queue.status}{why}")


@criterion("type", "type of the queue", "type of the job")
def kind_of_work(job: JobSpec, queue: Queue) -> No | None:
    """A queue for production takes no analysis, and the other way round; tests go anywhere."""
    if queue.type in (QueueType.UNIFIED, QueueType.SPECIAL) or job.prodSourceLabel in TEST_LABELS:
        return None
    need = QueueType.ANALYSIS if job.prodSourceLabel in ANALYSIS_LABELS else QueueType.PRODUCTION
    if queue.type is need:
        return None
    return No("type", queue.type.value, need.value, f"the queue is for {queue.type}, the job is {need}")


@criterion("lowmemory", "maxrss of the queue, MB", "minRamCount, MB")
def memory(job: JobSpec, queue: Queue) -> No | None:
    """The queue's memory per slot covers the job's."""
    return _at_most("lowmemory", job.minRamCount, queue.maxrss_mb, "MB of memory")


@criterion("highmemory", "minrss of the queue, MB", "minRamCount, MB")
def least_memory(job: JobSpec, queue: Queue) -> No | None:
    """A queue of large slots is not for small jobs."""
    return _at_least("highmemory", job.minRamCount, queue.minrss_mb, "MB of memory")


@criterion("disk", "maxwdir of the queue, MB", "maxDiskCount and the input, MB")
def disk(job: JobSpec, queue: Queue) -> No | None:
    """The queue's scratch space covers the job's, its input included."""
    need = job.maxDiskCount + (job.inputFileBytes or 0) // 2**20
    return _at_most("disk", need, queue.maxwdir_mb, "MB of scratch disk")


@criterion("maxinputsize", "maxinputsize of the queue, MB", "inputFileBytes, MB")
def input_size(job: JobSpec, queue: Queue) -> No | None:
    """The queue lets a job have so much input."""
    return _at_most("maxinputsize", (job.inputFileBytes or 0) // 2**20, queue.maxinput_mb, "MB of input")


@criterion("cpucore", "corecount of the queue", "coreCount")
def cores(job: JobSpec, queue: Queue) -> No | None:
    """The queue's slots have as many cores as the job wants, and are not kept for jobs of one core or of several."""
    need = max(job.coreCount or 1, 1)
    if queue.slots is Slots.SCORE and need > 1:
        return No("cpucore", 1, need, f"the queue is for jobs of one core, the job needs {need}")
    if queue.slots is Slots.MCORE and need == 1:
        return No("cpucore", queue.corecount, need, "the queue is for jobs of several cores, the job needs one")
    return _at_most("cpucore", need, queue.corecount, "cores")


@criterion("shortwalltime", "maxtime of the queue, s", "maxWalltime or maxCpuCount, s")
def walltime(job: JobSpec, queue: Queue) -> No | None:
    """The queue lets a job run long enough."""
    return _at_most("shortwalltime", _walltime_s(job), queue.maxtime_s, "s of wall time")


@criterion("longwalltime", "mintime of the queue, s", "maxWalltime or maxCpuCount, s")
def least_walltime(job: JobSpec, queue: Queue) -> No | None:
    """A queue for long jobs is not for one that says it is short."""
    return _at_least("longwalltime", _walltime_s(job), queue.mintime_s, "s of wall time")


@criterion("cmtconfig", "cmtconfig of the queue", "cmtConfig")
def platform(job: JobSpec, queue: Queue) -> No | None:
    """The queue has the job's platform; a queue that lists none takes any."""
    need = Platform.of(job.cmtConfig).platform
    if not need or not queue.platforms or not queue.platforms.isdisjoint((need, job.cmtConfig)):
        return None
    listed = ", ".join(sorted(queue.platforms))
    return No("cmtconfig", listed, need, f"the queue has {listed}, the job needs {need}")


@criterion("architecture", "architectures of the queue", "host part of cmtConfig")
def architecture(job: JobSpec, queue: Queue) -> No | None:
    """The queue has the processors that the job names."""
    wanted = Platform.of(job.cmtConfig)
    if wanted.runs_on(queue.hardware):
        return None
    have = ", ".join(map(str, queue.hardware)) or "no GPU named"
    return No("architecture", have, wanted.needs, f"the queue has {have}, the job needs {wanted.needs}")


@criterion("cache", "releases of the queue, and its tags", "AtlasRelease or homepackage")
def software(job: JobSpec, queue: Queue) -> No | None:
    """The queue has the job's release or package; one that lists none has any, unless it has tags and no CVMFS. A container
    brings its own."""
    named = [name for name in (job.AtlasRelease, job.homepackage) if name and name not in NO_SOFTWARE]
    there = queue.releases | queue.tags if queue.releases or not queue.is_cvmfs else queue.releases
    if not named or not there or job.container_name or not there.isdisjoint(named):
        return None
    listed, need = ", ".join(sorted(there)), " or ".join(named)
    return No("cache", listed, need, f"the queue has {listed}, the job needs {need}")


@criterion("cache", "containers of the queue, and its tags", "container_name")
def container(job: JobSpec, queue: Queue) -> No | None:
    """The queue gets containers from where the job's is, or has its tag; one that lists nowhere gets them from anywhere."""
    name = job.container_name
    if not name or not queue.containers or ANYWHERE in queue.containers or name in queue.tags:
        return None
    if name.startswith(tuple(queue.containers)):
        return None
    listed = ", ".join(sorted(queue.containers))
    return No("cache", listed, name, f"the queue gets containers from {listed}, the job's is {name}")


@criterion("storage", "astorages of the queue", "an endpoint for the files")
def storage(job: JobSpec, queue: Queue) -> No | None:
    """The queue has storage for the job's files."""
    if job.inputs and not queue.endpoint_in:
        return No("storage", "no endpoint", "an endpoint to read from", "the queue has no storage endpoint to read input from")
    if job.outputs and not queue.endpoint_out:
        return No("storage", "no endpoint", "an endpoint to write to", "the queue has no storage endpoint to write output to")
    return None


@criterion("excluded", "the queue", "queues to avoid")
def excluded(job: JobSpec, queue: Queue) -> No | None:
    """The job goes to no queue that its submitter ruled out, and does not come back to one that a retry rule made it avoid."""
    if any(fnmatchcase(queue.name, name) for name in job.excluded):
        return No("excluded", queue.name, f"not {', '.join(job.excluded)}", f"the job's {RULED_OUT}")
    if any(fnmatchcase(queue.name, name) for name in job.failed_at):
        return No("excluded", queue.name, f"not {', '.join(job.failed_at)}", "the job failed there and is to avoid it")
    return None


# The last is the rule that says most of a queue which would fit otherwise.
RULES: Sequence[FitRule] = (
    pinned, status, kind_of_work, memory, least_memory, disk, input_size, cores, walltime, least_walltime, platform, architecture,
    software, container, storage, *SITE_RULES, excluded)

# All that they read of a job, besides its files, what it avoids and where it is pinned: jobs alike in this get the same answers.
READ = (
    "prodSourceLabel", "minRamCount", "maxDiskCount", "inputFileBytes", "coreCount", "maxWalltime", "maxCpuCount", "cmtConfig",
    "AtlasRelease", "homepackage", "container_name", "VO", "cloud", "processingType", "workingGroup", "resource_type", "diskIO",
    "ipConnectivity", "transferType", "eventService", "currentPriority")


def refusal(job: JobSpec, queue: Queue) -> No | None:
    """The first rule that the queue fails for this job, None if it can take it."""
    for passed, rule in enumerate(RULES):
        no = rule.check(job, queue)
        if no is not None:
            return no.after(passed)
    return None


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
