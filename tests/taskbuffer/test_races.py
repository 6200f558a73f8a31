"""Moves of the same jobs at the same time."""

from __future__ import annotations

from collections.abc import Sequence

from factories import claimed, happened
from pytest_twisted import ensureDeferred
from twisted.internet.defer import Deferred, gatherResults

from pandad.spec.jobstatus import IN_SLOT, Actor, Event, JobStatus
from pandad.taskbuffer import jobs, moves
from pandad.taskbuffer.moves import Change
from pandad.taskbuffer.store import Store, Transaction

from .observing import history, now_in, statement

S, E = JobStatus, Event


@ensureDeferred
async def test_opposite_orders_do_not_deadlock(store: Store) -> None:
    """Moves of the same jobs in any order never wait for each other in a ring, so no body has to run again."""
    ids = await store.transact("claimed", claimed, 60)
    runs: list[int] = []

    async def beat(txn: Transaction, order: Sequence[int]) -> None:
        runs.append(1)
        await moves.move(
            txn,
            E.RUNNING,
            [Change(i, {"maxRSS": len(runs)}, stdout="x") for i in order],
            actor=Actor.PILOT,
            who="x",
            also_in={S.RUNNING},
        )

    await gatherResults([store.transact("beat", beat, ids[::step]) for step in (1, -1) * 20])
    assert len(runs) == 40


@ensureDeferred
async def test_of_two_events_one_happens(store: Store) -> None:
    """When two events race for the same state, the second to get the row finds the state gone and moves nothing."""
    (panda_id,) = await store.transact("claimed", claimed)
    first_moved: Deferred[None] = Deferred()

    async def expire(txn: Transaction) -> list[int]:
        moved = await happened(txn, E.SENT_EXPIRED, [panda_id], attemptNr=2, holdersubject=None)
        first_moved.callback(None)
        await txn.run(statement("SELECT pg_sleep(0.1)"))
        return moved

    expiring = store.transact("expire", expire)
    await first_moved
    assert await store.transact("start", happened, E.STARTED, [panda_id]) == []
    assert await expiring == [panda_id]
    assert await store.transact("look", now_in, [panda_id]) == [S.ACTIVATED]
    assert [e.event for e in await store.transact("look", history, panda_id)] == [E.CLAIMED, E.SENT_EXPIRED]


@ensureDeferred
async def test_no_lost_update(store: Store) -> None:
    """Two changes of different attributes at the same time are both there afterwards."""
    (panda_id,) = await store.transact("claimed", claimed)
    first_moved: Deferred[None] = Deferred()

    async def slow(txn: Transaction) -> None:
        await happened(txn, E.RUNNING, [panda_id], maxRSS=7)
        first_moved.callback(None)
        await txn.run(statement("SELECT pg_sleep(0.1)"))

    running = store.transact("slow", slow)
    await first_moved
    await store.once("note", moves.touch, "note", [Change(panda_id, {"jobMetrics": "a=1"})], IN_SLOT, actor=Actor.USER, who="x")
    await running
    (job,) = await store.once("find", jobs.find, [panda_id])
    assert job is not None and (job.maxRSS, job.jobMetrics, job.jobStatus) == (7, "a=1", S.RUNNING)
    assert [(e.was, e.became) for e in await store.transact("look", history, panda_id)][-1] == (S.RUNNING, S.RUNNING)
