"""procrastinate: psycopg 3 with its C speed-ups, finished jobs deleted, no look for new ones beside the polling."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress

from procrastinate import App, PsycopgConnector

from tests.benchmarks.peers.work import Progress

DEFERRED_AT_ONCE = 2000
MOST_CONNECTIONS, CONNECTIONS_BESIDE = 10, 2


def _app(dsn: str, connections: int = 4) -> App:
    return App(connector=PsycopgConnector(conninfo=dsn, min_size=connections, max_size=connections))


async def fill(dsn: str, jobs: int) -> None:
    """Its schema, and so many jobs."""
    app = _app(dsn)
    task = app.task(name="nothing")(_nothing)
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        while jobs > 0:
            some = min(jobs, DEFERRED_AT_ONCE)
            await task.batch_defer_async(*({"text": "--in x --out y"} for _ in range(some)))
            jobs -= some


async def work(dsn: str, settings: Mapping[str, int], progress: Progress) -> None:
    """``concurrency``: jobs at a time in this process."""
    app = _app(dsn, min(settings["concurrency"], MOST_CONNECTIONS) + CONNECTIONS_BESIDE)

    async def nothing(text: str) -> None:
        progress.done()

    app.task(name="nothing")(nothing)
    async with app.open_async():
        worker = asyncio.create_task(app.run_worker_async(
            concurrency=settings["concurrency"], wait=False, delete_jobs="always", listen_notify=False,
            install_signal_handlers=False))
        progress.begin(worker.cancel)
        with suppress(asyncio.CancelledError):
            await worker


async def _nothing(text: str) -> None:
    """Only its name is deferred."""
