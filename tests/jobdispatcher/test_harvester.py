"""Workers, as their pilots report them."""

from __future__ import annotations

from typing import Any

from pytest_twisted import ensureDeferred
from stages import PILOT_CALLER, Stage

from pandad.jobdispatcher.harvester import Workers
from pandad.jobdispatcher.requests import WorkerStatus

ROWS = "SELECT harvesterid, workerid, status, queue, node, started IS NOT NULL, ended IS NOT NULL FROM worker ORDER BY 1, 2"


async def say(stage: Stage, status: str, **but: Any) -> None:
    said = WorkerStatus(**{"worker_id": 7, "harvester_id": "h1", "status": status, "site": "Q", "node_id": "wn1", **but})
    await Workers(stage.store).update_status(PILOT_CALLER, said)


@ensureDeferred
async def test_a_worker_begins_and_ends(stage: Stage) -> None:
    """A worker is kept with where it runs, when it began and when it ended."""
    await say(stage, "started")
    assert await stage.sql(ROWS) == [("h1", 7, "started", "Q", "wn1", True, False)]
    await say(stage, "finished")
    assert await stage.sql(ROWS) == [("h1", 7, "finished", "Q", "wn1", True, True)]


@ensureDeferred
async def test_repeated_and_late_words(stage: Stage) -> None:
    """The same word again changes nothing, nor does a "started" that comes after the "finished", or says less."""
    await say(stage, "started")
    await say(stage, "finished")
    times = await stage.sql("SELECT started, ended FROM worker")
    await say(stage, "finished")
    await say(stage, "started", site=None, node_id=None)
    assert await stage.sql("SELECT started, ended FROM worker") == times
    assert await stage.sql(ROWS) == [("h1", 7, "finished", "Q", "wn1", True, True)]


@ensureDeferred
async def test_workers_of_two_harvesters(stage: Stage) -> None:
    """Two Harvesters may both have a worker 7."""
    await say(stage, "started")
    await say(stage, "finished", harvester_id="h2")
    assert [row[:3] for row in await stage.sql(ROWS)] == [("h1", 7, "started"), ("h2", 7, "finished")]
