"""When jobs that no queue took are looked at again."""

from __future__ import annotations

from typing import Any

import pytest
from factories import QUEUE, a_job
from fakes.ddm import FakeDDM
from pytest_twisted import ensureDeferred
from stages import Stage
from twisted.internet.task import Clock

from pandad.brokerage.criterion import No
from pandad.brokerage.cycle import EXPLAINED, Cycle
from pandad.brokerage.putoff import RETRY_S, PutOff, longest_s
from pandad.config import BrokerageConfig
from pandad.spec.jobstatus import JobStatus
from pandad.spec.site import QueueStatus
from pandad.taskbuffer import sites

PAUSES = """
    SELECT round(extract(epoch FROM j.nextcheck - d.at) / 10)::int * 10 FROM job j JOIN job_decision d USING (pandaid)
    WHERE j.jobstatus = 'defined' ORDER BY pandaid"""
LATER = """
    WITH decided AS (
        UPDATE job_decision d SET at = d.at - (j.nextcheck - now()) FROM job j WHERE j.pandaid = d.pandaid)
    UPDATE job SET nextcheck = now() RETURNING 1"""


def rounds(stage: Stage, **but: Any) -> Cycle:
    return Cycle(stage.store, BrokerageConfig(**but), Clock(), FakeDDM("TEST_DISK"))


async def pauses_s(stage: Stage) -> list[int]:
    return [pause for (pause,) in await stage.sql(PAUSES)]


@pytest.mark.parametrize(("criteria", "pause_s"), [
    ([], 1800.0), (["lowmemory"], 1800.0), (["lowmemory", "cap"], RETRY_S), (["non_local"], 1800.0), (["badsite"], RETRY_S)])
def test_the_longest_pause(criteria: list[str], pause_s: float) -> None:
    """Where a queue is only full, or braked, a job does not lose its place to those that come later."""
    assert longest_s([None, *(No(each, 0, 0, "") for each in criteria)], 1800.0) == pause_s


@ensureDeferred
async def test_a_job_that_waits_for_long_is_looked_at_seldom(stage: Stage) -> None:
    """The pause doubles while the reason stays the same, to the bound; another begins anew; the history has one line of each."""
    await stage.queue(maxrss=1000)
    panda_id = await stage.job(minRamCount=5000)
    cycle, seen = rounds(stage, put_off_s=300), []
    for _ in range(5):
        await cycle.run_once()
        seen += await pauses_s(stage)
        await stage.sql(LATER)
    assert seen == [60, 120, 240, 300, 300]
    await stage.queue(maxrss=2000)
    await cycle.run_once()
    assert await pauses_s(stage) == [60]
    assert await stage.events(panda_id) == ["not brokered"] * 2


@ensureDeferred
async def test_full_queues_are_tried_each_minute(stage: Stage) -> None:
    """Room goes to who is there when it comes."""
    for name in ("A", "B"):
        await stage.queue(nickname=name)
        await stage.jobs(*(a_job(jobStatus=JobStatus.ACTIVATED, computingSite=name) for _ in range(2)))
    await stage.job()
    cycle = rounds(stage, waiting_limit=2)
    for _ in range(3):
        await cycle.run_once()
        assert await pauses_s(stage) == [60]
        await stage.sql(LATER)


@ensureDeferred
async def test_those_behind_get_their_turn(stage: Stage) -> None:
    """However many heads of a line are refused for reasons of their own, those behind them that fit are placed."""
    await stage.queue()
    ids = await stage.jobs(*(a_job(currentPriority=100, computingSite=f"GONE{n}", relocationFlag=1) for n in range(60)), a_job())
    cycle = rounds(stage)
    for _ in range(len(ids) // 8 + 1):
        await cycle.run_once()
    assert await stage.status(ids[-1]) is JobStatus.ASSIGNED
    assert {await stage.status(i) for i in ids[:-1]} == {JobStatus.DEFINED}


@ensureDeferred
async def test_a_queue_that_comes_back_gets_what_was_put_off(stage: Stage) -> None:
    """Whatever pause they had, some in each round, until all were looked at; those that still find nothing are met once."""
    await stage.queue()
    await stage.store.transact("off", sites.set_status, QUEUE, QueueStatus.OFFLINE, "down", "test")
    wanted = await stage.jobs(*(a_job(currentPriority=n) for n in range(10)))
    other = await stage.job(minRamCount=9000)
    cycle = rounds(stage, batch=4)
    while await cycle.run_once():
        pass
    await stage.sql("UPDATE job SET nextcheck = now() + interval '20 minutes' WHERE brokerageerrorcode <> 0 RETURNING 1")
    assert not await cycle.run_once()
    await stage.store.transact("on", sites.set_status, QUEUE, QueueStatus.ONLINE, "", "test")
    before = [await cycle.run_once() for _ in range(3)]
    while await cycle.run_once():
        pass
    assert before[0] and {await stage.status(i) for i in wanted} == {JobStatus.ASSIGNED}
    assert await stage.events(other) == ["not brokered"] * 2
    assert (await stage.look(wanted[0])).brokerageErrorCode == 0


@ensureDeferred
async def test_those_that_are_not_told_wait_too(stage: Stage) -> None:
    """Of many alike only some are decided on in a round; the others that were put off are put off again, and nothing is lost."""
    await stage.queue(maxrss=1000)
    await stage.jobs(*(a_job(minRamCount=5000) for _ in range(EXPLAINED + 5)))
    cycle = rounds(stage)
    for _ in range(5):
        await cycle.run_once()
    await stage.due()
    await cycle.run_once()
    assert await stage.sql("SELECT count(*)::int FROM job WHERE nextcheck <= now() AND brokerageerrorcode <> 0") == [(0,)]


@ensureDeferred
async def test_a_round_that_failed_is_made_up_for(stage: Stage) -> None:
    """Jobs that it was to look at because a queue changed are met again by the next one."""
    await stage.queue(maxrss=1000)
    panda_id = await stage.job(minRamCount=5000)
    cycle = rounds(stage)
    await cycle.run_once()
    await stage.queue(maxrss=8000)

    off = PutOff(stage.store)
    assert [job.PandaID for job in await off.take(9)] == [panda_id] == [job.PandaID for job in await off.take(9)]
    off.taken()
    assert await off.take(9) == [] and not off.is_under_way
    await cycle.run_once()
    assert await stage.status(panda_id) is JobStatus.ASSIGNED
