"""What is counted as it happens is what a scan would count, whatever happens, whoever folds, and whenever one looks."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from random import Random
from typing import Any

import pytest
from factories import QUEUE, a_job, claimed, happened
from pytest_twisted import ensureDeferred
from stages import Stage
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults

from pandad.config import DatabaseConfig
from pandad.spec.jobstatus import FINAL, RETRIES, TRANSITIONS, Actor, Event, JobStatus
from pandad.taskbuffer import facts, moves, tallies
from pandad.taskbuffer.moves import Change
from pandad.taskbuffer.pool import ConstraintViolated
from pandad.taskbuffer.store import Store, Transaction

from .fscklife import live
from .observing import observe, rows

S, E = JobStatus, Event

DIFFERENCE = """
    SELECT queue, jobstatus, label, resource_type, s.jobs, s.cores, n.jobs, n.cores
    FROM tally_scan s FULL JOIN tally_now n USING (queue, jobstatus, label, resource_type)
    WHERE (s.jobs, s.cores) IS DISTINCT FROM (n.jobs, n.cores)"""
UNFOLDED = "SELECT count(*)::int FROM tally_delta"
MANY = 100_000
STEPS, WALKS = 40, 5


class RolledBack(Exception):
    """Nothing of it may stay."""


async def wrong(store: Store) -> list[Any]:
    """Where the counters are not what a scan in the same snapshot gives."""
    return await store.once("wrong", rows, DIFFERENCE)


async def fold(store: Store, limit: int = MANY) -> int:
    """A round of the loop."""
    return await store.once("fold", tallies.fold, limit)


async def counts(store: Store) -> dict[str, dict[JobStatus, int]]:
    """As brokerage reads them."""
    return await store.read("counts", facts.counts)


@ensureDeferred
async def test_a_varied_life_is_counted(store: Store) -> None:
    """Jobs in every state, retried, moved about, ended and archived: counted as they are, before, between and after folding."""
    life = await live(Stage(store))
    assert await wrong(store) == []
    before = await counts(store)
    assert before[QUEUE][S.RUNNING] == len(life.where("running", "second running")) and not FINAL & before[QUEUE].keys()
    assert await fold(store, 7) == 7
    assert await wrong(store) == [] and await counts(store) == before
    while await fold(store, 50):
        assert await wrong(store) == []
    assert await counts(store) == before
    assert await store.once("unfolded", rows, UNFOLDED) == [(0,)]


@ensureDeferred
async def test_what_counts_nothing_goes(store: Store) -> None:
    """When all jobs have ended nothing is left in the totals."""
    ids = await store.transact("jobs", claimed, 3)
    await fold(store)
    await store.transact("end", happened, E.FORCE_KILLED, ids)
    assert await counts(store) == {}
    await fold(store)
    await store.once("drop", tallies.drop)
    assert await store.once("totals", rows, "SELECT * FROM tally") == [] == await wrong(store)


async def wander(stage: Stage, dice: Random, ids: Sequence[int]) -> None:
    """Anything happens to jobs, several at a time: what may in the state of one of them, often with another queue or type."""
    for _ in range(STEPS):
        status = await stage.status(dice.choice(ids))
        may = [e for e, row in TRANSITIONS.items() if status in row.sources and row.target not in FINAL]
        event = dice.choice(may or [E.FAILED])
        if event is E.CLAIMED:
            await stage.claim(queue=dice.choice((QUEUE, "OTHER")), count=dice.randint(1, 20))
            continue
        values: dict[str, Any] = {"resource_type": dice.choice(("SCORE", "MCORE_HIMEM", None))}
        if event is E.BROKERED or dice.random() < 0.1:
            values["computingSite"] = dice.choice((QUEUE, "OTHER"))
        elif event is E.RETRIED_ELSEWHERE:
            values["computingSite"] = None
        failed = event in RETRIES or event is E.FAILED
        some = dice.sample(list(ids), k=dice.randint(1, len(ids) // 2))
        plain = event is not E.BROKERED and dice.random() < 0.3
        changes = [Change(i, {} if plain else values, cause="pilot:1" if failed and not plain else None) for i in some]
        with suppress(ConstraintViolated):  # one of them may not go there without a queue
            await stage.store.transact("wander", moves.move, event, changes, actor=min(TRANSITIONS[event].actors), who="test")


@pytest.mark.parametrize("seed", range(WALKS))
@ensureDeferred
async def test_any_walk_is_counted(store: Store, seed: int) -> None:
    """Whatever happens to jobs in whatever order, with folding in between, and whatever of it is refused."""
    dice, stage = Random(seed), Stage(store)
    kinds = [{"coreCount": dice.choice((1, 8, None, 2**62)), "prodSourceLabel": dice.choice(("user", "managed", None)),
              "jobStatus": dice.choice((S.DEFINED, S.ACTIVATED)), "jediTaskID": dice.choice((None, 10_000_000))}
             for _ in range(40)]
    ids = await stage.jobs(*(a_job(**kind) for kind in kinds))
    for _ in range(4):
        await wander(stage, dice, ids)
        assert await wrong(store) == []
        await fold(store, dice.randint(1, 100))
    assert await wrong(store) == []
    seen = {(was, became) for was, became in await stage.sql("SELECT DISTINCT fromstatus, tostatus FROM job_event")}
    assert len(seen) > 10


@ensureDeferred
async def test_folders_and_movers_at_once(store: Store, database: DatabaseConfig) -> None:
    """Several processes move jobs while several fold: at no time, and not afterwards, one is lost or counted twice."""
    stores = [Store(reactor, database) for _ in range(3)]
    pools = [await Stage(store).jobs(*(a_job(jobStatus=S.ACTIVATED) for _ in range(20))) for _ in stores]
    walks = [wander(Stage(each), Random(n), pool) for n, (each, pool) in enumerate(zip(stores, pools, strict=True))]
    moving = gatherResults([Deferred.fromCoroutine(walk) for walk in walks])
    rounds = 0
    while not moving.called:
        await gatherResults([Deferred.fromCoroutine(fold(each, 10)) for each in stores])
        assert await wrong(store) == []
        rounds += 1
    await moving
    assert rounds > 3
    for each in stores:
        await each.close()


@ensureDeferred
async def test_an_old_snapshot(store: Store, database: DatabaseConfig) -> None:
    """A backup that reads for hours sees the counters of its own time, and holds nobody up."""
    ids = await store.transact("jobs", claimed, 3)
    before = await counts(store)
    old = await observe(database)
    await old.rows("BEGIN ISOLATION LEVEL REPEATABLE READ")
    assert await old.rows("SELECT sum(jobs)::int FROM tally_now") == [(3,)]
    await fold(store)
    await store.transact("run", happened, E.RUNNING, ids)
    await fold(store)
    assert await old.rows("SELECT jobstatus, jobs FROM tally_now") == [("sent", 3)] and await old.rows(DIFFERENCE) == []
    assert before == {QUEUE: {S.SENT: 3}} and await counts(store) == {QUEUE: {S.RUNNING: 3}}
    old.link.close()


@ensureDeferred
async def test_what_is_rolled_back_is_not_counted(store: Store) -> None:
    """A transaction that does not come to its end leaves no trace, nor does a fold."""
    ids = await store.transact("jobs", claimed, 3)

    async def broken_off(txn: Transaction) -> None:
        await happened(txn, E.RUNNING, ids)
        await tallies.fold(txn, MANY)
        assert (await facts.counts(txn)) == {QUEUE: {S.RUNNING: 3}}
        raise RolledBack

    with pytest.raises(RolledBack):
        await store.transact("broken", broken_off)
    assert await counts(store) == {QUEUE: {S.SENT: 3}} and await wrong(store) == []


@ensureDeferred
async def test_a_mere_heartbeat_appends_nothing(store: Store) -> None:
    """What changes no state, queue or type is not counted."""
    ids = await store.transact("jobs", claimed, 3)
    await store.transact("run", happened, E.RUNNING, ids)
    before = await store.once("unfolded", rows, UNFOLDED)
    beats = [Change(i, {"maxRSS": 5}) for i in ids]
    for values in ({"maxRSS": 5}, {"maxRSS": 5, "jobMetrics": None}):
        beats = [Change(i, values) for i in ids]
        said = await store.transact("beat", moves.move, E.RUNNING, beats, actor=Actor.PILOT, who="p", also_in={S.RUNNING})
        assert len(said) == 3 and {m.queue for m in said} == {QUEUE}
    assert await store.once("unfolded", rows, UNFOLDED) == before


@ensureDeferred
async def test_many_alike_are_one_row(store: Store) -> None:
    """A submission of thousands, or a round of brokerage, appends a row for each kind of job, and not for each job."""
    ids = await Stage(store).jobs(*(a_job() for _ in range(200)))
    changes = [Change(i, {"computingSite": QUEUE}) for i in ids]
    await store.transact("broker", moves.move, E.BROKERED, changes, actor=Actor.BROKERAGE, who="test")
    assert await store.once("unfolded", rows, UNFOLDED) == [(2,)]
    assert await counts(store) == {QUEUE: {S.ASSIGNED: 200}}
