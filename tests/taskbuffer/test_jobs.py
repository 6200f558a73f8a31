"""Jobs: what goes in comes out; one function moves them, by compare-and-set, with its event in the same transaction."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from factories import ALICE, PILOT, a_file, a_job, a_pilot, claimed, happened, stored
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_twisted import ensureDeferred
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.threads import deferToThread

from pandad.spec.attribute import Attribute
from pandad.spec.file import FILE_ATTRIBUTES, FileSpec
from pandad.spec.job import JOB_ATTRIBUTES, JobSpec
from pandad.spec.jobstatus import FINAL, IN_SLOT, TRANSITIONS, Actor, Event, JobStatus
from pandad.taskbuffer import claims, jobs
from pandad.taskbuffer.jobs import Change, JobEvent, Moved
from pandad.taskbuffer.pool import ConstraintViolated
from pandad.taskbuffer.store import Store, Transaction

from .observing import Observer, in_reactor, rows, run, statement

S, E = JobStatus, Event

CLOCKED = {"creationTime", "modificationTime", "stateChangeTime"}  # the database says
GIVEN = {"PandaID", "jobStatus", "row_ID"}  # the submission says

DEFINED, ACTIVATED = S.DEFINED, S.ACTIVATED


# --- in and out


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


FILES = _specs(FileSpec, FILE_ATTRIBUTES, PandaID=st.none(), lfn=st.text("abc.", min_size=1), status=st.just("defined"),
               type=st.sampled_from(["input", "output", "log", "pseudo_input"]))
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

    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(specs=st.lists(JOBS, min_size=1, max_size=3))
    def holds(specs: list[JobSpec]) -> None:
        found = in_reactor(lambda: store.transact("round trip", there_and_back, specs))
        assert [_whole(job) for job in found if job] == [_whole(job) for job in specs]

    await deferToThread(holds)


@ensureDeferred
async def test_every_attribute_has_its_own_place(store: Store) -> None:
    """No two attributes share a column: 126 and 22 different values come back, each under its name."""
    distinct = {int: lambda n: n, float: lambda n: n + 0.5, str: lambda n: f"v{n}", datetime: lambda n: datetime(2001, 1, 1, 0, n % 60, n % 59,
                tzinfo=UTC)}

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
    assert [f.row_ID for f in found.Files] == sorted(f.row_ID or 0 for f in found.Files) and min(f.row_ID or 0 for f in found.Files) > 0


@ensureDeferred
async def test_insert_is_the_first_event(store: Store) -> None:
    """A job's history begins with its submission, by its owner."""
    (panda_id,) = await store.transact("insert", stored, [a_job()])
    (event,) = await store.once("events", jobs.events, panda_id)
    assert (event.event, event.was, event.became, event.attempt_nr, event.actor, event.who) == (
        E.SUBMITTED, None, DEFINED, 1, Actor.USER, ALICE.subject)


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
    await store.transact("move", happened, E.REPORTED, [panda_id], batchID="b.1", commandToPilot="tobekilled", reportedstatus="failed")
    (state,) = await store.once("states", jobs.states, [panda_id])
    assert state == jobs.JobState(panda_id, S.HOLDING, 1, "tobekilled", "b.1", PILOT, ALICE, S.FAILED)


# --- moving


async def forced(txn: Transaction, statuses: Sequence[JobStatus]) -> list[int]:
    """New jobs, put into these states past all rules."""
    ids = await stored(txn, [a_job(computingSite="Q") for _ in statuses])
    await run(txn, """UPDATE job SET jobstatus = s::job_status, holdersubject = 'x', endtime = now()
                      FROM unnest(%(ids)s::bigint[], %(s)s::text[]) AS u(id, s) WHERE pandaid = id""", ids=ids, s=list(statuses))
    return ids


async def now_in(txn: Transaction, ids: Sequence[int]) -> list[JobStatus | None]:
    """Their states."""
    return [s and s.status for s in await jobs.states(txn, ids)]


async def history(txn: Transaction, panda_id: int) -> list[JobEvent]:
    """Without the submission."""
    return (await jobs.events(txn, panda_id))[1:]


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
        await jobs.touch(txn, "note", [Change(b, {"commandToPilot": "tobekilled"})], IN_SLOT, actor=Actor.USER, who="x")
        return await jobs.move(txn, E.SENT_EXPIRED, [Change(a, {"attemptNr": 2}), Change(b), Change(999)], actor=Actor.WATCHER, who="w")

    a, b = sorted(await store.transact("move", body), key=lambda m: m.panda_id)
    assert (a.was, a.attempt_nr, a.command) == (S.SENT, 2, None) and (b.was, b.attempt_nr, b.command) == (S.SENT, 1, "tobekilled")


@ensureDeferred
async def test_no_actor_beyond_the_table(store: Store) -> None:
    """Who may not cause an event by the table of transitions does not get to the database with it."""
    (panda_id,) = await store.transact("claimed", claimed)
    with pytest.raises(AssertionError, match="may not cause"):
        await store.once("move", jobs.move, E.LOST, [Change(panda_id)], actor=Actor.PILOT, who="x")


@ensureDeferred
async def test_only_narrows(store: Store) -> None:
    """`only` takes states away from an event's sources and adds none."""

    async def body(txn: Transaction) -> None:
        ids = await forced(txn, [DEFINED, S.RUNNING, S.FINISHED])
        moved = await jobs.move(txn, E.KILLED, [Change(i) for i in ids], actor=Actor.USER, who="x", only={DEFINED, S.FINISHED})
        assert [m.panda_id for m in moved] == ids[:1]

    await store.transact("body", body)


@ensureDeferred
async def test_sign_of_life_keeps_the_state(store: Store) -> None:
    """In an `also_in` state the job takes the values and stays what it is, without a line in its history: a late "starting"
    does not put a running job back."""

    async def body(txn: Transaction) -> None:
        (panda_id,) = await claimed(txn)
        await happened(txn, E.RUNNING, [panda_id])
        moved = await jobs.move(txn, E.STARTED, [Change(panda_id, {"jobMetrics": "a=1"})], actor=Actor.PILOT, who="x",
                                also_in={S.STARTING, S.RUNNING})
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
        await jobs.move(txn, E.RUNNING, [Change(panda_id, {"maxRSS": 5, "modificationHost": "n"}, attempt_nr=1)], actor=Actor.PILOT,
                        who="x", also_in={S.RUNNING})
        return (await txn.one(hot))[0] - before

    assert await store.transact("body", body) == 1


@pytest.mark.parametrize(("attempt", "moves"), [(None, True), (1, True), (0, False), (2, False)])
@ensureDeferred
async def test_attempt_is_a_fence(store: Store, attempt: int | None, moves: bool) -> None:
    """A change that names another attempt touches nothing; one that names none is not fenced."""
    (panda_id,) = await store.transact("claimed", claimed)
    moved = await store.once("move", jobs.move, E.RUNNING, [Change(panda_id, {"jobMetrics": "x"}, attempt_nr=attempt)], actor=Actor.PILOT, who="x")
    (job,) = await store.once("find", jobs.find, [panda_id])
    assert bool(moved) is moves and job is not None and (job.jobMetrics == "x") is moves


@pytest.mark.parametrize(("theirs", "ours", "moves"), [
    (None, "b.2", True), ("b.1", None, True), ("b.1", "b.1", True), ("b.1", "b.2", False), ("17", "b.2", True), ("b.1", "17", True)])
@ensureDeferred
async def test_batch_id_is_a_fence(store: Store, theirs: str | None, ours: str | None, moves: bool) -> None:
    """Another batch job's word changes nothing; mere numbers and missing ids are no evidence."""
    (panda_id,) = await store.transact("claimed", claimed)
    await store.transact("start", happened, E.STARTED, [panda_id], batchID=theirs)
    moved = await store.once("move", jobs.move, E.RUNNING, [Change(panda_id, batch_id=ours)], actor=Actor.PILOT, who="x")
    assert bool(moved) is moves


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
    await store.once("move", jobs.move, E.SENT_EXPIRED, [Change(panda_id, {"attemptNr": 2}, why="silence")], actor=Actor.WATCHER, who="w")
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
        Change(1, {name: "x"}).as_row()


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
        await store.once("move", jobs.move, E.RUNNING, [Change(panda_id)], actor=Actor.PILOT, who="x", also_in={S.RUNNING})
        (job,) = await store.once("find", jobs.find, [panda_id])
        assert job is not None
        seen.append(job.startTime)
    assert seen[0] is not None and seen[0] == seen[1]
    await store.transact("retry", happened, E.RETRIED, [panda_id], attemptNr=2)
    (again,) = await store.transact("claim", claims.claim, a_pilot())
    assert again.startTime is None


# --- reports


async def report(txn: Transaction, panda_id: int, text: str, attempt: int = 1) -> list[Moved]:
    """A final report that says finished."""
    change = Change(panda_id, {"reportedstatus": S.FINISHED}, attempt_nr=attempt, report=text, metadata=f"meta {text}", stdout="tail")
    return await jobs.move(txn, E.REPORTED, [change], actor=Actor.PILOT, who="x")


async def reports(txn: Transaction, panda_id: int) -> list[tuple[Any, ...]]:
    """(attempt, text), by attempt."""
    return await rows(txn, "SELECT attemptnr, outputreport FROM job_report WHERE pandaid = %(id)s ORDER BY 1", id=panda_id)


@ensureDeferred
async def test_first_report_counts(store: Store) -> None:
    """A second final report of an attempt changes nothing at all."""
    (panda_id,) = await store.transact("claimed", claimed)
    assert len(await store.once("report", report, panda_id, "first")) == 1
    assert await store.once("report", report, panda_id, "second") == []
    assert await store.once("reports", reports, panda_id) == [(1, "first")]
    (job,) = await store.once("find", jobs.find, [panda_id])
    assert job is not None and job.metadata == "meta first"
    assert [e.event for e in await store.transact("look", history, panda_id)] == [E.CLAIMED, E.REPORTED]


@ensureDeferred
async def test_recovered_pilot_reports_late(store: Store) -> None:
    """A pilot that kept its outputs back (holding) delivers its report later; the history has both."""
    (panda_id,) = await store.transact("claimed", claimed)
    await store.transact("keep", happened, E.RECOVERING, [panda_id])
    assert len(await store.once("report", report, panda_id, "late")) == 1
    assert [e.event for e in await store.transact("look", history, panda_id)] == [E.CLAIMED, E.RECOVERING, E.REPORTED]


@ensureDeferred
async def test_new_attempt_owes_a_report_of_its_own(store: Store) -> None:
    """A retried job begins without report and end; its next report is kept beside that of the first attempt."""
    (panda_id,) = await store.transact("claimed", claimed)
    await store.once("report", report, panda_id, "one")
    await store.transact("retry", happened, E.RETRIED, [panda_id], attemptNr=2)
    (job,) = await store.transact("claim", claims.claim, a_pilot())
    assert job.PandaID == panda_id and job.endTime is None
    assert len(await store.once("report", report, panda_id, "two", 2)) == 1
    assert await store.once("reports", reports, panda_id) == [(1, "one"), (2, "two")]


@ensureDeferred
async def test_long_texts_of_the_pilot(store: Store) -> None:
    """Metadata and the tail of stdout replace the earlier ones where they are sent, and stay where they are not."""
    (panda_id,) = await store.transact("claimed", claimed)
    for metadata, stdout in (("m1", "s1"), (None, "s2"), (None, None)):
        await store.once("move", jobs.move, E.RUNNING, [Change(panda_id, metadata=metadata, stdout=stdout)], actor=Actor.PILOT, who="x",
                         also_in={S.RUNNING})
    texts = await store.once("texts", rows, "SELECT jobparameters, metadata, stdout FROM job_text")
    assert texts == [("--in x", "m1", "s2")]


# --- races


@ensureDeferred
async def test_opposite_orders_do_not_deadlock(store: Store) -> None:
    """Moves of the same jobs in any order never wait for each other in a ring, so no body has to run again."""
    ids = await store.transact("claimed", claimed, 60)
    runs: list[int] = []

    async def beat(txn: Transaction, order: Sequence[int]) -> None:
        runs.append(1)
        await jobs.move(txn, E.RUNNING, [Change(i, {"maxRSS": len(runs)}, stdout="x") for i in order], actor=Actor.PILOT, who="x",
                        also_in={S.RUNNING})

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
    assert await store.transact("look", now_in, [panda_id]) == [ACTIVATED]
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
    await store.once("note", jobs.touch, "note", [Change(panda_id, {"jobMetrics": "a=1"})], IN_SLOT, actor=Actor.USER, who="x")
    await running
    (job,) = await store.once("find", jobs.find, [panda_id])
    assert job is not None and (job.maxRSS, job.jobMetrics, job.jobStatus) == (7, "a=1", S.RUNNING)
    assert [(e.was, e.became) for e in await store.transact("look", history, panda_id)][-1] == (S.RUNNING, S.RUNNING)


# --- notes and later looks


@ensureDeferred
async def test_touch_keeps_the_state(store: Store) -> None:
    """A touch changes attributes in the given states only, keeps state and state change time, and is noted in the history."""

    async def body(txn: Transaction) -> None:
        ids = await forced(txn, [S.RUNNING, S.FINISHED])
        before = await rows(txn, "UPDATE job SET statechangetime = '2020-01-01' RETURNING statechangetime")
        touched = await jobs.touch(txn, "kill asked", [Change(i, {"commandToPilot": "tobekilled"}) for i in ids], IN_SLOT, actor=Actor.USER,
                                   who="x")
        assert [(m.panda_id, m.was, m.command) for m in touched] == [(ids[0], S.RUNNING, "tobekilled")]
        assert await rows(txn, "SELECT statechangetime FROM job") == before and await now_in(txn, ids) == [S.RUNNING, S.FINISHED]
        (event,) = await history(txn, ids[0])
        assert (event.event, event.was, event.became) == ("kill asked", S.RUNNING, S.RUNNING)

    await store.transact("body", body)


@ensureDeferred
async def test_defer_and_recheck(store: Store) -> None:
    """Deferred jobs are due later, in the given state only; recheck makes all of a state due now."""

    async def due(txn: Transaction) -> list[Any]:
        return [r[0] for r in await rows(txn, "SELECT nextcheck <= now() FROM job ORDER BY pandaid")]

    async def body(txn: Transaction) -> None:
        ids = await forced(txn, [DEFINED, DEFINED, S.WAITING])
        await jobs.defer(txn, [ids[0], ids[2]], DEFINED, 60)
        assert await due(txn) == [False, True, True]
        await jobs.defer(txn, [ids[2]], S.WAITING, 60)
        await jobs.recheck(txn, DEFINED)
        assert await due(txn) == [True, True, False]

    await store.transact("body", body)


@ensureDeferred
async def test_next_check_comes_with_the_event(store: Store) -> None:
    """An event makes the job due at once, or when its change says; a mere touch leaves the plan unless it says."""

    async def due_in_s(txn: Transaction) -> Any:
        return (await rows(txn, "SELECT extract(epoch FROM nextcheck - now())::int FROM job"))[0][0]

    async def body(txn: Transaction) -> None:
        (panda_id,) = await stored(txn, [a_job(computingSite="Q")])
        await jobs.touch(txn, "note", [Change(panda_id, check_in_s=60)], {DEFINED}, actor=Actor.BROKERAGE, who="x")
        assert await due_in_s(txn) == 60
        await jobs.touch(txn, "note", [Change(panda_id)], {DEFINED}, actor=Actor.BROKERAGE, who="x")
        assert await due_in_s(txn) == 60
        await happened(txn, E.BROKERED, [panda_id])
        assert await due_in_s(txn) == 0
        await jobs.move(txn, E.INPUT_MISSING, [Change(panda_id, check_in_s=30)], actor=Actor.DATASERVICE, who="x")
        assert await due_in_s(txn) == 30

    await store.transact("body", body)


# --- what the database refuses by itself


@pytest.mark.parametrize(("change", "constraint"), [
    ("jobstatus = 'activated', computingsite = NULL", "job_placed_has_queue"),
    ("jobstatus = 'running'", "job_in_slot_has_holder"),
    ("jobstatus = 'finished'", "job_final_has_end"),
    ("reportedstatus = 'running'", "job_report_is_final"),
    ("attemptnr = -1", "job_attempt_counts_up")])
@ensureDeferred
async def test_schema_refuses_nonsense(store: Store, observer: Observer, change: str, constraint: str) -> None:
    """Even past all of the code, a job cannot be in a state that makes no sense."""
    await store.transact("insert", stored, [a_job(computingSite="Q")])
    with pytest.raises(ConstraintViolated) as refusal:
        await observer.rows(f"UPDATE job SET {change}")
    assert refusal.value.constraint == constraint
