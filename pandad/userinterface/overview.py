"""How the whole does, for people: what is where, what runs and fails at which queue, how the loops go, and what is wrong now.

All of it is of a few seconds ago, however many ask.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from twisted.internet.interfaces import IReactorTime

from pandad.spec.caller import Caller
from pandad.spec.facts import Brake, Ends, Pilots
from pandad.spec.jobstatus import BEFORE_PILOT, IN_SLOT, JobStatus
from pandad.spec.site import Queue, QueueStatus
from pandad.taskbuffer import brakes, census, facts, loops, past, people, sites
from pandad.taskbuffer.census import Census
from pandad.taskbuffer.loops import LoopState
from pandad.taskbuffer.past import Ended, Sample
from pandad.taskbuffer.people import Busy
from pandad.taskbuffer.store import Store, Transaction
from pandad.userinterface.identity import identity_of
from pandad.userinterface.kept import Kept

HOUR_S, DAY_S = 3600, 86400
LOOP_FAILURES = 3  # in a row
FEW = 5  # attempts that failed, below which a queue is not called a bad one

SERVING = frozenset({QueueStatus.ONLINE, QueueStatus.STANDBY, QueueStatus.TEST, QueueStatus.BROKEROFF})  # pilots come there


@dataclass(frozen=True, slots=True)
class QueueRow:
    """One queue: with the status in force, what it has, what its pilots did within an hour, how attempts ended in an hour and a
    day. ``queue``: None of one that jobs name and that is not registered."""

    name: str
    queue: Queue | None
    counts: Mapping[JobStatus, int] = field(default_factory=dict)
    pilots: Pilots = Pilots(HOUR_S)
    hour: Ends = Ends(HOUR_S)
    day: Ends = Ends(DAY_S)
    brake: Brake | None = None

    @property
    def running(self) -> int:
        """Jobs that pilots have."""
        return sum(self.counts.get(state, 0) for state in IN_SLOT)

    @property
    def waiting(self) -> int:
        """Jobs that no pilot has yet."""
        return sum(self.counts.get(state, 0) for state in BEFORE_PILOT)


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything at once. ``at``: by the database's clock."""

    at: datetime
    census: Census
    queues: Sequence[QueueRow]
    loops: Sequence[LoopState]

    def problems(self, whole: bool) -> list[dict[str, Any]]:
        """What an operator would look at first: code, text, next_step, and what it is about: queue or loop.

        :param whole: with the texts of this server's own errors.
        """
        found = [_problem("loop-fails", f"loop {each.name} failed {each.failures} times in a row" + f": {each.error}" * whole,
                          "its log lines say more; `pandad loop ls` shows all loops", loop=each.name)
                 for each in self.loops if each.failures >= LOOP_FAILURES]
        for row in self.queues:
            found += _problems_of(row)
        return found


def _problem(code: str, text: str, next_step: str, **about: str) -> dict[str, Any]:
    return {"code": code, "text": text, "next_step": next_step, **about}


def _problems_of(row: QueueRow) -> list[dict[str, Any]]:
    found, name = [], row.name
    if row.brake is not None:
        found.append(("braked", f"{name} is braked: {row.brake.why}",
                      "mend what makes its jobs fail; the page of the queue says more"))
    if row.queue is None and row.waiting:
        found.append(("no-such-queue", f"{row.waiting} jobs wait at {name}, which is not registered",
                      "add it with `pandad queue add FILE`"))
    if row.queue is not None and row.queue.status not in SERVING and row.waiting:
        found.append(("queue-closed", f"{name} is {row.queue.status}, and {row.waiting} jobs wait there",
                      f"`pandad queue set {name} status=online reason=...` opens it"))
    waits = row.counts.get(JobStatus.ACTIVATED, 0)
    if waits and not row.pilots.asked and row.queue is not None and row.queue.status in SERVING:
        found.append(("no-pilots", f"{waits} jobs wait at {name}, and no pilot asked within the hour",
                      "look at the factory of its pilots"))
    if row.hour.failed >= FEW and row.hour.failed > row.hour.finished:
        found.append(("many-failures", f"{name}: {row.hour.failed} attempts failed within the hour, {row.hour.finished} finished",
                      "the page of the queue shows by what"))
    return [_problem(code, text, step, queue=name) for code, text, step in found]


class Overviews:
    """Reads it."""

    def __init__(self, store: Store, clock: IReactorTime) -> None:
        self._store = store
        self._whole: Kept[Overview] = Kept(clock)
        self._past: Kept[tuple[Sequence[Sample], Sequence[Ended]]] = Kept(clock)
        self._people: Kept[Sequence[Busy]] = Kept(clock)

    async def now(self) -> Overview:
        """How things stand."""
        return await self._whole.of(None, lambda: self._store.read("overview", _overview))

    async def past(self, window_s: int, queue: str = "") -> tuple[Sequence[Sample], Sequence[Ended]]:
        """Jobs by state, and how attempts ended, over time; of one queue, or of all."""
        return await self._past.of((window_s, queue), lambda: self._store.read("overview_past", _past, window_s, queue))

    async def people(self, caller: Caller) -> Sequence[Busy]:
        """Who has jobs, by line.

        :raise NotAuthenticated: strangers are not told.
        """
        identity_of(caller)
        return await self._people.of(None, lambda: self._store.read("overview_people", people.busy))


async def _overview(txn: Transaction) -> Overview:
    at = await past.now(txn)
    known = {queue.name: queue for queue in await sites.find_all(txn)}
    counts, braked = await facts.counts(txn), await brakes.find_all(txn)
    pilots = await facts.pilots(txn, HOUR_S)
    hour, day = await facts.ends(txn, HOUR_S), await facts.ends(txn, DAY_S)
    rows = [QueueRow(name, known.get(name), counts.get(name, {}), pilots.get(name, Pilots(HOUR_S)), hour.get(name, Ends(HOUR_S)),
                     day.get(name, Ends(DAY_S)), braked.get(name)) for name in sorted({*known, *counts})]
    return Overview(at, await census.take(txn), rows, await loops.find_all(txn))


async def _past(txn: Transaction, window_s: int, queue: str) -> tuple[Sequence[Sample], Sequence[Ended]]:
    return await past.states(txn, window_s, queue), await past.ends(txn, window_s, queue)
