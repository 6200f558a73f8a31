"""A site of the simulated grid at work: pilots come to its slots, take jobs, and ask again when those end."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from math import log

from pandad.spec.jobstatus import JobStatus

from .dispatch import Turns, Waiting
from .events import Events, chance
from .jobs import Job
from .known import Books
from .sites import Site

HOLE_RUN_S = 60.0
SOUND, BROKEN = 0, 1  # kinds of slots


class End(Enum):
    """How an attempt ends, with what its pilot says: source and code."""

    FINISHED = None
    SITE = ("pilot", 1099)
    HOLE = ("pilot", 1305)
    TASK = ("transExitCode", 1)
    LOST = ("jobDispatcher", 100)

    @property
    def cause(self) -> str | None:
        """As the books have it."""
        return f"{self.value[0]}:{self.value[1]}" if self.value else None


class Place:
    """One site. Slots are idle, or a pilot is on its way to them, or a job is in them."""

    def __init__(
        self, number: int, site: Site, turns: Turns, events: Events, seed: int, ended: Callable[[Job, End], None]
    ) -> None:
        self.number, self.site, self.books = number, site, Books()
        self._turns, self._events, self._seed, self._ended = turns, events, seed, ended
        self._waiting = Waiting(site, turns)
        self._jobs: dict[int, Job] = {}  # activated here
        self._assigned: dict[int, Job] = {}
        self.is_up = False
        self.idle, self._coming = [0, 0], [0, 0]  # by kind of slot
        self.busy: dict[Job, int] = {}
        self.busy_cores = 0
        self._serial = self._ups = 0

    # jobs

    def moved(self, job: Job, status: JobStatus, source: JobStatus | None) -> None:
        """A job of here changes its state. ``source``: None if it comes from elsewhere."""
        self.books.moved(source, status)
        job.status, job.since = status, self._events.now

    def assign(self, job: Job) -> None:
        """A job is to run here, and waits for its input."""
        job.site = self.number
        job.turn += 1
        self.moved(job, JobStatus.ASSIGNED, None)
        self._assigned[job.panda_id] = job

    def activate(self, job: Job) -> None:
        """A job may be taken by pilots from now on."""
        self._assigned.pop(job.panda_id, None)
        self.moved(job, JobStatus.ACTIVATED, job.status)
        self._jobs[job.panda_id] = job
        self._waiting.add(job.task.line, job.priority, job.panda_id)
        self._call_pilot()

    def withdraw(self, job: Job) -> None:
        """A job that no pilot has taken leaves."""
        job.turn += 1
        if self._assigned.pop(job.panda_id, None) is None:
            self._waiting.remove(job.task.line, job.priority, job.panda_id)
            del self._jobs[job.panda_id]
        self.books.moved(job.status, None)

    @property
    def waiting(self) -> list[Job]:
        """All that no pilot has taken."""
        return [*self._assigned.values(), *self._jobs.values()]

    # slots

    @property
    def slots_free(self) -> int:
        """In which no job runs."""
        return sum(self.idle) + sum(self._coming)

    def opens(self) -> None:
        """All slots are there, and idle."""
        self.is_up = True
        broken = self.site.broken
        self.idle, self._coming = [self.site.slots - broken, broken], [0, 0]
        for _ in range(min(len(self._jobs), self.site.slots)):
            self._call_pilot()

    def breaks_down(self) -> list[Job]:
        """All slots are gone; these jobs were in them, and the daemon will not hear of them again."""
        self.is_up = False
        self._ups += 1
        self.idle, self._coming = [0, 0], [0, 0]
        lost = list(self.busy)
        for job in lost:
            job.turn += 1
            self._leaves(job)
        return lost

    def _call_pilot(self) -> None:
        """One more, if a slot is idle and work waits for which none is on its way."""
        idle = sum(self.idle)
        if not idle or len(self._jobs) <= sum(self._coming):
            return
        kind = BROKEN if self._dice() * idle < self.idle[BROKEN] else SOUND
        self.idle[kind] -= 1
        self._coming[kind] += 1
        delay_s = -self.site.pilot_s * log(1.0 - self._dice())
        self._events.after(delay_s, self._pilot_comes, kind, self._ups)

    def _pilot_comes(self, kind: int, ups: int) -> None:
        if ups == self._ups:
            self._coming[kind] -= 1
            self._asks(kind)

    def _asks(self, kind: int) -> None:
        """A pilot that is in a slot asks for a job, and is gone if there is none."""
        now = self._events.now
        taken = self._waiting.take(now)
        self.books.asked(now, taken is not None)
        if taken is None:
            self.idle[kind] += 1
        else:
            self._begins(self._jobs.pop(taken), kind)

    def _begins(self, job: Job, kind: int) -> None:
        now = job.began = self._events.now
        self.moved(job, JobStatus.RUNNING, job.status)
        self.books.began(now, job)
        self.busy[job] = kind
        self.busy_cores += job.cores
        assert len(self.busy) + self.slots_free == self.site.slots
        self._turns.began(job.task.line)
        job.attempts += 1
        job.turn += 1
        end, runs_s = self._fate(job, kind)
        self._events.after(runs_s, self._ends, job, job.turn, end)

    def _fate(self, job: Job, kind: int) -> tuple[End, float]:
        if kind == BROKEN and self.site.hole.begins <= self._events.now < self.site.hole.ends:
            return End.HOLE, HOLE_RUN_S
        runs_s = job.task.run_s(job.panda_id, self._seed) / self.site.speed
        if job.task.bad:
            return End.TASK, runs_s
        if chance(self._seed, job.panda_id, job.attempts, self.number, 2) < self.site.failing:
            return End.SITE, HOLE_RUN_S + runs_s * chance(self._seed, job.panda_id, job.attempts, 3)
        return End.FINISHED, runs_s

    def _ends(self, job: Job, turn: int, end: End) -> None:
        if job.turn != turn:
            return
        kind = self._leaves(job)
        self._ended(job, end)
        self._asks(kind)

    def _leaves(self, job: Job) -> int:
        kind = self.busy.pop(job)
        self.busy_cores -= job.cores
        self._turns.ended(job.task.line)
        return kind

    def _dice(self) -> float:
        self._serial += 1
        return chance(self._seed, self.number, self._serial)
