"""One round of brokerage in a process of its own: `python -m tests.benchmarks.brokerround DSN [JOBS [QUEUES]]` prints one line.

The database must be empty; it is filled with queues of many kinds, and jobs of a hundred tasks whose input lies at one to three
of twenty endpoints. While the round goes on the reactor is asked for a turn all the time: the longest wait for one is the stall,
in time, and in CPU time, which other work on the machine does not lengthen. Reading, deciding and writing are told in time; they
overlap. Of PostgreSQL's CPU time that of this database's backends is told.
"""

from __future__ import annotations

import gc
import json
import random
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall, react

from pandad import metrics
from pandad.brokerage.cycle import Cycle
from pandad.config import BrokerageConfig, DatabaseConfig
from pandad.service import GARBAGE_OBJECTS
from pandad.spec.facts import Whereabouts
from pandad.spec.file import FileName
from pandad.spec.job import JobSpec
from pandad.taskbuffer import migrate, sites
from pandad.taskbuffer.pool import Row
from pandad.taskbuffer.statement import Statement
from pandad.taskbuffer.store import Store, Transaction
from tests.benchmarks import usage
from tests.factories import a_file, a_job, a_queue, stored
from tests.fakes.ddm import FakeDDM

ENDPOINTS = [f"DISK{number}" for number in range(20)]
TASKS = 100
PAGE = 1000
GB = 10**9
TURN_S = 0.001
PHASES = {"reading": ("brokerage_facts", "brokerage_read", "brokerage_jobs"), "writing": ("brokerage_write",)}
BACKENDS = Statement("bench.backends", "SELECT pid FROM pg_stat_activity WHERE datname = current_database()")
PLACED = Statement("bench.placed", "SELECT count(*) FROM job WHERE jobstatus = 'assigned'")
STORED = Statement("bench.stored", "SELECT count(*), sum(pg_column_size(verdicts)) FROM decision")


def grid(chance: random.Random, count: int) -> Iterator[Any]:
    """Queues."""
    for number in range(count):
        disk = ENDPOINTS[number % len(ENDPOINTS)]
        yield a_queue(
            nickname=f"Q{number:03}", maxrss=chance.choice([0, 2000, 4000, 8000]), corecount=chance.choice([1, 8, 8, 64]),
            type=chance.choice(["production", "analysis", "unified", "unified"]), cmtconfig=chance.choice(["", "", "el8", "el9"]),
            status=chance.choice(["online"] * 9 + ["offline"]), maxwdir=chance.choice([20_000, 40_000, 80_000]),
            astorages={"pr": [disk], "pw": [disk]})


def work(chance: random.Random, ddm: FakeDDM, count: int) -> Iterator[JobSpec]:
    """Jobs; their input is put at its endpoints, empty: only that it is there counts."""
    for task in range(TASKS):
        shape = {
            "jediTaskID": task + 1, "minRamCount": chance.choice([1000, 2000, 4000]), "coreCount": chance.choice([1, 1, 8]),
            "prodSourceLabel": chance.choice(["user", "managed"]), "maxDiskCount": chance.randint(1000, 15_000),
            "prodUserName": f"user{task % 20}"}
        places = chance.sample(ENDPOINTS, chance.choice([1, 1, 2, 3]))
        for number in range(count // TASKS):
            files = [a_file(lfn=f"out.{task}.{number}")]
            for part in range(chance.randint(1, 5)):
                name = FileName(f"task{task}", f"in.{task}.{number}.{part}")
                for place in places:
                    ddm.put(place, name, b"")
                size = chance.randint(8 * GB // 10, 12 * GB // 10)
                files.append(a_file(type="input", scope=name.scope, lfn=name.lfn, fsize=size))
            yield a_job(Files=files, inputFileBytes=sum(f.fsize or 0 for f in files), **shape)


class Timed(FakeDDM):
    """Knows how much CPU it took: the time of a real data service would not be the daemon's."""

    moves = True
    cpu_s = 0.0

    async def locate(self, names: Sequence[FileName]) -> Whereabouts:
        """See FakeDDM."""
        began = time.process_time()
        found = await super().locate(names)
        self.cpu_s += time.process_time() - began
        return found


class Turns:
    """Asks the reactor for a turn all the time."""

    def __init__(self) -> None:
        self.longest_s = self.longest_cpu_s = 0.0
        self._last, self._last_cpu = time.monotonic(), time.process_time()
        self._loop = LoopingCall(self._turn)

    def start(self) -> None:
        """From now on."""
        self._last, self._last_cpu = time.monotonic(), time.process_time()
        self._loop.start(TURN_S)

    def stop(self) -> None:
        """No more."""
        self._turn()
        self._loop.stop()

    def _turn(self) -> None:
        now, cpu = time.monotonic(), time.process_time()
        self.longest_s, self._last = max(self.longest_s, now - self._last), now
        self.longest_cpu_s, self._last_cpu = max(self.longest_cpu_s, cpu - self._last_cpu), cpu


async def main(dsn: str, jobs: int, queues: int) -> None:
    """Fill, run a round, tell."""
    chance, ddm = random.Random(1), Timed(*ENDPOINTS)
    store = Store(installed, DatabaseConfig(dsn=dsn, statement_timeout_s=600))
    await store.transact("upgrade", migrate.upgrade)
    for queue in grid(chance, queues):
        await store.transact("queue", sites.put, queue, "bench")
    page: list[JobSpec] = []
    for job in work(chance, ddm, jobs):
        page.append(job)
        if len(page) == PAGE:
            await store.transact("jobs", stored, page)
            page = []
    cycle = Cycle(store, BrokerageConfig(batch=jobs, waiting_limit=0, least_free_gb=0), installed, ddm)
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_OBJECTS)
    before_mb, cpu_s = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, time.process_time()
    backends = [pid for (pid,) in await store.read("backends", _rows, BACKENDS)]
    postgres_cpu_s = usage.cpu_of(backends)
    turns, began = Turns(), time.monotonic()
    turns.start()
    await cycle.run_once()
    turns.stop()
    seconds, cpu_s = time.monotonic() - began, time.process_time() - cpu_s
    postgres_cpu_s = usage.cpu_of([pid for (pid,) in await store.read("backends", _rows, BACKENDS)]) - postgres_cpu_s
    ((placed,),) = await store.read("placed", _rows, PLACED)
    ((verdicts, size),) = await store.read("stored", _rows, STORED)
    print(json.dumps({
        "jobs": jobs, "queues": queues, "placed": placed, "seconds": round(seconds, 2), "cpu_s": round(cpu_s, 2),
        "postgres_cpu_s": round(postgres_cpu_s, 2), "stand_in_cpu_s": round(ddm.cpu_s, 2),
        **{f"{phase}_s": round(seconds, 2) for phase, seconds in phases().items()},
        "longest_stall_ms": round(turns.longest_s * 1000, 1),
        "longest_stall_cpu_ms": round(turns.longest_cpu_s * 1000, 1), "verdicts": verdicts,
        "verdicts_mb": round((size or 0) / 1e6, 1),
        "memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before_mb, 1)}))
    await store.close()


def phases() -> dict[str, float]:
    """How long each took, s; they overlap."""
    found = {phase: sum(metrics.TRANSACTIONS.seconds[name,] for name in names) for phase, names in PHASES.items()}
    return {**found, "deciding": metrics.DECIDED.seconds[()]}


async def _rows(txn: Transaction, statement: Statement) -> list[Row]:
    return await txn.many(statement)


if __name__ == "__main__":
    dsn, *counts = sys.argv[1:]
    numbers = [int(count) for count in counts] or [10_000]
    react(lambda _: Deferred.fromCoroutine(main(dsn, numbers[0], numbers[1] if len(numbers) > 1 else 200)))
