"""A round of brokerage on the real store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from factories import QUEUE, a_file, a_job
from fakes.ddm import FakeDDM
from pytest_twisted import ensureDeferred
from stages import Meanwhile, Stage
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from pandad.brokerage.cycle import EXPLAINED, Cycle
from pandad.config import BrokerageConfig
from pandad.spec.facts import Whereabouts
from pandad.spec.file import FileName
from pandad.spec.jobstatus import Actor, Event, JobStatus
from pandad.spec.site import QueueStatus
from pandad.taskbuffer import decisions, sites
from pandad.taskbuffer.store import Store

WORDS = "no queue takes it: TEST_QUEUE: the queue is offline"


def on(store: Store, batch: int = 100, **but: Any) -> Cycle:
    return Cycle(store, BrokerageConfig(batch=batch, **but), Clock(), FakeDDM("TEST_DISK"))


def rounds(stage: Stage, batch: int = 100) -> Cycle:
    return on(stage.store, batch)


async def switch(stage: Stage, status: QueueStatus) -> None:
    await stage.store.transact("test_switch", sites.set_status, QUEUE, status, "a test", "test")


async def decision(stage: Stage, panda_id: int) -> Any:
    return await stage.store.once("test_decision", decisions.find, panda_id)


@ensureDeferred
async def test_a_defined_job_is_assigned(stage: Stage) -> None:
    """A job that fits gets a queue, an event that says why, and its verdicts are kept."""
    await stage.queue()
    await stage.queue(nickname="SMALL", maxrss=100)
    panda_id = await stage.job(minRamCount=2000, brokerageErrorDiag="no queue yet")
    await rounds(stage).run_once()
    job = await stage.look(panda_id)
    assert (job.jobStatus, job.computingSite, job.brokerageErrorDiag) == (JobStatus.ASSIGNED, QUEUE, None)
    last = (await stage.history(panda_id))[-1]
    assert (last.event, last.actor, last.who) == (Event.BROKERED, Actor.BROKERAGE, "brokerage")
    assert last.why == f"{QUEUE}: best of 1 queues that can take it"
    kept = await decision(stage, panda_id)
    assert kept.chosen == QUEUE
    assert [(v["queue"], v["verdict"], v.get("criterion")) for v in kept.verdicts] == [
        ("SMALL", "no", "lowmemory"),
        (QUEUE, "ok", None),
    ]


@ensureDeferred
async def test_no_queue_is_said_once(stage: Stage) -> None:
    """A job that no queue takes stays and says why; however many rounds pass, its history has one line for one reason."""
    await stage.queue(status="offline")
    panda_id = await stage.job()
    for _ in range(4):
        await rounds(stage).run_once()
        await stage.due()
    job = await stage.look(panda_id)
    assert (job.jobStatus, job.computingSite, job.brokerageErrorDiag) == (JobStatus.DEFINED, None, WORDS)
    assert [(e.event, e.why) for e in (await stage.history(panda_id))[1:]] == [("not brokered", WORDS)]
    assert (await decision(stage, panda_id)).chosen is None


@ensureDeferred
async def test_a_new_reason_is_a_new_line(stage: Stage) -> None:
    """When the reason changes, the job says the new one, and the history both."""
    await stage.queue(status="offline")
    panda_id = await stage.job(minRamCount=9000)
    await rounds(stage).run_once()
    await switch(stage, QueueStatus.ONLINE)
    await rounds(stage).run_once()
    reasons = [e.why for e in (await stage.history(panda_id))[1:]]
    assert reasons == [WORDS, "no queue takes it: TEST_QUEUE: the job needs 9000 MB of memory, the queue has 4000"]
    assert (await stage.look(panda_id)).brokerageErrorDiag == reasons[-1]


@ensureDeferred
async def test_long_reasons_fit(stage: Stage) -> None:
    """A reason longer than its column is cut there, kept whole in the history, and is still one line."""
    for number in range(4):
        await stage.queue(nickname=f"Q{number}", cmtconfig="a-platform-with-a-very-long-name-" * 4)
    panda_id = await stage.job(cmtConfig="el9")
    for _ in range(2):
        await rounds(stage).run_once()
        await stage.due()
    assert len((await stage.look(panda_id)).brokerageErrorDiag or "") == 250
    (line,) = (await stage.history(panda_id))[1:]
    assert line.why is not None and line.why.endswith("and 1 more")


@ensureDeferred
async def test_refused_jobs_pause(stage: Stage) -> None:
    """A job that no queue took is not looked at again at once: it does not crowd out those behind it."""
    await stage.queue(status="offline")
    first, second = await stage.jobs(a_job(currentPriority=2000), a_job())
    one_at_a_time = rounds(stage, batch=1)
    assert await one_at_a_time.run_once()
    assert await one_at_a_time.run_once()
    assert not await one_at_a_time.run_once()
    assert [(await stage.events(i)) for i in (first, second)] == [["not brokered"], ["not brokered"]]


@ensureDeferred
async def test_a_new_queue_is_looked_at_at_once(stage: Stage) -> None:
    """A queue that is added takes the jobs that waited for one in the next round, without their pause."""
    panda_id = await stage.job()
    await rounds(stage).run_once()
    assert "there is no queue at all" in ((await stage.look(panda_id)).brokerageErrorDiag or "")
    await stage.queue()
    await rounds(stage).run_once()
    assert await stage.status(panda_id) is JobStatus.ASSIGNED


@ensureDeferred
async def test_a_queue_switched_online_is_looked_at_at_once(stage: Stage) -> None:
    """So does a queue that is switched online."""
    await stage.queue(status="offline")
    panda_id = await stage.job()
    await rounds(stage).run_once()
    await switch(stage, QueueStatus.ONLINE)
    await rounds(stage).run_once()
    assert await stage.status(panda_id) is JobStatus.ASSIGNED


@ensureDeferred
async def test_the_most_urgent_first(stage: Stage) -> None:
    """A round takes the highest priorities first, and says whether there may be more."""
    await stage.queue()
    low, high, middle = await stage.jobs(*(a_job(currentPriority=p) for p in (1, 9, 5)))
    assert await rounds(stage, batch=2).run_once()
    assert [await stage.status(i) for i in (high, middle, low)] == [JobStatus.ASSIGNED, JobStatus.ASSIGNED, JobStatus.DEFINED]
    assert not await rounds(stage, batch=2).run_once()
    assert await stage.status(low) is JobStatus.ASSIGNED


@ensureDeferred
async def test_room_is_shared_by_turns(stage: Stage) -> None:
    """Who submitted many jobs first does not keep out who comes after: of the room that there is each owner gets as much."""
    for name in ("A", "B"):
        await stage.queue(nickname=name)
    many = await stage.jobs(*(a_job(prodUserName="alice") for _ in range(12)))
    few = await stage.jobs(*(a_job(prodUserName="bob", currentPriority=900) for _ in range(3)))
    await on(stage.store, waiting_limit=3).run_once()
    placed = {panda_id for panda_id in (*many, *few) if await stage.status(panda_id) is JobStatus.ASSIGNED}
    assert placed == {*many[:3], *few}


@ensureDeferred
async def test_jobs_behind_those_without_room_are_not_touched(stage: Stage) -> None:
    """Of many jobs alike that no queue has room for some are told so; the others are left alone, and find room in their turn."""
    for name in ("A", "B"):
        await stage.queue(nickname=name)
    ids = await stage.jobs(*(a_job() for _ in range(EXPLAINED + 8)))
    cycle = on(stage.store, waiting_limit=2)
    await cycle.run_once()
    states = [await stage.look(panda_id) for panda_id in ids]
    assert [job.jobStatus for job in states] == [JobStatus.ASSIGNED] * 4 + [JobStatus.DEFINED] * (len(ids) - 4)
    assert "2 jobs wait there already, 2 may" in (states[4].brokerageErrorDiag or "")
    assert states[-1].brokerageErrorDiag is None and await stage.events(ids[-1]) == []
    await stage.sql("UPDATE job SET jobstatus = 'closed', endtime = now() WHERE jobstatus = 'assigned' RETURNING 1")
    await stage.sql("DELETE FROM tally_delta WHERE jobstatus = 'assigned' RETURNING 1")
    await stage.due()
    await cycle.run_once()
    assert [await stage.status(panda_id) for panda_id in ids[4:8]] == [JobStatus.ASSIGNED] * 4


@ensureDeferred
async def test_where_queues_are_full_each_line_is_looked_at_once(stage: Stage) -> None:
    """Its head is told, and has the first claim to what becomes free; those behind it cost nothing."""
    for name in ("A", "B"):
        await stage.queue(nickname=name)
        await stage.jobs(*(a_job(jobStatus=JobStatus.ACTIVATED, computingSite=name) for _ in range(2)))
    ids = await stage.jobs(*(a_job(jediTaskID=10_000_000 + number // 5) for number in range(15)))
    await on(stage.store, waiting_limit=2).run_once()
    assert [panda_id for panda_id in ids if await stage.events(panda_id)] == [ids[0], ids[5], ids[10]]


@ensureDeferred
async def test_a_job_refused_for_what_it_is_holds_up_nobody(stage: Stage) -> None:
    """Those behind it in its line are placed in the same round."""
    await stage.queue()
    first, *others = await stage.jobs(a_job(currentPriority=2000, cmtConfig="el6"), *(a_job() for _ in range(20)))
    await stage.queue(cmtconfig="el9")
    await rounds(stage).run_once()
    assert await stage.status(first) is JobStatus.DEFINED
    assert {await stage.status(panda_id) for panda_id in others} == {JobStatus.ASSIGNED}


@ensureDeferred
async def test_one_queue_for_a_job_has_no_cap(stage: Stage) -> None:
    """A job that only one queue can ever take goes there however many wait: no other could begin it sooner."""
    await stage.queue()
    await stage.queue(nickname="SMALL", maxrss=100)
    ids = await stage.jobs(*(a_job(minRamCount=2000) for _ in range(5)))
    await on(stage.store, waiting_limit=2).run_once()
    assert {await stage.status(panda_id) for panda_id in ids} == {JobStatus.ASSIGNED}


@ensureDeferred
async def test_more_lines_than_a_round(stage: Stage) -> None:
    """However many kinds of jobs wait, round after round gets to all of them, wherever the one before stopped."""
    await stage.queue()
    ids = await stage.jobs(*(a_job(minRamCount=number) for number in range(30)))
    cycle = rounds(stage, batch=7)
    for _ in range(6):
        await cycle.run_once()
    assert {await stage.status(panda_id) for panda_id in ids} == {JobStatus.ASSIGNED}


@ensureDeferred
async def test_pinned_to_several(stage: Stage) -> None:
    """A job that is limited to several queues goes to one of them, and one that rules some out to another."""
    for name in ("A", "BEE", "C"):
        await stage.queue(nickname=name)
    await stage.job(JobStatus.ACTIVATED, computingSite="A")
    limited, fussy = await stage.jobs(a_job(avoided=["!A", "!B*"]), a_job(avoided=["-A", "-B*"]))
    await rounds(stage).run_once()
    assert [(await stage.look(panda_id)).computingSite for panda_id in (limited, fussy)] == ["BEE", "C"]


@ensureDeferred
async def test_a_data_service_that_does_not_answer(stage: Stage) -> None:
    """Brokerage goes on without it after its patience: the job is placed as if its input were everywhere."""
    class Silent(FakeDDM):
        async def locate(self, names: Sequence[FileName]) -> Whereabouts:
            clock.callLater(0, clock.advance, 11)
            await Deferred()
            raise AssertionError

    clock = Clock()
    await stage.queue()
    panda_id = await stage.job(Files=[a_file(type="input")])
    round_ = Deferred.fromCoroutine(Cycle(stage.store, BrokerageConfig(), clock, Silent("TEST_DISK")).run_once())
    while not round_.called:
        clock.advance(1)
        await stage.sql("SELECT 1")
    assert await stage.status(panda_id) is JobStatus.ASSIGNED


@ensureDeferred
async def test_avoided_queues(stage: Stage) -> None:
    """A job goes to no queue that it avoids, however good; if there is none but these it stays, and says so."""
    await stage.queue()
    await stage.queue(nickname="SLOW")
    fussy, hopeless = await stage.jobs(a_job(), a_job())
    avoids = "UPDATE job SET avoided = %(a)s::text[] WHERE pandaid = %(id)s RETURNING 1"
    await stage.sql(avoids, id=fussy, a=[QUEUE])
    await stage.sql(avoids, id=hopeless, a=[QUEUE, "SLOW"])
    await rounds(stage).run_once()
    assert ((await stage.look(fussy)).computingSite, await stage.status(hopeless)) == ("SLOW", JobStatus.DEFINED)
    assert "SLOW: the job failed there" in ((await stage.look(hopeless)).brokerageErrorDiag or "")
    assert [(v["queue"], v.get("criterion")) for v in (await decision(stage, fussy)).verdicts] == [
        ("SLOW", None),
        (QUEUE, "excluded"),
    ]


@ensureDeferred
async def test_a_job_killed_meanwhile_stays_killed(stage: Stage) -> None:
    """A job that is killed between the reading and the writing of a round is not moved; the others are."""
    await stage.queue()
    killed, kept = await stage.jobs(a_job(), a_job())

    async def kill() -> None:
        assert await stage.event(Event.KILLED, killed, actor=Actor.USER)

    await on(Meanwhile(stage.store, "brokerage_write", kill)).run_once()
    assert await stage.status(kept) is JobStatus.ASSIGNED
    assert await stage.status(killed) is JobStatus.CANCELLED
    assert await stage.events(killed) == [Event.KILLED]
    assert await decision(stage, killed) is None
    assert (await decision(stage, kept)).chosen == QUEUE


@pytest.mark.parametrize("rounds_before", [0, 1])
@ensureDeferred
async def test_a_round_that_comes_too_late_says_nothing(stage: Stage, rounds_before: int) -> None:
    """What a process that was stopped amid its round decided on a job, which others dealt with since, is not kept: neither a new
    reason nor the one that was told before."""
    await stage.queue(status="offline")
    panda_id = await stage.job()
    for _ in range(rounds_before):
        await rounds(stage).run_once()
        await stage.due()
    before = await decision(stage, panda_id)

    async def kill() -> None:
        assert await stage.event(Event.KILLED, panda_id, actor=Actor.USER)

    await on(Meanwhile(stage.store, "brokerage_write", kill)).run_once()
    assert await decision(stage, panda_id) == before
