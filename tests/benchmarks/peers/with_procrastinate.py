"""procrastinate: psycopg 3 with its C speed-ups, finished jobs deleted. Settings: jobs at a time in the process."""

from __future__ import annotations

from procrastinate import App, PsycopgConnector

from tests.benchmarks.peers.work import Progress, main

DEFERRED_AT_ONCE = 2000
CONNECTIONS_BESIDE = 2


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


async def work(dsn: str, settings: dict[str, int], progress: Progress) -> None:
    """Until no job is left."""
    app = _app(dsn, min(settings["concurrency"], 10) + CONNECTIONS_BESIDE)

    @app.task(name="nothing")
    async def nothing(text: str) -> None:
        progress.done()

    async with app.open_async():
        progress.begin()
        await app.run_worker_async(concurrency=settings["concurrency"], wait=False, delete_jobs="always", listen_notify=False,
                                   install_signal_handlers=False)


async def _nothing(text: str) -> None:
    """Only its name is deferred."""


if __name__ == "__main__":
    main(fill, work)
