"""What states look like: their colours, and the phases that pictures put them together to. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pandad.monitor.drawing import Series
from pandad.spec.jobstatus import AFTER_PILOT, BEFORE_PILOT, FINAL, JobStatus
from pandad.spec.site import QueueStatus
from pandad.spec.taskstatus import TaskStatus
from pandad.taskbuffer.past import Ended, Sample

S = JobStatus


@dataclass(frozen=True, slots=True)
class Phase:
    """States that are one colour."""

    name: str
    kind: str
    states: frozenset[JobStatus]

    def of(self, jobs: Mapping[JobStatus, int]) -> int:
        """How many of these are in it."""
        return sum(jobs.get(state, 0) for state in self.states)


RUNS = Phase(S.RUNNING, "k-run", frozenset({S.RUNNING}))
STARTS = Phase("starting up", "k-start", frozenset({S.SENT, S.STARTING}))
QUEUED, ENDS = Phase("queued", "k-wait", BEFORE_PILOT), Phase("finishing", "k-end", AFTER_PILOT)
WELL, BADLY = Phase(S.FINISHED, "k-good", frozenset({S.FINISHED})), Phase(S.FAILED, "k-bad", frozenset({S.FAILED}))
GONE = Phase("withdrawn or killed", "k-gone", frozenset({S.CANCELLED, S.CLOSED}))
LIVE = (RUNS, STARTS, ENDS, QUEUED)  # from below
_KINDS = {state: phase.kind for phase in (*LIVE, WELL, BADLY, GONE) for state in phase.states}
assert set(_KINDS) == set(JobStatus)

_OPEN = {QueueStatus.ONLINE: "k-good", QueueStatus.STANDBY: "k-good", QueueStatus.TEST: "k-start",
         QueueStatus.BROKEROFF: "k-start"}


def kind_of(status: JobStatus | str | None) -> str:
    """The class of a job's state."""
    return _KINDS[JobStatus(status)] if status else "k-gone"


def kind_of_queue(status: QueueStatus | str | None) -> str:
    """The class of a queue's status."""
    return _OPEN.get(QueueStatus(status), "k-bad") if status else "k-gone"


_OVER = {TaskStatus.DONE: "k-good", TaskStatus.FINISHED: "k-start", TaskStatus.FAILED: "k-bad", TaskStatus.BROKEN: "k-bad",
         TaskStatus.ABORTED: "k-gone"}
_BEGUN = {TaskStatus.RUNNING: "k-run", TaskStatus.FINISHING: "k-end", TaskStatus.ABORTING: "k-end"}


def kind_of_task(status: TaskStatus | str) -> str:
    """The class of a task's state."""
    return {**_OVER, **_BEGUN}.get(TaskStatus(status), "k-wait")


def is_over(status: JobStatus) -> bool:
    """Whether nothing follows."""
    return status in FINAL


def states_over_time(samples: Sequence[Sample]) -> list[Series]:
    """The phases of live jobs, from below."""
    return [Series(phase.name, phase.kind, [float(phase.of(sample.jobs)) for sample in samples]) for phase in LIVE]


def ends_over_time(ends: Sequence[Ended]) -> list[Series]:
    """How attempts ended, from below."""
    rows: list[tuple[Phase, Callable[[Ended], int]]] = [(WELL, lambda each: each.finished), (BADLY, lambda each: each.failed)]
    return [Series(phase.name, phase.kind, [float(count(each)) for each in ends]) for phase, count in rows]


def by_hour(ends: Sequence[Ended]) -> list[tuple[datetime, int, int]]:
    """The same in figures: (hour, finished, failed)."""
    found: dict[datetime, tuple[int, int]] = {}
    for each in ends:
        hour = each.at.replace(minute=0, second=0, microsecond=0)
        good, bad = found.get(hour, (0, 0))
        found[hour] = good + each.finished, bad + each.failed
    return [(hour, good, bad) for hour, (good, bad) in found.items()]


def window_begin(at: datetime, hours: int) -> datetime:
    """Where a picture of so many hours begins."""
    return at - timedelta(hours=hours)


def said(values: Mapping[str, object]) -> dict[str, object]:
    """Without what was not said: nothing, "" and 0."""
    return {name: value for name, value in values.items() if value not in (None, "", 0)}
