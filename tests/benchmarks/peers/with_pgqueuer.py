"""pgqueuer: asyncpg, uvloop, and its advice on autovacuum (`pgq autovac`). Settings: workers in the process, jobs in a batch."""

from __future__ import annotations

import asyncio
import contextlib
import os
from datetime import timedelta

import asyncpg
import uvloop
from pgqueuer.core.qm import QueueManager
from pgqueuer.db import AsyncpgDriver
from pgqueuer.models import Job
from pgqueuer.queries import Queries
from pgqueuer.types import QueueExecutionMode
from psycopg2.extensions import parse_dsn

from tests.benchmarks.peers.work import Progress, main

ENQUEUED_AT_ONCE = 5000


async def _connect(dsn: str) -> AsyncpgDriver:
    words = parse_dsn(dsn)
    return AsyncpgDriver(await asyncpg.connect(host=words["host"], port=words["port"], user=words["user"], database=words["dbname"]))


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


async def work(dsn: str, settings: dict[str, int], progress: Progress) -> None:
    """Until no job is left."""
    managers = [QueueManager(Queries(await _connect(dsn))) for _ in range(settings["managers"])]
    for manager in managers:
        @manager.entrypoint("nothing")
        async def nothing(job: Job) -> None:
            progress.done()
    progress.begin()
    async with contextlib.AsyncExitStack():
        await asyncio.gather(*(
            manager.run(batch_size=settings["batch"], mode=QueueExecutionMode.drain, dequeue_timeout=timedelta(seconds=1))
            for manager in managers))


if __name__ == "__main__":
    os.environ.setdefault("PGQUEUER_DURABILITY", "durable")
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    main(fill, work)
