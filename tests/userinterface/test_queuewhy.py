"""What is to be known of a queue."""

from __future__ import annotations

from typing import Any

import pytest
from factories import PILOT, QUEUE, a_caller, a_job
from pytest_twisted import ensureDeferred
from stages import PILOT_CALLER, Stage
from twisted.internet.task import Clock
from whys import Whys

from pandad.config import SharesConfig
from pandad.jobdispatcher.dispatcher import Dispatcher
from pandad.jobdispatcher.requests import AcquireJobs
from pandad.jobdispatcher.traffic import Traffic
from pandad.spec.caller import ANONYMOUS, Role
from pandad.spec.errors import NotAuthenticated, NotFound
from pandad.spec.jobstatus import JobStatus
from pandad.spec.site import QueueStatus
from pandad.taskbuffer import brakes, sites

S = JobStatus
ALICE_CALLER = a_caller("alice")


async def why(stage: Stage, **who: Any) -> dict[str, Any]:
    return await Whys(stage.store).queues.queue(who.get("caller", ALICE_CALLER), QUEUE)


async def asks(stage: Stage, **but: Any) -> None:
    """A pilot asks, and what it asked is kept."""
    clock = Clock()
    traffic = Traffic(stage.store, clock, "test")
    await Dispatcher(stage.store, clock, SharesConfig(user_cap=0), traffic).acquire(
        PILOT_CALLER, AcquireJobs(**{"site_name": QUEUE, "prod_source_label": "user", "node": "node1.test", **but}))
    await traffic.run_once()


def codes(said: dict[str, Any]) -> list[str]:
    return [problem["code"] for problem in said["problems"]]


@ensureDeferred
async def test_what_it_is_for(stage: Stage) -> None:
    """Its limits by the keys of its description, its status and load."""
    await stage.queue()
    await stage.job(S.RUNNING)
    said = await why(stage)
    assert (said["queue"], said["status"], said["problems"]) == (QUEUE, "online", [])
    assert (said["takes"]["maxrss"], said["takes"]["corecount"], said["takes"]["write_to"]) == (4000, 1, "TEST_DISK")
    assert "minrss" not in said["takes"]
    assert said["jobs"] == {"running": 1}
    assert said["summary"].startswith(f"{QUEUE} is online: 1 running; ")


@ensureDeferred
async def test_why_nothing_is_given_out(stage: Stage) -> None:
    """Jobs wait, and no pilot asks; then pilots ask, and no job fits them: what keeps them from it, and whose jobs wait."""
    await stage.queue()
    await stage.jobs(*(a_job(jobStatus=S.ACTIVATED, minRamCount=3000) for _ in range(2)))
    assert codes(await why(stage)) == ["no-pilots"]
    await asks(stage, memory=2000)
    said = await why(stage)
    assert codes(said) == ["pilots-misfit"]
    assert "the job needs 3000, the pilot has 2000" in said["summary"]
    (line,) = said["waits"]
    assert (line["user"], line["jobs"], line["fits_pilots"], line["criterion"]) == ("alice", 2, False, "memory")
    (pilot,) = said["asked"]
    assert (pilot["jobs"], pilot["asked"]["memory_mb"], pilot["reasons"][0]["criterion"]) == (0, 2000, "memory")
    assert said["pilots"][0]["asked"] == 1
    await asks(stage, memory=3000)
    assert codes(await why(stage)) == []


@ensureDeferred
async def test_what_it_refuses(stage: Stage) -> None:
    """Of the jobs without a queue, how many it refuses by which criterion, with examples, and how many it would take."""
    await stage.queue(maxrss=1000)
    ids = await stage.jobs(*(a_job(minRamCount=memory) for memory in (2000, 3000, 500)))
    said = await why(stage)
    assert said["unplaced"] == {"looked_at": 3, "at_least": False, "would_take": 1}
    (row,) = said["refuses"]
    assert (row["criterion"], row["jobs"], row["examples"]) == ("lowmemory", 2, ids[:2])


@ensureDeferred
async def test_closed(stage: Stage) -> None:
    """A queue that is closed says so first."""
    await stage.queue(status="offline")
    said = await why(stage)
    assert codes(said) == ["queue-closed"]
    assert "pandad queue set" in said["problems"][0]["next_step"]


@ensureDeferred
async def test_an_operators_word_and_the_brake(stage: Stage) -> None:
    """By whose word a queue is closed, and why, and that it is braked; who said so only to those who run the service."""
    await stage.queue()
    await stage.store.transact("test_close", sites.set_status, QUEUE, QueueStatus.OFFLINE, "flood", "root@host")
    await stage.store.transact("test_brake", brakes.put, QUEUE, "9 of 9 failed", 0, 600.0)
    said = await why(stage)
    assert (said["status"], said["source_status"], said["reason"]) == ("offline", "online", "flood")
    assert codes(said) == ["braked", "queue-closed"]
    assert said["brake"]["why"] == "9 of 9 failed" and "9 of 9 failed" in said["summary"]
    assert "set_by" not in said
    assert (await why(stage, caller=a_caller("root", Role.ADMIN)))["set_by"] == "root@host"


@ensureDeferred
async def test_who_may_see_what(stage: Stage) -> None:
    """Names of nodes, and who set a status, are for those who run the service; nobody is told nothing."""
    await stage.queue()
    await asks(stage)
    assert "node1.test" not in str(await why(stage)) and PILOT.subject not in str(await why(stage))
    assert "node1.test" in str(await why(stage, caller=a_caller("root", Role.ADMIN)))
    with pytest.raises(NotAuthenticated):
        await why(stage, caller=ANONYMOUS)
    with pytest.raises(NotFound, match="there is no queue X"):
        await Whys(stage.store).queues.queue(ALICE_CALLER, "X")
