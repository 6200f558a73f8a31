"""The rules on what is known of a job beyond its description: where its input is, and what the jobs of its task used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pandad.brokerage.criterion import No, Rule, criterion
from pandad.brokerage.inputs import Work, cheapest, told
from pandad.brokerage.snapshot import Snapshot
from pandad.spec.site import Queue

SCOUTS = 10  # finished jobs of a task that tell what its other jobs will need (JEDI's number of scouts)
BLOCKED = 11  # a distance that says that nothing goes along the link (CRIC)


@dataclass(frozen=True, slots=True)
class DataLimits:
    """What may be moved for a job. 0 is no limit.

    :param missing_bytes, missing_files: of its input, that a queue may lack. :param backlog_files: that wait on the link already.
    """

    missing_bytes: int = 0
    missing_files: int = 0
    backlog_files: int = 0


WorkRule = Rule[[Work, Queue, Snapshot, DataLimits]]


@criterion("scout_walltime", "maxtime of the queue, s", "wall time of the task's finished jobs, s")
def scout_walltime(work: Work, queue: Queue, snapshot: Snapshot, limits: DataLimits) -> No | None:
    """A queue where the task's jobs would not come to their end, by what those that are through used (95 of 100)."""
    usage = work.usage
    if usage is None or usage.jobs < SCOUTS or not queue.maxtime_s or usage.walltime_s <= queue.maxtime_s:
        return None
    text = f"jobs of its task ran {usage.walltime_s} s, the queue lets them run {queue.maxtime_s}"
    return No("scout_walltime", queue.maxtime_s, usage.walltime_s, text)


@criterion("lowmemory", "maxrss of the queue, MB", "memory that the task's finished jobs used, MB")
def scout_memory(work: Work, queue: Queue, snapshot: Snapshot, limits: DataLimits) -> No | None:
    """A queue with less memory than the task's jobs used that are through (95 of 100)."""
    usage = work.usage
    if usage is None or usage.jobs < SCOUTS or not queue.maxrss_mb or usage.memory_mb <= queue.maxrss_mb:
        return None
    return No("lowmemory", queue.maxrss_mb, usage.memory_mb,
              f"jobs of its task used {usage.memory_mb} MB of memory, the queue has {queue.maxrss_mb}")


@criterion("non_local", "input bytes that the queue's endpoint has", "bytes of all the input")
def non_local(work: Work, queue: Queue, snapshot: Snapshot, limits: DataLimits) -> No | None:
    """Where the data service does not move files, a queue that lacks input which another one has; if none has, they are alike."""
    if snapshot.moves or work.inputs is None or not work.is_somewhere:
        return None
    lack = work.inputs.lack(queue.endpoint_in)
    if not lack.files:
        return None
    there = ", ".join(work.inputs.sources[:3])
    text = (f"{queue.endpoint_in} lacks {lack.files} of {work.inputs.files} input files, {told(lack.size_bytes)}; they are at"
            f" {there}, and the data service does not move files")
    return No("non_local", work.inputs.size_bytes - lack.size_bytes, work.inputs.size_bytes, text)


@criterion("io", "bytes that may be missing", "input bytes that the queue lacks")
def missing_bytes(work: Work, queue: Queue, snapshot: Snapshot, limits: DataLimits) -> No | None:
    """A queue to which more input would have to be moved than the configuration allows for one job."""
    if work.inputs is None or not limits.missing_bytes:
        return None
    lack = work.inputs.lack(queue.endpoint_in)
    if lack.size_bytes <= limits.missing_bytes:
        return None
    text = f"{told(lack.size_bytes)} of its input would have to be moved there, {told(limits.missing_bytes)} may"
    return No("io", limits.missing_bytes, lack.size_bytes, text)


@criterion("io", "files that may be missing", "input files that the queue lacks")
def missing_files(work: Work, queue: Queue, snapshot: Snapshot, limits: DataLimits) -> No | None:
    """A queue to which more files would have to be moved than the configuration allows for one job."""
    if work.inputs is None or not limits.missing_files:
        return None
    lack = work.inputs.lack(queue.endpoint_in)
    if lack.files <= limits.missing_files:
        return None
    text = f"{lack.files} input files would have to be moved there, {limits.missing_files} may"
    return No("io", limits.missing_files, lack.files, text)


@criterion("network", "backlog or distance of the best link to the queue", "what a link may have")
def network(work: Work, queue: Queue, snapshot: Snapshot, limits: DataLimits) -> No | None:
    """A queue that lacks input, when every link to it from where that is, is blocked or has too much to move already."""
    if work.inputs is None or not work.inputs.lack(queue.endpoint_in).files:
        return None
    link = cheapest(snapshot.links, work.inputs.sources, queue.endpoint_in)
    if link is None:
        return None
    if link.distance is not None and link.distance >= BLOCKED:
        return No("network", link.distance, BLOCKED - 1, f"the link to {queue.endpoint_in} is blocked")
    if not limits.backlog_files or link.backlog_files <= limits.backlog_files:
        return None
    text = f"{link.backlog_files} files wait already to be moved to {queue.endpoint_in}, {limits.backlog_files} may"
    return No("network", link.backlog_files, limits.backlog_files, text)


WORK_RULES: Sequence[WorkRule] = (scout_walltime, scout_memory, non_local, missing_bytes, missing_files, network)
