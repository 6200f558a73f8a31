"""One function moves jobs: by compare-and-set, as the table of transitions says, with the event in the same transaction."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from factories import a_job, a_pilot, claim, claimed, happened, stored
from pytest_twisted import ensureDeferred

from pandad.spec.jobstatus import FINAL, IN_SLOT, TRANSITIONS, Actor, Event, JobStatus
from pandad.taskbuffer import jobs, moves
from pandad.taskbuffer.moves import Change, Moved
from pandad.taskbuffer.store import Store, Transaction

from .observing import forced, history, now_in, rows, run, statement

S, E = JobStatus, Event


@pytest.mark.parametrize("event", TRANSITIONS, ids=str)
@ensureDeferred
async def test_event_moves_from_its_sources_only(store: Store, event: Event) -> None:
    """An event moves exactly the jobs that are in one of its sources, to its target, and writes exactly their history."""
    row, before = TRANSITIONS[event], list(S)

    async def try_all(txn: Transaction) -> None:
        ids = await forced(txn, before)
        moved = set(await happened(txn, event, ids))
        assert moved == {i for i, was in zip(ids, before, strict=True) if was in row.sources}
        assert await now_in(txn, ids) == [row.target if was in row.sources else was for was in before]
        for panda_id, was in zip(ids, before, strict=True):
            expected = [(event, was, row.target)] if was in row.sources else []
            assert [(e.event, e.was, e.became) for e in await history(txn, panda_id)] == expected

    await store.transact("try all", try_all)


@ensureDeferred
async def test_move_says_what_it_moved(store: Store) -> None:
    """The answer has each moved job with its state before, its attempt after, and the command for its pilot; nobody else."""

    async def body(txn: Transaction) -> list[Moved]:
        a, b = await claimed(txn, 2)
        await moves.touch(txn, "note", [Change(b, {"commandToPilot": "tobekilled"})], IN_SLOT, actor=Actor.USER, who="x")
        return await moves.move(
            txn, E.SENT_EXPIRED, [Change(a, {"attemptNr": 2}), Change(b), Change(999)], actor=Actor.WATCHER, who="w"
        )

    a, b = sorted(await store.transact("move", body), key=lambda m: m.panda_id)
    assert (a.was, a.attempt_nr, a.command) == (S.SENT, 2, None) and (b.was, b.attempt_nr, b.command) == (S.SENT, 1, "tobekilled")


@ensureDeferred
async def test_no_actor_beyond_the_table(store: Store) -> None:
    """Who may not cause an event by the table of transitions does not get to the database with it."""
    (panda_id,) = await store.transact("claimed", claimed)
    with pytest.raises(AssertionError, match="may not cause"):
        await store.once("move", moves.move, E.LOST, [Change(panda_id)], actor=Actor.PILOT, who="x")


@ensureDeferred
async def test_only_narrows(store: Store) -> None:
    """`only` takes states away from an event's sources and adds none."""

    async def body(txn: Transaction) -> None:
        ids = await forced(txn, [S.DEFINED, S.RUNNING, S.FINISHED])
        moved = await moves.move(txn, E.KILLED, [Change(i) for i in ids], actor=Actor.USER, who="x", only={S.DEFINED, S.FINISHED})
        assert [m.panda_id for m in moved] == ids[:1]

    await store.transact("body", body)


@ensureDeferred
async def test_sign_of_life_keeps_the_state(store: Store) -> None:
    """In an `also_in` state the job takes the values and stays what it is, without a line in its history: a late "starting"
    does not put a running job back."""

    async def body(txn: Transaction) -> None:
        (panda_id,) = await claimed(txn)
        await happened(txn, E.RUNNING, [panda_id])
        moved = await moves.move(
            txn, E.STARTED, [Change(panda_id, {"jobMetrics": "a=1"})], actor=Actor.PILOT, who="x", also_in={S.STARTING, S.RUNNING}
        )
        assert [m.was for m in moved] == [S.RUNNING] and await now_in(txn, [panda_id]) == [S.RUNNING]
        (job,) = await jobs.find(txn, [panda_id])
        assert job is not None and job.jobMetrics == "a=1"
        assert [e.event for e in await history(txn, panda_id)] == [E.CLAIMED, E.RUNNING]

    await store.transact("body", body)


@ensureDeferred
async def test_heartbeat_writes_no_index_entry(store: Store) -> None:
    """A sign of life is a HOT update: a million heartbeats must not grow the indexes that dispatch lives on."""

    async def body(txn: Transaction) -> Any:
        (panda_id,) = await claimed(txn)
        await happened(txn, E.RUNNING, [panda_id])
        hot = statement("SELECT pg_stat_get_xact_tuples_hot_updated('job'::regclass)")
        (before,) = await txn.one(hot)
        await moves.move(
            txn,
            E.RUNNING,
            [Change(panda_id, {"maxRSS": 5, "modificationHost": "n"}, attempt_nr=1)],
            actor=Actor.PILOT,
            who="x",
            also_in={S.RUNNING},
        )
        return (await txn.one(hot))[0] - before

    assert await store.transact("body", body) == 1


@pytest.mark.parametrize(("attempt", "passes"), [(None, True), (1, True), (0, False), (2, False)])
@ensureDeferred
async def test_attempt_is_a_fence(store: Store, attempt: int | None, passes: bool) -> None:
    """A change that names another attempt touches nothing; one that names none is not fenced."""
    (panda_id,) = await store.transact("claimed", claimed)
    moved = await store.once(
        "move", moves.move, E.RUNNING, [Change(panda_id, {"jobMetrics": "x"}, attempt_nr=attempt)], actor=Actor.PILOT, who="x"
    )
    (job,) = await store.once("find", jobs.find, [panda_id])
    assert bool(moved) is passes and job is not None and (job.jobMetrics == "x") is passes


@pytest.mark.parametrize(
    ("theirs", "ours", "passes"),
    [
        (None, "b.2", True),
        ("b.1", None, True),
        ("b.1", "b.1", True),
        ("b.1", "b.2", False),
        ("17", "b.2", True),
        ("b.1", "17", True),
    ],
)
@ensureDeferred
async def test_batch_id_is_a_fence(store: Store, theirs: str | None, ours: str | None, passes: bool) -> None:
    """Another batch job's word changes nothing; mere numbers and missing ids are no evidence."""
    (panda_id,) = await store.transact("claimed", claimed)
    await store.transact("start", happened, E.STARTED, [panda_id], batchID=theirs)
    moved = await store.once("move", moves.move, E.RUNNING, [Change(panda_id, batch_id=ours)], actor=Actor.PILOT, who="x")
    assert bool(moved) is passes


@ensureDeferred
async def test_event_and_status_are_one(store: Store) -> None:
    """After a rollback neither the status nor its event is there; after a commit both are."""
    (panda_id,) = await store.transact("claimed", claimed)

    async def move(txn: Transaction, fail: bool) -> None:
        assert await happened(txn, E.RUNNING, [panda_id])
        if fail:
            raise ValueError("a mistake")

    with pytest.raises(ValueError, match="a mistake"):
        await store.transact("move", move, True)
    assert await store.transact("look", now_in, [panda_id]) == [S.SENT]
    assert [e.became for e in await store.transact("look", history, panda_id)] == [S.SENT]
    await store.transact("move", move, False)
    assert await store.transact("look", now_in, [panda_id]) == [S.RUNNING]
    assert [e.became for e in await store.transact("look", history, panda_id)] == [S.SENT, S.RUNNING]


@ensureDeferred
async def test_history_says_who_and_why(store: Store) -> None:
    """An event has actor, person and reason as given, and the attempt that the job has after it."""
    (panda_id,) = await store.transact("claimed", claimed)
    await store.once(
        "move", moves.move, E.SENT_EXPIRED, [Change(panda_id, {"attemptNr": 2}, why="silence")], actor=Actor.WATCHER, who="w"
    )
    event = (await store.once("events", jobs.events, panda_id))[-1]
    assert (event.actor, event.who, event.why, event.attempt_nr) == (Actor.WATCHER, "w", "silence", 2)


@ensureDeferred
async def test_values_are_written_null_too(store: Store) -> None:
    """A named attribute gets its new value, NULL included; all others stay."""
    (panda_id,) = await store.transact("insert", stored, [a_job(brokerageErrorDiag="no queue", jobName="n")])
    await store.transact("move", happened, E.BROKERED, [panda_id], computingSite="Q", brokerageErrorDiag=None)
    (job,) = await store.once("find", jobs.find, [panda_id])
    assert job is not None and (job.computingSite, job.brokerageErrorDiag, job.jobName) == ("Q", None, "n")


@pytest.mark.parametrize("name", ["PandaID", "jobStatus", "creationTime", "jobParameters", "noSuchAttribute"])
def test_what_no_event_may_change(name: str) -> None:
    """Identity, state, birth and unknown names in a change are a mistake, not something silently left out."""
    with pytest.raises(AssertionError, match=name.lower()):
        _ = Change(1, {name: "x"}).new


@pytest.mark.parametrize("status", sorted(FINAL))
@ensureDeferred
async def test_final_states_have_an_end(store: Store, status: JobStatus) -> None:
    """A job that ends has an endTime: the pilot's if it sent one, else now."""
    event = next(e for e, row in TRANSITIONS.items() if row.target is status)
    source = min(TRANSITIONS[event].sources)

    async def end(txn: Transaction, told: datetime | None) -> Any:
        ids = await forced(txn, [source])
        await run(txn, "UPDATE job SET endtime = NULL WHERE pandaid = ANY (%(ids)s)", ids=ids)
        await happened(txn, event, ids, **({"endTime": told} if told else {}))
        return (await rows(txn, "SELECT endtime, endtime = now() FROM job WHERE pandaid = ANY (%(ids)s)", ids=ids))[0]

    assert (await store.transact("end", end, None))[1]
    told = datetime(2020, 1, 1, tzinfo=UTC)
    assert (await store.transact("end", end, told))[0] == told


@ensureDeferred
async def test_start_is_set_once(store: Store) -> None:
    """The first "running" sets startTime; later ones leave it, and the next attempt begins without one."""
    (panda_id,) = await store.transact("claimed", claimed)
    seen = []
    for _ in range(2):
        await store.once("move", moves.move, E.RUNNING, [Change(panda_id)], actor=Actor.PILOT, who="x", also_in={S.RUNNING})
        (job,) = await store.once("find", jobs.find, [panda_id])
        assert job is not None
        seen.append(job.startTime)
    assert seen[0] is not None and seen[0] == seen[1]
    await store.transact("retry", happened, E.RETRIED, [panda_id], attemptNr=2)
    (again,) = await store.transact("claim", claim, a_pilot())
    assert again.startTime is None
