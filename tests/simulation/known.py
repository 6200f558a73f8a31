"""What the daemon knows of the simulated grid when a round of brokerage begins: its own books, and nothing else."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Hashable, Sequence
from datetime import UTC, datetime, timedelta

from pandad.config import BrokerageConfig
from pandad.spec.facts import Eaten, Ends, Pilots
from pandad.spec.jobstatus import JobStatus
from pandad.spec.site import Queue

from .data import Storage
from .jobs import Job
from .workload import Task

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
BUCKET_S = 60.0
PILOTS_S, ENDS_S = float(BrokerageConfig().nopilot_s), float(BrokerageConfig().brake_s)  # windows
POLL_S = 600.0  # a slot without work asks so often
HEARTBEAT_S = 1800.0
FAST_S, FAST_CPU_S = 600.0, 60.0  # a job that fails within this, and has used no more, failed fast
STARTED, FINISHED, FAILED, FAST, ASKED, SERVED = "started", "finished", "failed", "fast", "asked", "served"


class Recent:
    """Counts over a sliding window, to the minute."""

    def __init__(self, window_s: float) -> None:
        self._window_s = window_s
        self._buckets: deque[tuple[float, Counter[Hashable]]] = deque()
        self._sums: Counter[Hashable] = Counter()

    def add(self, now: float, *words: Hashable) -> None:
        """Each of these happened once."""
        if not self._buckets or now - self._buckets[-1][0] >= BUCKET_S:
            self._buckets.append((now, Counter()))
        for word in words:
            self._buckets[-1][1][word] += 1
            self._sums[word] += 1

    def sums(self, now: float) -> Counter[Hashable]:
        """All of the window."""
        while self._buckets and self._buckets[0][0] < now - self._window_s:
            self._sums.subtract(self._buckets.popleft()[1])
        return self._sums


class Books:
    """The daemon's books on one queue."""

    def __init__(self) -> None:
        self.counts: dict[JobStatus, int] = {}
        self._asked = Recent(PILOTS_S)
        self._ends, self._causes, self._tasks = Recent(ENDS_S), Recent(ENDS_S), Recent(ENDS_S)
        self.idle_pilots = 0  # that ask in vain from time to time
        self.busy_pilots = 0  # that tell from time to time how their jobs do
        self.asked_at: float | None = None

    def moved(self, source: JobStatus | None, target: JobStatus | None) -> None:
        """A job of the queue is in another state; None: it was not here, or is not any more."""
        if source is not None:
            self.counts[source] -= 1
        if target is not None:
            self.counts[target] = self.counts.get(target, 0) + 1

    def asked(self, now: float, served: bool) -> None:
        """A pilot asked for a job."""
        self.asked_at = now
        self._asked.add(now, *((ASKED, SERVED) if served else (ASKED,)))

    def began(self, now: float, job: Job) -> None:
        """An attempt began."""
        self._ends.add(now, STARTED)
        self._tasks.add(now, (STARTED, job.task))

    def ended(self, now: float, job: Job, cause: str | None, ran_s: float, cpu_s: float) -> None:
        """An attempt is over. ``cause``: of its failure, "source:code"."""
        if cause is None:
            self._ends.add(now, FINISHED)
            self._tasks.add(now, (FINISHED, job.task))
            return
        is_fast = ran_s < FAST_S and cpu_s < FAST_CPU_S
        self._ends.add(now, *((FAILED, FAST) if is_fast else (FAILED,)))
        self._causes.add(now, cause)
        if is_fast:
            self._tasks.add(now, (FAST, job.task))

    def pilots(self, now: float) -> Pilots:
        """As brokerage is told."""
        sums = self._asked.sums(now)
        in_vain = round(self.idle_pilots * PILOTS_S / POLL_S)
        last = now if self.idle_pilots else self.asked_at
        return Pilots(int(PILOTS_S), sums[ASKED] + in_vain, sums[SERVED], {"nothing": in_vain} if in_vain else {},
                      EPOCH + timedelta(seconds=last) if last is not None else None,
                      heard=round(self.busy_pilots * PILOTS_S / HEARTBEAT_S))

    def by_task(self, now: float) -> Counter[tuple[str, Task]]:
        """How attempts began and ended, a word and a task each."""
        return +self._tasks.sums(now)  # type: ignore[return-value]

    def ends(self, now: float) -> Ends:
        """As brokerage is told."""
        sums = self._ends.sums(now)
        causes = {str(cause): count for cause, count in self._causes.sums(now).items() if count}
        return Ends(int(ENDS_S), sums[STARTED], sums[FINISHED], sums[FAILED], sums[FAST], causes)


class Known:
    """One reading.

    :param queues: as described and set by their operators.
    :param storage: the catalogue of replicas, and what the links have to do.
    """

    def __init__(self, now: float, queues: Sequence[Queue], books: Sequence[Books], storage: Storage) -> None:
        self.now, self.queues, self.storage = now, queues, storage
        self._books = books

    @property
    def counts(self) -> dict[str, dict[JobStatus, int]]:
        """By queue."""
        return {queue.name: dict(each.counts) for queue, each in zip(self.queues, self._books, strict=True)}

    @property
    def pilots(self) -> dict[str, Pilots]:
        """By queue."""
        return {queue.name: each.pilots(self.now) for queue, each in zip(self.queues, self._books, strict=True)}

    @property
    def ends(self) -> dict[str, Ends]:
        """By queue."""
        return {queue.name: each.ends(self.now) for queue, each in zip(self.queues, self._books, strict=True)}

    def eaten(self, queues: Collection[str]) -> dict[str, list[Eaten]]:
        """Whose jobs failed fast at these."""
        there = {queue.name: each.by_task(self.now) for queue, each in zip(self.queues, self._books, strict=True)}
        ever: Counter[tuple[str, Task]] = Counter()
        for each in there.values():
            ever.update(each)
        return {queue: [_eaten(task, there[queue], ever) for word, task in there[queue] if word == FAST] for queue in queues}


def _eaten(task: Task, here: Counter[tuple[str, Task]], ever: Counter[tuple[str, Task]]) -> Eaten:
    started, finished, fast = (ever[word, task] - here[word, task] for word in (STARTED, FINISHED, FAST))
    of = f"{task.line.working_group} {task.number}" if task.line.working_group else task.user
    return Eaten(of, here[FAST, task], fast, max(started - fast, finished))
