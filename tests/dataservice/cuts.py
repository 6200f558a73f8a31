"""Outputs on their way home, and a cut somewhere: between any two statements, or before or after any call to Rucio."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from faults.scalpel import AFTER, DEATHS, GRAVES, Cut, CutStore, Scalpel
from rucioworlds import REACTOR, HastyClock
from stages import Stage
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from pandad.config import DatabaseConfig
from pandad.dataservice.copies import name_of
from pandad.dataservice.datasets import Dataset
from pandad.dataservice.rucio.datasets import RucioDatasets
from pandad.dataservice.rucio.ddm import RucioDDM
from pandad.dataservice.rucio.login import Token
from pandad.dataservice.rucio.session import Call, Session
from pandad.dataservice.rucio.wire import Answer, Line, NoAnswer
from pandad.dataserviceconfig import DataServiceConfig
from pandad.spec.errors import Unavailable
from pandad.spec.jobstatus import Actor, Event, JobStatus
from pandad.taskbuffer.store import Store

from .homecoming import HERE, THERE, Rooms, World, content, entry, files, report

ROUNDS = 40
CONFIG = DataServiceConfig(missing_retry_s=1, errand_retry_s=0.01, errand_retry_max_s=0.01, dataset_close_s=0)
EXCHANGE = re.compile("(GET|POST|PUT|DELETE) /")
FINAL_STATES = {"finished", "failed"}
_numbers = itertools.count(1)


class CutSession(Session):
    """A session whose exchanges are under the scalpel."""

    scalpel: Scalpel

    async def _sent(self, call: Call, line: Line | None, token: Token) -> Answer:
        cut = self.scalpel.meets(f"{call.method} {call.path}")
        if cut is None:
            return await super()._sent(call, line, token)
        if cut in AFTER:
            await super()._sent(call, line, token)
        if cut in DEATHS:
            self.scalpel.died.callback(None)
            GRAVES.append(Deferred())
            await GRAVES[-1]
        raise NoAnswer(str(cut))


class _Died(Exception):
    """The process is gone."""


class Process:
    """One pandad's data service."""

    def __init__(self, database: DatabaseConfig, world: World, scalpel: Scalpel) -> None:
        self.store = CutStore(REACTOR, database, scalpel)
        session = CutSession(REACTOR, world.config, world.now, HastyClock())
        session.scalpel = scalpel
        ddm = RucioDDM(session)
        self.session, self.rooms = session, Rooms(self.store, RucioDatasets(session, ddm), ddm, CONFIG)


@dataclass
class Life:
    """Two jobs that finish, of which one has an output that is wanted elsewhere, and one that fails."""

    database: DatabaseConfig
    world: World
    stage: Stage
    scalpel: Scalpel

    async def lead(self) -> list[str]:
        """From the first job to the closing of the dataset; what is wrong at the end."""
        self.out = Dataset("user.alice", f"user.alice.out{next(_numbers)}")
        self.process = Process(self.database, self.world, self.scalpel)
        try:
            await self._prepared()
            await self._under_the_knife(self._are_activated)
            await self._reported()
            await self._under_the_knife(self._is_over)
            return await self._flaws()
        finally:
            self.scalpel.awake = False
            self.process.store.abandon()
            await self.process.session.close()
            await self.stage.sql("TRUNCATE job, job_event, job_report, errand, dataset, shipment CASCADE; SELECT 1")

    async def _prepared(self) -> None:
        number = self.out.name.removeprefix("user.alice.out")
        self.outputs = [files(THERE, name=f"{number}a"), files(name=f"{number}b"), files(name=f"{number}c")]
        for file in (f for each in self.outputs for f in each):
            file.destinationDBlock = self.out.name
        self.jobs = [await self.stage.job(JobStatus.ASSIGNED, Files=each) for each in self.outputs]

    async def _reported(self) -> None:
        await self.stage.claim(count=3)
        for panda_id, outputs, status in zip(self.jobs, self.outputs, (
                JobStatus.FINISHED, JobStatus.FINISHED, JobStatus.FAILED), strict=True):
            assert await self.stage.event(Event.RUNNING, panda_id, actor=Actor.PILOT)
            for file in outputs:
                self.world.written(HERE, name_of(file), content(file.lfn or ""))
            said = json.dumps({f.lfn: entry(f.lfn or "") for f in outputs})
            await self.stage.store.transact("t", report, panda_id, status, said)

    async def _under_the_knife(self, over: Callable[[], Awaitable[bool]]) -> None:
        for _ in range(ROUNDS):
            await self._hurry()
            self.scalpel.awake = True
            await self._round()
            self.scalpel.awake = False
            await self.world.transferred()
            if await over():
                return
        raise AssertionError(f"it does not end: {await self._states()}, {await self._pending()}")

    async def _round(self) -> None:
        try:
            await _first(self.process.rooms.round(), self.scalpel.died)
        except Unavailable:
            await deferLater(REACTOR, 0.01)
        except _Died:
            self.scalpel.awake = False
            self.process.store.abandon()
            await self.process.session.close()
            self.scalpel.died = Deferred()
            self.process = Process(self.database, self.world, self.scalpel)

    async def _hurry(self) -> None:
        """All pauses are over. What a dead process had locked is free when its connections are found to be gone."""
        for table, column in (("job", "nextcheck"), ("errand", "due"), ("shipment", "nextcheck"), ("dataset", "nextcheck")):
            await self.stage.sql(f"UPDATE {table} SET {column} = now() RETURNING 1")

    async def _states(self) -> list[JobStatus]:
        return [await self.stage.status(panda_id) for panda_id in self.jobs]

    async def _pending(self) -> list[str]:
        rows = await self.stage.sql("""SELECT kind || ' ' || key FROM errand UNION ALL SELECT 'shipment ' || name FROM shipment
                                       UNION ALL SELECT 'dataset ' || name FROM dataset""")
        return [row[0] for row in rows]

    async def _are_activated(self) -> bool:
        return set(await self._states()) == {JobStatus.ACTIVATED}

    async def _is_over(self) -> bool:
        return set(await self._states()) == {JobStatus.FINISHED, JobStatus.FAILED} and not await self._pending()

    async def _flaws(self) -> list[str]:
        """Against what a life without a cut leaves."""
        known = self.world.known()
        a, b, c = ([(str(f.scope), str(f.lfn)) for f in each] for each in self.outputs)
        out = (self.out.scope, self.out.name)
        mine = {name: files for name, files in known.datasets.items() if name[1].startswith(f"{out[1]}_sub0")}
        here, there = ([name for name in known.copies[endpoint] if name in {*a, *b, *c}] for endpoint in (HERE, THERE))
        expected: dict[str, tuple[Any, Any]] = {
            "states": (await self._states(), [JobStatus.FINISHED, JobStatus.FINISHED, JobStatus.FAILED]),
            "dataset": (known.datasets[out], sorted([*a, *b, c[1]])), "open": (known.open & {out, *mine}, set()),
            "shipments": (list(mine.values()), [[a[0]]]),
            "rules": ([endpoint for name, endpoint in known.rules if name in mine], [THERE]),
            "here": (here, sorted([*a, *b, c[1]])), "there": (there, [a[0]]),
            "events": ([await self._ends(i) for i in self.jobs], [1, 1, 1])}
        return [f"{what} {seen}, and not {wanted}" for what, (seen, wanted) in expected.items() if seen != wanted]

    async def _ends(self, panda_id: int) -> int:
        return len([e for e in await self.stage.history(panda_id) if e.became in FINAL_STATES])


def _first(call: Awaitable[None], died: Deferred[None]) -> Deferred[None]:
    """The end of the call, or _Died when the process does first."""
    outcome: Deferred[None] = Deferred()

    async def awaited() -> None:
        await call

    def decide(result: Any) -> None:
        if not outcome.called:
            outcome.callback(result)

    Deferred.fromCoroutine(awaited()).addBoth(decide)
    died.addCallback(lambda _: decide(Failure(_Died())))
    return outcome


@dataclass(frozen=True)
class Case:
    """One cut."""

    border: int
    cut: Cut
    what: str

    @property
    def at_rucio(self) -> bool:
        """Whether it is an exchange with Rucio that is cut, and no statement."""
        return EXCHANGE.match(self.what) is not None

    def __str__(self) -> str:
        return f"{self.cut} {self.border} ({self.what})"


async def cases(database: DatabaseConfig, world: World, store: Store) -> list[Case]:
    """Every border, with every kind of cut."""
    return await all_cases(lambda scalpel: Life(database, world, Stage(store), scalpel))


async def all_cases(life: Callable[[Scalpel], Life]) -> list[Case]:
    """Every border of such a life, found by leading it undisturbed, with every kind of cut."""
    scalpel = Scalpel()
    assert await life(scalpel).lead() == []
    return [Case(number, kind, " ".join(text.split()[:4])) for number, text in enumerate(scalpel.borders) for kind in Cut]


def share(found: Sequence[Case], count: int, dice: Random) -> list[Case]:
    """So many of them, spread over the whole way: half of them at exchanges with Rucio, if there are as many."""
    exchanges = _spread([case for case in found if case.at_rucio], count // 2, dice)
    return [*exchanges, *_spread([case for case in found if not case.at_rucio], count - len(exchanges), dice)]


def _spread(found: Sequence[Case], count: int, dice: Random) -> list[Case]:
    """One of each part of the way."""
    parts = min(count, len(found))
    return [found[dice.randrange(part * len(found) // parts, (part + 1) * len(found) // parts)] for part in range(parts)]
