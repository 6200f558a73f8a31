"""Jobs: what goes in comes out, what is only noted stays where it is, and nonsense is refused."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

import pytest
from factories import ALICE, PILOT, a_file, a_job, claimed, happened, stored
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest_twisted import ensureDeferred
from twisted.internet.threads import deferToThread

from pandad.spec.attribute import Attribute
from pandad.spec.file import FILE_ATTRIBUTES, FileSpec
from pandad.spec.job import JOB_ATTRIBUTES, JobSpec
from pandad.spec.jobstatus import IN_SLOT, Actor, Event, JobStatus
from pandad.taskbuffer import jobs, moves
from pandad.taskbuffer.moves import Change
from pandad.taskbuffer.pool import ConstraintViolated
from pandad.taskbuffer.store import Store, Transaction

from .observing import Observer, forced, history, in_reactor, now_in, rows, statement

S, E = JobStatus, Event

CLOCKED = {"creationTime", "modificationTime", "stateChangeTime"}  # the database says
GIVEN = {"PandaID", "jobStatus", "row_ID"}  # the submission says


def _values(attribute: Attribute) -> st.SearchStrategy[Any]:
    """Anything that the attribute can hold. PostgreSQL's text has no NUL; api/decode keeps it out."""
    kinds: dict[type, st.SearchStrategy[Any]] = {
        int: st.integers(-(2**31), 2**31 - 1),
        float: st.floats(allow_nan=False, allow_infinity=False),
        str: st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=min(attribute.limit or 99, 99)),
        datetime: st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),
    }
    value = kinds[attribute.kind]
    return value | st.none() if attribute.nullable else value


def _specs(spec: type, attributes: Collection[Attribute], **fixed: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    free = {a.name: _values(a) for a in attributes if a.name not in CLOCKED | GIVEN | set(fixed)}
    return st.fixed_dictionaries({**free, **fixed}).map(lambda values: spec(**values))


FILES = _specs(
    FileSpec,
    FILE_ATTRIBUTES,
    PandaID=st.none(),
    lfn=st.text("abc.", min_size=1),
    status=st.just("defined"),
    type=st.sampled_from(["input", "output", "log", "pseudo_input"]),
)
JOBS = _specs(JobSpec, JOB_ATTRIBUTES, attemptNr=st.integers(0, 99), Files=st.lists(FILES, max_size=3))


def _known(spec: JobSpec | FileSpec, attributes: Collection[Attribute]) -> dict[str, Any]:
    """What the submission determines."""
    return {a.name: getattr(spec, a.name) for a in attributes if a.name not in CLOCKED | {"row_ID"}}


def _whole(job: JobSpec) -> tuple[Any, ...]:
    return _known(job, JOB_ATTRIBUTES), [_known(f, FILE_ATTRIBUTES) for f in job.Files]


@ensureDeferred
async def test_what_goes_in_comes_out(store: Store) -> None:
    """Every attribute of jobs and files is found again as it was stored, files in their order."""

    async def there_and_back(txn: Transaction, specs: list[JobSpec]) -> list[JobSpec | None]:
        return await jobs.find(txn, await stored(txn, specs))

    @settings(max_examples=40)
    @given(specs=st.lists(JOBS, min_size=1, max_size=3))
    def holds(specs: list[JobSpec]) -> None:
        found = in_reactor(lambda: store.transact("round trip", there_and_back, specs))
        assert [_whole(job) for job in found if job] == [_whole(job) for job in specs]

    await deferToThread(holds)


@ensureDeferred
async def test_every_attribute_has_its_own_place(store: Store) -> None:
    """No two attributes share a column: 126 and 22 different values come back, each under its name."""
    distinct = {
        int: lambda n: n,
        float: lambda n: n + 0.5,
        str: lambda n: f"v{n}",
        datetime: lambda n: datetime(2001, 1, 1, 0, n % 60, n % 59, tzinfo=UTC),
    }

    def filled(spec: Any, attributes: Collection[Attribute]) -> Any:
        for n, a in enumerate(attributes, 1000):
            if a.name not in CLOCKED | GIVEN | {"type", "status"}:
                setattr(spec, a.name, distinct[a.kind](n))
        return spec

    job = filled(JobSpec(Files=[filled(a_file(), FILE_ATTRIBUTES)]), JOB_ATTRIBUTES)

    async def there_and_back(txn: Transaction) -> list[JobSpec | None]:
        return await jobs.find(txn, await stored(txn, [job]))

    (found,) = await store.transact("round trip", there_and_back)
    assert found is not None and _whole(found) == _whole(job)


@ensureDeferred
async def test_database_says_the_time_of_birth(store: Store) -> None:
    """Creation, modification and state change are the database's now, whatever the submission says; row_ID is given."""
    job = a_job(creationTime=datetime(1999, 1, 1, tzinfo=UTC), Files=[a_file(row_ID=-7), a_file(lfn="b")])

    async def born(txn: Transaction) -> tuple[JobSpec | None, datetime]:
        ids = await stored(txn, [job])
        (found,) = await jobs.find(txn, ids)
        return found, (await txn.one(statement("SELECT now()")))[0]

    found, now = await store.transact("born", born)
    assert found is not None
    assert found.creationTime == found.modificationTime == found.stateChangeTime == now
    assert [f.row_ID for f in found.Files] == sorted(f.row_ID or 0 for f in found.Files) and min(
        f.row_ID or 0 for f in found.Files
    ) > 0


@ensureDeferred
async def test_insert_is_the_first_event(store: Store) -> None:
    """A job's history begins with its submission, by its owner."""
    (panda_id,) = await store.transact("insert", stored, [a_job()])
    (event,) = await store.once("events", jobs.events, panda_id)
    assert (event.event, event.was, event.became, event.attempt_nr, event.actor, event.who) == (
        E.SUBMITTED,
        None,
        S.DEFINED,
        1,
        Actor.USER,
        ALICE.subject,
    )


@ensureDeferred
async def test_many_at_once(store: Store) -> None:
    """A submission of any size is stored as one, with ascending ids from 1."""
    ids = await store.transact("insert", stored, [a_job(Files=[a_file()]) for _ in range(300)])
    assert ids == list(range(1, 301))
    assert [j.PandaID for j in await store.once("find", jobs.find, ids) if j] == ids


@ensureDeferred
async def test_asked_order_and_none(store: Store) -> None:
    """Answers come in the order asked for, with None for what does not exist and twice for what is asked twice."""
    a, b = await store.transact("insert", stored, [a_job(), a_job()])
    states = await store.once("states", jobs.states, [b, 999, a, b])
    assert [s and s.panda_id for s in states] == [b, None, a, b]
    assert [j and j.PandaID for j in await store.once("find", jobs.find, [999, b, a])] == [None, b, a]
    assert await store.once("states", jobs.states, []) == []


@ensureDeferred
async def test_state_says_who_owns_and_who_holds(store: Store) -> None:
    """The short state has owner, holder, attempt, batch id, command and report as they are."""
    (panda_id,) = await store.transact("claimed", claimed)
    await store.transact(
        "move", happened, E.REPORTED, [panda_id], batchID="b.1", commandToPilot="tobekilled", reportedstatus="failed"
    )
    (state,) = await store.once("states", jobs.states, [panda_id])
    assert state == jobs.JobState(panda_id, S.HOLDING, 1, "tobekilled", "b.1", PILOT, ALICE, S.FAILED)


@ensureDeferred
async def test_touch_keeps_the_state(store: Store) -> None:
    """A touch changes attributes in the given states only, keeps state and state change time, and is noted in the history."""

    async def body(txn: Transaction) -> None:
        ids = await forced(txn, [S.RUNNING, S.FINISHED])
        before = await rows(txn, "UPDATE job SET statechangetime = '2020-01-01' RETURNING statechangetime")
        touched = await moves.touch(
            txn, "kill asked", [Change(i, {"commandToPilot": "tobekilled"}) for i in ids], IN_SLOT, actor=Actor.USER, who="x"
        )
        assert [(m.panda_id, m.was, m.command) for m in touched] == [(ids[0], S.RUNNING, "tobekilled")]
        assert await rows(txn, "SELECT statechangetime FROM job") == before and await now_in(txn, ids) == [S.RUNNING, S.FINISHED]
        (event,) = await history(txn, ids[0])
        assert (event.event, event.was, event.became) == ("kill asked", S.RUNNING, S.RUNNING)

    await store.transact("body", body)


@ensureDeferred
async def test_defer(store: Store) -> None:
    """Deferred jobs are due later, in the given state only."""

    async def due(txn: Transaction) -> list[Any]:
        return [r[0] for r in await rows(txn, "SELECT nextcheck <= now() FROM job ORDER BY pandaid")]

    async def body(txn: Transaction) -> None:
        ids = await forced(txn, [S.DEFINED, S.DEFINED, S.WAITING])
        await moves.defer(txn, [ids[0], ids[2]], S.DEFINED, 60)
        assert await due(txn) == [False, True, True]
        await moves.defer(txn, [ids[2]], S.WAITING, 60)
        assert await due(txn) == [False, True, False]

    await store.transact("body", body)


@ensureDeferred
async def test_next_check_comes_with_the_event(store: Store) -> None:
    """An event makes the job due at once, or when its change says; a mere touch leaves the plan unless it says."""

    async def due_in_s(txn: Transaction) -> Any:
        return (await rows(txn, "SELECT extract(epoch FROM nextcheck - now())::int FROM job"))[0][0]

    async def body(txn: Transaction) -> None:
        (panda_id,) = await stored(txn, [a_job(computingSite="Q")])
        await moves.touch(txn, "note", [Change(panda_id, check_in_s=60)], {S.DEFINED}, actor=Actor.BROKERAGE, who="x")
        assert await due_in_s(txn) == 60
        await moves.touch(txn, "note", [Change(panda_id)], {S.DEFINED}, actor=Actor.BROKERAGE, who="x")
        assert await due_in_s(txn) == 60
        await happened(txn, E.BROKERED, [panda_id])
        assert await due_in_s(txn) == 0
        await moves.move(txn, E.INPUT_MISSING, [Change(panda_id, check_in_s=30)], actor=Actor.DATASERVICE, who="x")
        assert await due_in_s(txn) == 30

    await store.transact("body", body)


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("jobstatus = 'activated', computingsite = NULL", "job_placed_has_queue"),
        ("jobstatus = 'running'", "job_in_slot_has_holder"),
        ("jobstatus = 'finished'", "job_final_has_end"),
        ("reportedstatus = 'running'", "job_report_is_final"),
        ("attemptnr = -1", "job_attempt_counts_up"),
    ],
)
@ensureDeferred
async def test_schema_refuses_nonsense(store: Store, observer: Observer, change: str, constraint: str) -> None:
    """Even past all of the code, a job cannot be in a state that makes no sense."""
    await store.transact("insert", stored, [a_job(computingSite="Q")])
    with pytest.raises(ConstraintViolated) as refusal:
        await observer.rows(f"UPDATE job SET {change}")
    assert refusal.value.constraint == constraint
