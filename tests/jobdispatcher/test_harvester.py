"""What Harvesters say, more than once and in any order, and what they are told to do; on the real store."""

from __future__ import annotations

from typing import Any

import pytest
from factories import QUEUE, a_job, a_pilot
from pytest_twisted import ensureDeferred
from stages import Stage

from pandad.jobdispatcher.harvester import Workers
from pandad.jobdispatcher.requests import WorkerStatus
from pandad.spec.caller import ANONYMOUS
from pandad.spec.jobstatus import JobStatus
from pandad.taskbuffer import workers
from pandad.taskbuffer.workers import WorkerWord

LOOK = "SELECT workerid, status, queue, diag, started IS NOT NULL, ended IS NOT NULL FROM worker ORDER BY 1"


def word(worker_id: int, status: str, **but: Any) -> WorkerWord:
    return WorkerWord(**{"worker_id": worker_id, "status": status, "queue": "Q", "node": None, "diag": None, "jobs": (),
                         "told": {"batchID": "77"}, **but})


@ensureDeferred
async def test_a_workers_life(stage: Stage) -> None:
    """Each word counts, twice or once; of one that has ended only another end is news; the server's clock says when."""
    room = Workers(stage.store)
    for status, seen in (("submitted", (False, False)), ("running", (True, False)), ("running", (True, False)),
                         ("failed", (True, True)), ("running", (True, True))):
        await room.update("h", [word(1, status, diag="exit 1" if status == "failed" else None)] * 2)
        shown = "failed" if seen[1] else status
        assert await stage.sql(LOOK) == [(1, shown, "Q", "exit 1" if seen[1] else None, *seen)]
    await room.update("h", [word(1, "cancelled"), word(7, "ready")])
    assert [row[:2] for row in await stage.sql(LOOK)] == [(1, "cancelled"), (7, "ready")]
    assert (await room.last("h"), await room.last("other")) == (7, 0)
    assert await stage.sql("SELECT told->>'batchID' FROM worker WHERE workerid = 1") == [("77",)]


@ensureDeferred
async def test_with_its_pilots_words(stage: Stage) -> None:
    """A pilot that ended has ended its worker, whatever Harvester still takes it for."""
    room = Workers(stage.store)
    await room.update("h", [word(1, "running")])
    await room.update_status(ANONYMOUS, WorkerStatus(worker_id=1, harvester_id="h", status="finished", site="Q"))
    await room.update("h", [word(1, "running")])
    assert [row[1] for row in await stage.sql(LOOK)] == ["finished"]


@ensureDeferred
async def test_jobs_of_workers(stage: Stage) -> None:
    """Of a job in a slot the worker is known that Harvester says, which tells why it ended; a job that waits has none."""
    running, waiting = await stage.job(JobStatus.RUNNING), (await stage.jobs(a_job(jobStatus=JobStatus.ACTIVATED)))[0]
    await Workers(stage.store).update("h", [word(3, "failed", diag="killed by batch", jobs=(running, waiting, 10**9))])
    assert await stage.sql("SELECT pandaid, workerid FROM job_worker") == [(running, 3)]
    ended = await stage.store.read("t", workers.ended, [running, waiting])
    assert list(ended) == [running] and ended[running].endswith("with killed by batch")


@ensureDeferred
async def test_a_worker_that_a_pilot_named_stays(stage: Stage) -> None:
    """What the job's own pilot said of its worker when it took it goes before."""
    (panda_id,) = await stage.jobs(a_job(jobStatus=JobStatus.ACTIVATED))
    await stage.claim(harvester_id="h", worker_id=1)
    await Workers(stage.store).update("h", [word(2, "running", jobs=(panda_id,))])
    assert await stage.sql("SELECT workerid FROM job_worker") == [(1,)]
    assert a_pilot().queue == QUEUE


@ensureDeferred
async def test_counts(stage: Stage) -> None:
    """The last word on a queue is all there is of it; other queues and Harvesters have theirs."""
    room = Workers(stage.store)
    await room.count("h", "Q", {"user": {"SCORE": {"running": 5, "submitted": 1}, "MCORE": {"running": 2}}})
    await room.count("h", "R", {"user": {"SCORE": {"running": 1}}})
    await room.count("g", "Q", {"managed": {"SCORE": {"running": 9}}})
    for _ in range(2):
        await room.count("h", "Q", {"user": {"SCORE": {"running": 4}}})
    assert await room.counts() == {
        "Q": {"g": {"managed": {"SCORE": {"running": 9}}}, "h": {"user": {"SCORE": {"running": 4}}}},
        "R": {"h": {"user": {"SCORE": {"running": 1}}}}}
    await room.count("g", "Q", {})
    assert list((await room.counts())["Q"]) == ["h"]


@ensureDeferred
async def test_what_is_noted(stage: Stage) -> None:
    """That it lives, with what it said before; messages by their number; of each host the newest measures. A week later
    messages go."""
    room = Workers(stage.store)
    await room.beat("h", {"sw_version": "0.7", "startTime": "datetime/x"})
    await room.beat("h", {})
    assert await stage.sql("SELECT id, told->>'sw_version' FROM harvester") == [("h", "0.7")]
    await room.dialogs("h", {"1": {"diagMessage": "a"}, "2": {"diagMessage": "b"}})
    await room.dialogs("h", {"2": {"diagMessage": "b"}})
    await room.metrics("h", {"host": {"cpu": 1}})
    await room.metrics("h", {"host": {"cpu": 2}})
    look = "SELECT kind, key, note->>'cpu' FROM harvester_note ORDER BY 1, 2"
    assert await stage.sql(look) == [("dialog", "1", None), ("dialog", "2", None), ("metric", "host", "2")]
    await stage.sql("UPDATE harvester_note SET told = told - interval '8 days' WHERE kind = 'dialog' RETURNING 1")
    await room.metrics("h", {"host": {"cpu": 3}})
    assert await stage.sql(look) == [("metric", "host", "3")]


@ensureDeferred
async def test_commands(stage: Stage) -> None:
    """A sweep goes to each Harvester with workers there, once, until it says that it has it; a lost answer is made good later."""
    room = Workers(stage.store)
    await room.count("h", "Q", {"user": {"SCORE": {"running": 5}}})
    await room.update("g", [word(1, "running")])
    await room.update("f", [word(1, "finished"), word(2, "running", queue="R")])
    assert await room.sweep("Q", {"status": "ALL"}) == 2
    (command,) = await room.commands("h", 10)
    assert (command.command, command.params) == ("KILL_WORKERS:Q", {"computingSite": ["Q"], "status": "ALL"})
    assert await room.commands("h", 10) == [] == await room.commands("f", 10)
    await stage.sql("UPDATE harvester_command SET told = told - interval '2 h' WHERE told IS NOT NULL RETURNING 1")
    assert await room.commands("h", 0) == []
    assert [again.id for again in await room.commands("h", 10)] == [command.id]
    await room.sweep("Q", {"status": ["submitted"]})
    (newer,) = await room.commands("h", 10)
    assert newer.id > command.id and newer.params["status"] == ["submitted"]
    for _ in range(2):
        await room.acknowledge([newer.id, 10**9])
    assert await stage.sql("SELECT harvesterid FROM harvester_command") == [("g",)]


@pytest.mark.parametrize("told", [[], [word(1, "missed")]])
@ensureDeferred
async def test_nothing_is_fine(stage: Stage, told: list[WorkerWord]) -> None:
    """A call without workers, and one about workers that were never there."""
    await Workers(stage.store).update("h", told)
    assert len(await stage.sql(LOOK)) == len(told)
