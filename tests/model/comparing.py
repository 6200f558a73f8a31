"""The rooms beside the reference: what both are made to do, and that they agree after each step."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from hypothesis.stateful import RuleBasedStateMachine
from taskbuffer.observing import in_reactor
from twisted.internet.defer import Deferred

from .history import History
from .reference import Job, Message, has_room, in_use
from .rooms import Rooms

T = TypeVar("T")


@dataclass(frozen=True)
class Given:
    """A dispatch: what its pilot knows."""

    job: int
    attempt: int
    node: str
    batch: str


@dataclass
class Tally:
    """What a campaign has done so far. ``retries``: attempts after a failure. ``throttled``: jobs that a cap held back."""

    steps: int = 0
    jobs: int = 0
    claims: int = 0
    retries: int = 0
    throttled: int = 0


class Compared(RuleBasedStateMachine):
    """One database for all runs, emptied at the start of each."""

    def __init__(self, rooms: Rooms, tally: Tally) -> None:
        super().__init__()
        self.rooms, self.tally = rooms, tally
        self.jobs: dict[int, Job] = {}
        self.given: list[Given] = []
        self.said: list[Message] = []
        self.submitted: list[tuple[Job, int, str, list[int]]] = []
        self.inputs: dict[int, str] = {}  # the name of each job's input, if it has one
        self.arrived: set[str] = set()  # inputs that are at the storage
        self.stored: set[int] = set()  # jobs whose output is at the storage
        self.history = History()
        self.rows: list[tuple[Any, ...]] = []

    def _does(self, act: Callable[[], Awaitable[T]]) -> T:
        """Do it, and look at what is stored then; `_is_right` compares."""

        async def step() -> T:
            result = await act()
            self.rows = await self.rooms.look(self.history)
            return result

        self.tally.steps += 1
        return in_reactor(lambda: Deferred.fromCoroutine(step()))

    def _is_right(self) -> None:
        seen = {row[0]: row[1:] for row in self.rows}
        assert seen == {i: as_stored(job) for i, job in self.jobs.items()}
        assert self.history.at == {i: (job.status, job.attempt) for i, job in self.jobs.items()}
        assert all(job.decision in self.history.decisions.get(i, "") for i, job in self.jobs.items())

    def _all(self, change: Callable[[int, Job], Job]) -> None:
        before = self.jobs
        self.jobs = {i: change(i, job) for i, job in before.items()}
        self.tally.retries += sum(job.retries - before[i].retries for i, job in self.jobs.items())
        self._is_right()

    def _ready(self) -> list[Job]:
        """Jobs that some pilot can have now."""
        used = in_use(self.jobs)
        return [job for job in self.jobs.values() if job.status == "activated" and has_room(job, used)]

    def _chosen(self, picks: Sequence[int]) -> list[int]:
        ids = list(self.jobs)
        return list(dict.fromkeys(ids[p % len(ids)] for p in picks))


def as_stored(job: Job) -> tuple[Any, ...]:
    """The row of `Rooms.look`, without the PandaID."""
    return (job.status, job.queue, job.attempt, job.reported, job.command, job.batch, job.noted is not None, job.priority,
            job.memory_mb, job.time_s, sorted(job.avoided), True)
