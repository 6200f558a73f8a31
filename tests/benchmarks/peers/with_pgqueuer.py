"""pgqueuer: asyncpg, uvloop, all tables logged (its default), and its advice on autovacuum (`pgq autovac`)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import asyncpg
import uvloop
from pgqueuer.core.qm import QueueManager
from pgqueuer.db import AsyncpgDriver
from pgqueuer.models import Job
from pgqueuer.queries import Queries
from pgqueuer.types import QueueExecutionMode
from psycopg2.extensions import parse_dsn

from tests.benchmarks.peers.work import Progress

ENQUEUED_AT_ONCE = 5000


async def _connect(dsn: str) -> AsyncpgDriver:
    words = parse_dsn(dsn)
    words["database"] = words.pop("dbname")
    return AsyncpgDriver(await asyncpg.connect(**words))


async def fill(dsn: str, jobs: int) -> None:
    """Its schema, and so many jobs."""
    driver = await _connect(dsn)
    queries = Queries(driver)
    await queries.install()
    await queries.optimize_autovacuum()
    while jobs > 0:
        some = min(jobs, ENQUEUED_AT_ONCE)
        await queries.enqueue(["nothing"] * some, [b"--in x --out y"] * some, [0] * some)
        jobs -= some


async def work(dsn: str, settings: Mapping[str, int], progress: Progress) -> None:
    """``managers``: queue managers in this process, each with a connection. ``batch``: jobs that each fetches at once."""
    managers = [QueueManager(Queries(await _connect(dsn))) for _ in range(settings["managers"])]

    async def nothing(job: Job) -> None:
        progress.done()

    for manager in managers:
        manager.entrypoint("nothing")(nothing)

    def stop() -> None:
        for manager in managers:
            manager.shutdown.set()

    progress.begin(stop)
    await asyncio.gather(*(manager.run(batch_size=settings["batch"], mode=QueueExecutionMode.drain) for manager in managers))


asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
