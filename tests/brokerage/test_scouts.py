"""The first jobs of a task go before the others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from factories import a_job, a_queue
from fakes.ddm import FakeDDM
from pytest_twisted import ensureDeferred
from stages import Stage
from twisted.internet.task import Clock

from pandad.brokerage.broker import Policy, decide
from pandad.brokerage.cycle import Cycle
from pandad.brokerage.scouts import ScoutLimits
from pandad.brokerage.snapshot import Snapshot
from pandad.config import BrokerageConfig
from pandad.spec.facts import Scouting, Usage
from pandad.spec.job import JobSpec
from pandad.spec.jobstatus import Actor, Event, JobStatus
from pandad.taskbuffer import scouts, tallies

TASK, OTHER = 10_000_001, 10_000_002
LIMITS = ScoutLimits(jobs=4, wait_s=3600)
GRID = Snapshot([a_queue(), a_queue(nickname="SMALL", maxrss=10)], {})
WAITS = "it waits until 2 of the 4 scouts of its task have ended, or for 1 hours"


def jobs(count: int, **but: Any) -> list[JobSpec]:
    return [a_job(PandaID=number, **{"jediTaskID": TASK, **but}) for number in range(1, count + 1)]


def held(made: list[JobSpec], snapshot: Snapshot = GRID, limits: ScoutLimits = LIMITS) -> list[bool]:
    """Of each job whether it waits for scouts."""
    return [each.reason == WAITS for each in decide(made, snapshot, Policy(scouts=limits))]


def sent(*ids: int, **but: Any) -> Snapshot:
    return replace(GRID, scouts={TASK: Scouting(frozenset(ids), **but)})


def test_the_first_go_the_others_wait() -> None:
    """The first of a round, and each queue says so of the others."""
    made = list(decide(jobs(6), GRID, Policy(scouts=LIMITS)))
    assert [(each.chosen is not None, each.is_scout) for each in made] == [(True, True)] * 4 + [(False, False)] * 2
    last = made[-1]
    assert last.reason == WAITS and [each.no.stored for each in last.verdicts if each.no] == [
        {"criterion": "scout", "have": 0, "need": 2, "text": WAITS}] * 2


@pytest.mark.parametrize(("snapshot", "waiting"), [
    (GRID, [False] * 4 + [True] * 2),
    (sent(91, 92), [False] * 2 + [True] * 4),  # of a round before
    (sent(91, 92, 93, 94), [True] * 6),
    (sent(91, 92, 93, 3), [True, True, False, True, True, True]),  # a scout that is tried again
    (sent(91, 92, 93, 94, ended=1), [True] * 6),
    (sent(91, 92, 93, 94, ended=2), [False] * 6),
    (sent(91, 92, 93, 94, is_over=True), [False] * 6),
    (replace(sent(91, 92, 93, 94), usage={TASK: Usage(2, 100, 100)}), [False] * 6),  # others of it have finished before
    (replace(GRID, usage={TASK: Usage(1, 100, 100)}), [False] * 4 + [True] * 2),
])
def test_who_waits(snapshot: Snapshot, waiting: list[bool]) -> None:
    """Until half of the scouts have ended, or they were waited for long enough."""
    assert held(jobs(6), snapshot) == waiting


@pytest.mark.parametrize("but", [{"jediTaskID": None}, {"prodSourceLabel": "panda"}, {"prodSourceLabel": "ptest"}])
def test_whom_it_does_not_concern(but: dict[str, Any]) -> None:
    """Jobs without a task, tests, and builds, which the others of their task need; nobody, where there are no scouts."""
    assert not any(held(jobs(6, **but)))
    assert not any(held(jobs(6), limits=ScoutLimits()))


def test_tasks_have_scouts_of_their_own() -> None:
    """One task does not wait for another, and scouts that find no queue keep nobody."""
    assert held([*jobs(4), *jobs(4, jediTaskID=OTHER)]) == [False] * 8
    assert held([*jobs(5, minRamCount=10**6), *jobs(4)]) == [False] * 9


CONFIG = BrokerageConfig(scouts=4, scout_s=3600)


async def states(stage: Stage, ids: list[int]) -> list[JobStatus]:
    return [await stage.status(i) for i in ids]


@ensureDeferred
async def test_the_life_of_a_task(stage: Stage) -> None:
    """Four go; the others wait, some are told so, until two have ended; then all go, and the task is never looked at again."""
    await stage.queue()
    ids = await stage.jobs(*(a_job(jediTaskID=TASK) for _ in range(30)))
    cycle = Cycle(stage.store, CONFIG, Clock(), FakeDDM("TEST_DISK"))
    for _ in range(3):
        await cycle.run_once()
        await stage.due()
    assert (await states(stage, ids)).count(JobStatus.ASSIGNED) == 4
    found = await stage.store.read("test", scouts.find, [TASK, OTHER], 60)
    assert found == {TASK: Scouting(frozenset(ids[:4]))}
    assert await stage.sql("SELECT count(*)::int FROM job WHERE brokerageerrordiag LIKE 'it waits until%%'") >= [(3,)]
    for scout in ids[:2]:
        assert await stage.event(Event.KILLED, scout, actor=Actor.USER)
    while await cycle.run_once():
        pass
    await stage.due()
    await cycle.run_once()
    assert (await states(stage, ids)).count(JobStatus.ASSIGNED) == len(ids) - 2
    assert (await stage.store.read("test", scouts.find, [TASK], 60))[TASK].is_over


@ensureDeferred
async def test_they_are_not_waited_for_forever(stage: Stage) -> None:
    """After the configured time the others go; and what is old is forgotten."""
    await stage.queue()
    ids = await stage.jobs(*(a_job(jediTaskID=TASK) for _ in range(6)))
    cycle = Cycle(stage.store, CONFIG, Clock(), FakeDDM("TEST_DISK"))
    await cycle.run_once()
    await stage.sql("UPDATE task_scout SET since = since - interval '2 hours' RETURNING 1")
    await stage.due()
    await cycle.run_once()
    assert set(await states(stage, ids)) == {JobStatus.ASSIGNED}
    await stage.sql("UPDATE task_scout SET since = since - interval '99 days' RETURNING 1")
    await stage.store.once("drop", tallies.drop)
    assert await stage.store.read("test", scouts.find, [TASK], 60) == {}
