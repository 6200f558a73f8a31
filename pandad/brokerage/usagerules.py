"""The rules on what the jobs of a task really used: its first finished jobs are its scouts."""

from __future__ import annotations

from collections.abc import Sequence

from pandad.brokerage.criterion import No, Rule, criterion
from pandad.spec.facts import Usage
from pandad.spec.site import Queue

SCOUTS = 10  # finished jobs of a task that tell what its other jobs will need (JEDI's number of scouts)

UsageRule = Rule[[Usage, Queue]]


@criterion("scout_walltime", "maxtime of the queue, s", "wall time of the task's finished jobs, s")
def walltime(usage: Usage, queue: Queue) -> No | None:
    """A queue where the task's jobs would not come to their end, by what those that are through used (95 of 100)."""
    if usage.jobs < SCOUTS or not queue.maxtime_s or usage.walltime_s <= queue.maxtime_s:
        return None
    text = f"jobs of its task ran {usage.walltime_s} s, the queue lets them run {queue.maxtime_s}"
    return No("scout_walltime", queue.maxtime_s, usage.walltime_s, text)


@criterion("lowmemory", "maxrss of the queue, MB", "memory that the task's finished jobs used, MB")
def memory(usage: Usage, queue: Queue) -> No | None:
    """A queue with less memory than the task's jobs used that are through (95 of 100)."""
    if usage.jobs < SCOUTS or not queue.maxrss_mb or usage.memory_mb <= queue.maxrss_mb:
        return None
    text = f"jobs of its task used {usage.memory_mb} MB of memory, the queue has {queue.maxrss_mb}"
    return No("lowmemory", queue.maxrss_mb, usage.memory_mb, text)


USAGE_RULES: Sequence[UsageRule] = (walltime, memory)
