"""Users and pilots under fire: they repeat a call until it is answered, at once in the other encoding, then at another door."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
import zlib
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from pandad.dataservice.ddm import FileName
from pandad.dataservice.local import path_of
from pandad.spec.pilotcommand import KILL

from . import dialects
from .dialects import Call, Dialect, Encoding, Job, Refusal
from .history import History, Submission
from .wire import Client, Door, NoAnswer

SCOPE = "user.alice"
PAUSE_S = (0.05, 0.3)     # before a call that failed in both encodings is begun anew
NO_JOBS_PAUSE_S = (0.05, 0.25)
IMMEDIATE = 0.3           # share of pilots' first words that are "running"


@dataclass(frozen=True, slots=True)
class Habits:
    """How the crowd behaves; shares are of jobs or submissions.

    ``in_flight``: submitted jobs whose end is not known, at most. ``oversleep_s``: of a pilot that lets its lease run out.
    """

    pilots: int = 20
    users: int = 3
    in_flight: int = 80
    patience_s: float = 5.0
    killed: float = 0.04
    failing: float = 0.07
    with_output: float = 0.15
    oversleeping: float = 0.01
    vanishing: float = 0.01
    oversleep_s: float = 5.0


class Party:
    """One client with its connections and its dice."""

    def __init__(self, doors: Sequence[Door], patience_s: float, history: History, dice: Random) -> None:
        self._clients = [Client(door, patience_s) for door in doors]
        self._history, self.dice = history, dice
        self._client = dice.choice(self._clients)
        self.sent = 0
        """Requests so far."""

    async def tell(self, call: Call) -> Any:
        """Send it until there is an answer; its data.

        :raise Refusal: the server said no.
        """
        while True:
            for encoding in Encoding:
                try:
                    return await self.once(call, encoding)
                except NoAnswer:
                    continue
            await asyncio.sleep(self.dice.uniform(*PAUSE_S))
            self._client = self.dice.choice(self._clients)

    async def once(self, call: Call, encoding: Encoding) -> Any:
        """One try; "later" is no answer.

        :raise NoAnswer: nothing is known. :raise Refusal: the server said no.
        """
        self.sent += 1
        try:
            answer = await self._client.call(call.request(encoding))
        except NoAnswer:
            self._history.outcomes[call.name, "no answer"] += 1
            raise
        self._history.outcomes[call.name, f"HTTP {answer.status}"] += 1
        if answer.status >= 500:
            raise NoAnswer(f"HTTP {answer.status}")
        return dialects.data_of(call, answer)

    def hang_up(self) -> None:
        """Drop all connections."""
        for client in self._clients:
            client.hang_up()


class Crowd:
    """All users and pilots of a round. Users hand in what `quota` allows; pilots work until they are dismissed."""

    def __init__(self, doors: dict[str, list[Door]], storage: Path, queue: str, seed: int, habits: Habits) -> None:
        self.history, self.quota, self.submitted = History(), 0, 0
        self._doors, self._storage, self._queue, self._habits = doors, storage, queue, habits
        self._dice, self._seed = Random(seed), f"{seed}.{uuid.uuid4().hex[:6]}"
        self._ended: set[int] = set()
        self._dismissed = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._failures: list[BaseException] = []

    def start(self) -> None:
        """Begin to work."""
        for number in range(self._habits.users):
            self._begin(self._user(number, self._party("alice")))
        for number in range(self._habits.pilots):
            self._begin(self._pilot(f"node{number}.test", self._party("pilot")))

    async def dismiss(self) -> None:
        """Let everybody end what is under way, and go.

        :raise BaseExceptionGroup: somebody met what must not happen.
        """
        self._dismissed = True
        while self._tasks:
            await asyncio.wait(self._tasks)
        self.check()

    async def served(self) -> float:
        """Wait until every daemon has stored a submission that was sent to it alone: how long it took, s."""
        began = time.monotonic()
        await asyncio.gather(*map(self._served_at, self._doors["alice"]))
        return time.monotonic() - began

    def check(self) -> None:
        """:raise BaseExceptionGroup: somebody met what must not happen."""
        if self._failures:
            raise BaseExceptionGroup("clients failed", self._failures)

    async def _served_at(self, door: Door) -> None:
        party = Party([door], self._habits.patience_s, self.history, Random(self._dice.random()))
        self.quota += 1
        self.submitted += 1
        await self._submit(party, [f"faults.{self._seed}.knock.{self.submitted}"])
        party.hang_up()

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failures.append(error)

    def _party(self, user: str) -> Party:
        return Party(self._doors[user], self._habits.patience_s, self.history, Random(self._dice.random()))

    async def _user(self, number: int, party: Party) -> None:
        """Hand in jobs, regret some."""
        while not self._dismissed:
            wanted = min(party.dice.randint(1, 10), self.quota - self.submitted)
            if wanted <= 0 or self.submitted - len(self._ended) > self._habits.in_flight:
                await asyncio.sleep(0.05)
                continue
            self.submitted += wanted
            ids = await self._submit(party, [f"faults.{self._seed}.{number}.{self.submitted}.{n}" for n in range(wanted)])
            regretted = [i for i in ids if party.dice.random() < self._habits.killed]
            if regretted:
                self._begin(self._regret(self._party("alice"), regretted))
        party.hang_up()

    async def _submit(self, party: Party, names: list[str]) -> list[int]:
        made = Submission(names)
        self.history.submissions.append(made)
        call = dialects.submit(names, SCOPE, party.dice.random() < self._habits.with_output)
        before = party.sent
        made.ids = [row[0] for row in await party.tell(call)]
        made.tries = party.sent - before
        return made.ids

    async def _regret(self, party: Party, ids: list[int]) -> None:
        await asyncio.sleep(party.dice.uniform(0, 2))
        for panda_id in ids:
            self.history.kills.setdefault(panda_id, False)
        killed = await party.tell(dialects.kill(ids))
        for panda_id, done in zip(ids, killed, strict=True):
            self.history.kills[panda_id] = done
            self._ended.add(panda_id)
        party.hang_up()

    async def _pilot(self, node: str, party: Party) -> None:
        """Take jobs and do them."""
        dialect = party.dice.choice(list(Dialect))
        while not self._dismissed:
            jobs = await self._acquire(node, party, dialect)
            if not jobs:
                await asyncio.sleep(party.dice.uniform(*NO_JOBS_PAUSE_S))
            for job in jobs:
                await self._do(Worker(job, node, party, dialect, self.history))
        party.hang_up()

    async def _acquire(self, node: str, party: Party, dialect: Dialect) -> list[Job]:
        """As a pilot asks: twice at most, then it comes again later."""
        call = dialects.acquire(dialect, self._queue, node, party.dice.choice((1, 1, 1, 3)))
        for encoding in Encoding:
            try:
                jobs = dialects.jobs_in(await party.once(call, encoding))
            except NoAnswer:
                continue
            except Refusal:
                return []
            self.history.handed.update((job.panda_id, job.attempt_nr) for job in jobs)
            return jobs
        return []

    async def _do(self, worker: Worker) -> None:
        """What becomes of one job in the hands of this pilot."""
        fate, habits = worker.party.dice.random(), self._habits
        if fate < habits.vanishing:
            return
        if fate < habits.vanishing + habits.oversleeping:
            await asyncio.sleep(habits.oversleep_s)
        await worker.work(self._storage, fails=worker.party.dice.random() < habits.failing)
        self._ended.add(worker.job.panda_id)


@dataclass(frozen=True, slots=True)
class Worker:
    """One job in the hands of one pilot."""

    job: Job
    node: str
    party: Party
    dialect: Dialect
    history: History

    async def work(self, storage: Path, fails: bool) -> None:
        """From the first word to the final report; less if the pilot is told to stop."""
        words = ["running"] * self.party.dice.randint(1, 3)
        if self.party.dice.random() > IMMEDIATE:
            words.insert(0, "starting")
        for word in words:
            if await self.say(word) == KILL:
                await self.say("failed")  # a pilot that is told to stop says so
                return
        await self.say("failed" if fails else "finished", {} if fails else self._outputs(storage))

    async def say(self, word: str, report: dict[str, Any] | None = None) -> str:
        """The command in the answer."""
        data = await self.party.tell(dialects.update(self.dialect, self.job, word, self.node, report))
        command = str(data["command"])
        self.history.heard[self.job.panda_id, self.job.attempt_nr, word].append(command)
        return command

    def _outputs(self, storage: Path) -> dict[str, Any]:
        """Write the files that the job promised, and describe them."""
        return {lfn: _written(storage, FileName(scope, lfn)) for scope, lfn in self.job.outputs}


def _written(storage: Path, name: FileName) -> dict[str, Any]:
    path = path_of(storage, name)
    assert path is not None
    path.parent.mkdir(parents=True, exist_ok=True)
    content = json.dumps(str(name)).encode()
    path.write_bytes(content)
    return {"guid": str(uuid.uuid5(uuid.NAMESPACE_URL, str(name))), "fsize": len(content),
            "adler32": f"{zlib.adler32(content) & 0xFFFFFFFF:08x}"}
