"""What a run of the simulated grid shows: counted as things happen, and looked at every few minutes of simulated time."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from statistics import fmean, pstdev
from typing import Any

from pandad.spec.jobstatus import JobStatus

from .data import Storage
from .dispatch import Turns
from .events import Events
from .jobs import Job
from .place import End, Place
from .sites import HOUR_S
from .workload import GROUPS, Task

LOOK_S = 300.0
SHORT_S = 600.0  # a job shorter than this is no reason to speak of a slowdown
POINTS = 120  # of a curve that is kept


class Measures:
    """Of one run.

    :param jobs: how many there will be.
    """

    def __init__(self, events: Events, places: Sequence[Place], storage: Storage, turns: Turns, jobs: int) -> None:
        self._events, self.places, self.storage, self.turns = events, places, storage, turns
        self._jobs, self._cores = jobs, sum(place.site.cores for place in places)
        self._open: Counter[int] = Counter()  # jobs that are not over, by cores
        self._open_of_group: Counter[str] = Counter()  # cores
        self.ends: Counter[End] = Counter()  # of attempts
        self.states: Counter[JobStatus] = Counter()
        self._lost_core_s = self._used_core_s = 0.0
        self.eaten_jobs = self.failed_by_hole = self.bad_jobs = 0
        self._waits, self._over = array("d"), array("d")
        self._slowdowns: dict[str, list[float]] = {}
        self._idle_cores, self._up_cores = 0, 0
        self._imbalance: list[float] = []
        self._share_fairness: list[float] = []
        self._curve: list[float] = []

    def begin(self) -> None:
        """Look for the first time."""
        self._events.at(0.0, self._look)

    @property
    def is_over(self) -> bool:
        """Whether all jobs have ended."""
        return len(self._over) == self._jobs

    def came(self, task: Task) -> None:
        """A task was submitted."""
        self._open[task.line.cores] += task.size
        self._open_of_group[task.line.working_group] += task.size * task.line.cores

    def attempt_ended(self, job: Job, end: End) -> None:
        """Whatever becomes of the job now."""
        self.ends[end] += 1
        core_s = (self._events.now - job.began) * job.cores if end is not End.LOST else 0.0
        if end is End.FINISHED:
            self._used_core_s += core_s
        else:
            self._lost_core_s += core_s
        if end is End.HOLE:
            self.eaten_jobs += not job.eaten
            job.eaten += 1

    def job_ended(self, job: Job) -> None:
        """It is finished, or failed for good."""
        now, task = self._events.now, job.task
        self.states[job.status] += 1
        self._open[job.cores] -= 1
        self._open_of_group[task.line.working_group] -= job.cores
        self._over.append(now)
        if job.status is JobStatus.FAILED:
            self.bad_jobs += task.bad
            self.failed_by_hole += bool(job.eaten) and not task.bad
            return
        self._waits.append(job.began - task.arrives)
        sums = self._slowdowns.setdefault(task.user, [0.0, 0.0])
        sums[0] += 1
        sums[1] += (now - task.arrives) / max(task.median_run_s, SHORT_S)

    def _look(self) -> None:
        up = [place for place in self.places if place.is_up]
        busy, idle = Counter[int](), Counter[int]()
        for place in up:
            busy[place.site.queue.corecount] += len(place.busy)
            idle[place.site.queue.corecount] += place.slots_free
        in_vain = sum(min(free, self._open[cores] - busy[cores]) * cores for cores, free in idle.items())
        if in_vain:
            self._idle_cores += in_vain
            self._imbalance.append(_spread(up))
        self._up_cores += sum(place.site.cores for place in up)
        self._look_at_shares()
        self._curve.append(sum(place.busy_cores for place in self.places) / self._cores)
        if not self.is_over:
            self._events.after(LOOK_S, self._look)

    def _look_at_shares(self) -> None:
        """Of groups that could use much more than they have."""
        used = Counter[str]()
        for line, cores in self.turns.cores.items():
            used[line.working_group] += cores
        hungry = [group for group in GROUPS if self._open_of_group[group] > max(2 * used[group], self._cores / 20)]
        if len(hungry) > 1:
            self._share_fairness.append(jain([used[group] / GROUPS[group] for group in hungry]))

    def figures(self) -> dict[str, Any]:
        """What is kept of the run; times in hours."""
        assert self.is_over
        attempts = sum(self.ends.values())
        return {
            "makespan_h": max(self._over) / HOUR_S,
            "most_done_h": percentile(self._over, 0.99) / HOUR_S,
            "wait_mean_h": fmean(self._waits) / HOUR_S,
            "wait_95_h": percentile(self._waits, 0.95) / HOUR_S,
            "idle_with_work": self._idle_cores / self._up_cores,
            "moved_tb": self.storage.moved_bytes / 1e12,
            "finished": self.states[JobStatus.FINISHED],
            "failed": self.states[JobStatus.FAILED],
            "failed_of_themselves": self.bad_jobs,
            "attempts": attempts,
            "attempts_failed": {end.name.lower(): self.ends[end] for end in End if end is not End.FINISHED},
            "core_time_lost": self._lost_core_s / (self._lost_core_s + self._used_core_s),
            "eaten": self.eaten_jobs,
            "failed_by_hole": self.failed_by_hole,
            "fairness_users": jain([total / count for count, total in self._slowdowns.values()]),
            "fairness_shares": fmean(self._share_fairness) if self._share_fairness else 1.0,
            "imbalance": fmean(self._imbalance) if self._imbalance else 0.0,
            "curve_step_h": LOOK_S * self._step / HOUR_S,
            "curve": [round(fmean(self._curve[at:at + self._step]), 3) for at in range(0, len(self._curve), self._step)],
        }

    @property
    def _step(self) -> int:
        return max(1, -(-len(self._curve) // POINTS))


def _spread(up: Collection[Place]) -> float:
    """How unevenly queues are filled: the standard deviation of jobs per slot over its mean."""
    fill = [sum(place.books.counts.values()) / place.site.slots for place in up]
    mean = fmean(fill)
    return pstdev(fill) / mean if mean else 0.0


def jain(values: Iterable[float]) -> float:
    """Jain's index: 1 where all have the same, 1/n where one has all."""
    values = list(values)
    squares = len(values) * sum(value * value for value in values)
    return sum(values) ** 2 / squares if squares else 1.0


def percentile(values: Iterable[float], part: float) -> float:
    """What that part of the values keeps below, or is."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else 0.0
