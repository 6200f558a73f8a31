"""What pilots asked for and got is counted, and what kept them from more; whatever they say of themselves."""

from __future__ import annotations

from typing import Any

import pytest
from factories import PILOT, QUEUE, a_caller, a_line, a_pilot
from pytest_twisted import ensureDeferred
from stages import PILOT_CALLER, Stage
from twisted.internet import reactor
from twisted.internet.task import Clock

from pandad.config import SharesConfig
from pandad.jobdispatcher import traffic
from pandad.jobdispatcher.dispatcher import Dispatcher
from pandad.jobdispatcher.fairshare import Shares
from pandad.jobdispatcher.heartbeat import Heartbeat
from pandad.jobdispatcher.requests import AcquireJobs, JobUpdate
from pandad.jobdispatcher.traffic import KEPT, QUEUES, Traffic, demands_of
from pandad.jobdispatcher.window import Window
from pandad.spec.capability import Capability
from pandad.spec.errors import Forbidden
from pandad.spec.facts import CAP, NOTHING, ROLE, TAKEN, UNKNOWN_QUEUE, Asked, Pilots, Refusal
from pandad.spec.jobstatus import JobStatus
from pandad.taskbuffer import facts

HOUR_S = 3600
SMALL = Refusal("memory", 3, 1000, 2000)


def no(*refusals: Refusal) -> Any:
    """What keeps every pilot from jobs."""
    return lambda pilot: list(refusals)


def some(stage: Stage, clock: Clock | None = None) -> tuple[Traffic, Clock]:
    """Nothing has come yet."""
    clock = clock or Clock()
    return Traffic(stage.store, clock, "here"), clock


async def pilots(stage: Stage, queue: str = QUEUE) -> Pilots:
    """What is known of a queue's pilots."""
    return (await stage.store.read("pilots", facts.pilots, HOUR_S))[queue]


async def asked(stage: Stage) -> list[Asked]:
    """The last requests."""
    return await stage.store.read("asked", facts.asked, QUEUE, 100)


# --- what keeps a pilot from jobs


def refusals(pilot: Capability, *lines: Any, cores: dict[Any, int] | None = None, **shares: Any) -> list[Refusal]:
    """Of a window with a job of each line."""
    counted = Shares(SharesConfig(**shares))
    counted.counted(cores or {})
    return Window.of(((line, 0, line.id) for line in lines), 0, 0).refusals(pilot, counted)


def test_what_keeps_most_comes_first_and_the_nearest_stands_for_it() -> None:
    """Each criterion once, with the number of lines that it is about, and the need that is nearest to what the pilot has."""
    lines = [a_line(n, memory_mb=1000 * n) for n in range(1, 6)] + [a_line(9, cores=8), a_line(10, cores=4)]
    assert refusals(a_pilot(memory_mb=1500, cores=2), *lines[1:]) == [
        Refusal("memory", 4, 1500, 2000), Refusal("cpucore", 2, 2, 4)]


def test_a_job_that_fits_comes_first() -> None:
    """It is kept back by a cap, or was there too late; that tells more than what does not fit."""
    big = [a_line(n, memory_mb=5000) for n in range(3)]
    fits = a_line(7, cores=2)
    assert refusals(a_pilot(memory_mb=100), *big, fits)[0] == Refusal(TAKEN, 1)
    capped = refusals(a_pilot(memory_mb=100), *big, fits, cores={fits: 4}, user_cap=5)
    assert capped[:2] == [Refusal(CAP, 1, 1, 2), Refusal("memory", 3, 100, 5000)]


def test_nothing_waits() -> None:
    """Then no job is to blame."""
    assert refusals(a_pilot()) == [Refusal(NOTHING)]


# --- what is counted


@ensureDeferred
async def test_calls_are_counted(stage: Stage) -> None:
    """Asked, served, refused by what kept most jobs from the pilot, and heard; each once."""
    await stage.queue()
    here, _ = some(stage)
    here.asked(a_pilot(), 2, no())
    for memory_mb in (1000, 1000, 1001):
        here.asked(a_pilot(memory_mb=memory_mb), 0, no(SMALL, Refusal("disk")))
    here.asked(a_pilot(disk_mb=1), 0, no())
    here.turned_away(QUEUE)
    here.heard([QUEUE, QUEUE])
    for _ in range(2):
        await here.run_once()
        found = await pilots(stage)
        assert (found.asked, found.served, found.heard) == (6, 2, 2)
        assert found.refused == {"memory": 3, NOTHING: 1, ROLE: 1}


@ensureDeferred
async def test_the_last_different_requests(stage: Stage) -> None:
    """Alike ones are one, the newest first; they stay from round to round, and of many the last are kept."""
    await stage.queue()
    here, clock = some(stage)
    here.asked(a_pilot(memory_mb=1, node="n1"), 0, no(SMALL))
    clock.advance(5)
    here.asked(a_pilot(memory_mb=2), 1, no(SMALL))
    await here.run_once()
    clock.advance(5)
    here.asked(a_pilot(memory_mb=1, node="n2"), 0, no(Refusal("disk", 1, 5, 6)))
    await here.run_once()
    first, second = await asked(stage)
    assert (first.at - second.at).total_seconds() == 5
    assert first.demands["node"] == "n2" and first.refusals == (Refusal("disk", 1, 5, 6),) and first.jobs == 0
    assert second.demands["memory_mb"] == 2 and second.refusals == () and second.jobs == 1
    for memory_mb in range(100):
        here.asked(a_pilot(memory_mb=memory_mb), 0, no(SMALL))
    await here.run_once()
    assert [a.demands["memory_mb"] for a in await asked(stage)] == list(range(99, 99 - KEPT, -1))
    assert (await pilots(stage)).refused["memory"] == 101


@ensureDeferred
async def test_it_is_not_worked_out_for_each_call(stage: Stage) -> None:
    """What keeps pilots from jobs is asked once a round for those that are alike, and not for those that got something."""
    await stage.queue()
    here, _ = some(stage)
    worked_out: list[Capability] = []

    def why_not(pilot: Capability) -> list[Refusal]:
        worked_out.append(pilot)
        return [SMALL]

    for _ in range(50):
        here.asked(a_pilot(memory_mb=1), 0, why_not)
        here.asked(a_pilot(memory_mb=2), 1, why_not)
    await here.run_once()
    await here.run_once()
    assert [pilot.memory_mb for pilot in worked_out] == [1]


@ensureDeferred
async def test_pilots_may_say_anything(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Odd texts, huge numbers and invented queues neither stop the counting nor fill memory or tables."""
    await stage.queue()
    monkeypatch.setattr(traffic, "TURN", 10**9)
    here, _ = some(stage)
    odd = a_pilot(node="\ud800\0" * 500, memory_mb=10**300, labels=("\0", "x" * 10_000), owners=frozenset({PILOT}))
    here.asked(odd, 0, no(Refusal("owner", 1, ["\udcff"], PILOT)))
    for n in range(QUEUES + 100):
        here.asked(a_pilot(queue=f"\0{n}"), 0, no())
    here.asked(a_pilot(), 0, no())
    await here.run_once()
    assert (await pilots(stage)).asked == 2 and (await pilots(stage, UNKNOWN_QUEUE)).asked == QUEUES + 100
    assert all(len(str(value)) < 500 for each in await asked(stage) for value in each.demands.values())
    assert await stage.sql("SELECT count(*)::int FROM pilot_request") == [(2,)]
    assert len(here._before) == traffic.REMEMBERED


def test_what_was_not_said_is_not_told() -> None:
    """A request shows what the pilot demands, and who and where it is."""
    assert demands_of(a_pilot(memory_mb=5, labels=("user",), owners=frozenset({PILOT}))) == {
        "queue": QUEUE, "memory_mb": 5, "labels": ["user"], "owners": [[PILOT.anchor, PILOT.subject]], "node": "node1.test",
        "holder": PILOT.subject}


# --- and from where it comes


@ensureDeferred
async def test_through_the_rooms(stage: Stage) -> None:
    """A pilot that gets a job and speaks of it, one that is too small, and a person who may not ask."""
    await stage.queue()
    here, _ = some(stage)
    dispatcher, heartbeat = Dispatcher(stage.store, reactor, SharesConfig(), here), Heartbeat(stage.store, here)
    await stage.job(JobStatus.ACTIVATED, minRamCount=2000)
    wanted = AcquireJobs(site_name=QUEUE, prod_source_label="user", memory=1000)
    assert await dispatcher.acquire(PILOT_CALLER, wanted) == []
    with pytest.raises(Forbidden):
        await dispatcher.acquire(a_caller("bob"), AcquireJobs(site_name=QUEUE))
    await here.run_once()
    (job,) = await dispatcher.acquire(PILOT_CALLER, AcquireJobs(site_name=QUEUE, prod_source_label="user"))
    for attempt_nr in (job.attemptNr, None):
        await heartbeat.update(PILOT_CALLER, JobUpdate(job_id=job.PandaID or 0, job_status="running", attempt_nr=attempt_nr))
    assert await dispatcher.acquire(PILOT_CALLER, wanted, gone=lambda: True) == []
    await here.run_once()
    found = await pilots(stage)
    assert (found.asked, found.served, found.heard, found.refused) == (3, 1, 2, {"memory": 1, ROLE: 1})
    newest, oldest = await asked(stage)
    assert newest.jobs == 1 and oldest.refusals == (Refusal("memory", 1, 1000, 2000),)
