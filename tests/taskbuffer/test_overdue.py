"""Jobs past a limit: those that the row of the table says, by its index, and none whose pilot is speaking."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from factories import QUEUE, a_file, a_job, a_queue, claimed, happened, stored
from pytest_twisted import blockon, ensureDeferred
from twisted.internet import reactor
from twisted.internet.defer import Deferred

from pandad.config import DatabaseConfig
from pandad.embedded.postgres import EmbeddedPostgres
from pandad.spec.jobstatus import FINAL, IN_SLOT, TRANSITIONS, Event, JobStatus
from pandad.spec.timeouts import TIMEOUTS, Since, Timeout
from pandad.taskbuffer import overdue as module
from pandad.taskbuffer import sites
from pandad.taskbuffer.overdue import Overdue, overdue
from pandad.taskbuffer.store import Store, Transaction

from .observing import observe, rows, run

S, E = JobStatus, Event
ROWS = {row.name: row for row in TIMEOUTS}
LABELS = (None, "user", "panda", "managed", "test")
PRIORITIES = (0, 799, 800, 801)
ANY_ROW = pytest.mark.parametrize("row", TIMEOUTS, ids=lambda row: row.name)


async def in_s(txn: Transaction, seconds: float) -> datetime:
    """A moment, from now."""
    ((now,),) = await rows(txn, "SELECT now()")
    return now + timedelta(seconds=seconds)  # type: ignore[no-any-return]


async def found(txn: Transaction, /, name: str, seconds: float = 1, **but: Any) -> list[Overdue]:
    """Whose time has passed a so many seconds from now."""
    return await overdue(txn, ROWS[name], await in_s(txn, seconds), 1000, **but)


async def put(txn: Transaction, panda_id: int, status: JobStatus) -> None:
    """Into that state past all rules."""
    await run(
        txn,
        """UPDATE job SET jobstatus = %(status)s::job_status, holdersubject = 'x', endtime = now(), computingsite = 'Q'
           WHERE pandaid = %(id)s""",
        status=status,
        id=panda_id,
    )


@ANY_ROW
@ensureDeferred
async def test_classes(store: Store, row: Timeout) -> None:
    """The database finds exactly the jobs that the row is about: by state, label and priority, whatever the mixture."""

    async def body(txn: Transaction) -> None:
        kinds = list(itertools.product(S, LABELS, PRIORITIES))
        ids = await stored(txn, [a_job(prodSourceLabel=label, currentPriority=priority) for _, label, priority in kinds])
        for panda_id, (status, _, _) in zip(ids, kinds, strict=True):
            await put(txn, panda_id, status)
        fitting = {i for i, (status, label, priority) in zip(ids, kinds, strict=True)
                   if status in row.states and row.of.holds(label, priority)}
        assert {job.panda_id for job in await overdue(txn, row, await in_s(txn, 1), 1000)} == fitting != set()

    await store.transact("body", body)


@ANY_ROW
@ensureDeferred
async def test_time(store: Store, row: Timeout) -> None:
    """What counts is the row's own time, to the moment, and of the two only that."""

    async def body(txn: Transaction) -> None:
        job = a_job(prodSourceLabel="user" if row.of.analysis is not False else "managed", currentPriority=row.of.lowest or 0)
        (panda_id,) = await stored(txn, [job])
        await put(txn, panda_id, min(row.states))
        for column in ("statechangetime", "modificationtime"):
            await run(txn, f"UPDATE job SET {column} = now() - interval '{'50' if column == row.since.lower() else '99'} s'")
        assert len(await found(txn, row.name, -49)) == 1
        assert await found(txn, row.name, -51) == []

    await store.transact("body", body)


@ensureDeferred
async def test_what_is_told(store: Store) -> None:
    """An overdue job comes with what is needed to decide and to say why."""

    async def body(txn: Transaction) -> None:
        (panda_id,) = await claimed(txn)
        await happened(txn, E.RUNNING, [panda_id], commandToPilot="tobekilled")
        (job,) = await found(txn, "heartbeat_analysis")
        ((heard, changed),) = await rows(txn, "SELECT modificationtime, statechangetime FROM job")
        assert job == Overdue(panda_id, S.RUNNING, 1, heard, changed, None, "tobekilled", None)

    await store.transact("body", body)


@ensureDeferred
async def test_silences(store: Store) -> None:
    """Pilots that never spoke are counted since the last word of any, however often the job went around in between."""

    async def unheard(txn: Transaction, panda_id: int) -> int:
        (job,) = await found(txn, "sent")
        await happened(txn, E.SENT_EXPIRED, [panda_id])
        await happened(txn, E.CLAIMED, [panda_id], holdersubject="x")
        return job.silences

    async def body(txn: Transaction) -> None:
        (panda_id,) = await claimed(txn)
        assert [await unheard(txn, panda_id) for _ in range(4)] == [0, 1, 2, 3]
        await happened(txn, E.STARTED, [panda_id])
        await happened(txn, E.RETRIED, [panda_id])
        await happened(txn, E.CLAIMED, [panda_id], holdersubject="x")
        assert [await unheard(txn, panda_id) for _ in range(2)] == [0, 1]

    await store.transact("body", body)


def test_words_of_pilots() -> None:
    """What ends a series of silences is what pilots say, and being given a job is not one of it."""
    assert {E.STARTED, E.RUNNING, E.REPORTED, E.RECOVERING} == module._SPOKEN < set(TRANSITIONS)


@ensureDeferred
async def test_files_of_transfers(store: Store) -> None:
    """A transfer names the outputs that are not where they should be."""

    async def body(txn: Transaction) -> None:
        files = [a_file(lfn="a"), a_file(lfn="b", status="ready"), a_file(lfn="c", type="log"), a_file(lfn="d", type="input")]
        (panda_id,) = await stored(txn, [a_job(Files=files)])
        await put(txn, panda_id, S.TRANSFERRING)
        (job,) = await found(txn, "transferring_urgent")
        assert job.files == "a,c"

    await store.transact("body", body)


@ensureDeferred
async def test_paused_queues(store: Store) -> None:
    """Production at a paused queue is not given up; analysis is, as with PanDA."""

    async def body(txn: Transaction) -> None:
        await sites.put(txn, a_queue(status="paused"), "test")
        production, analysis = [(await claimed(txn, prodSourceLabel=label))[0] for label in ("managed", "user")]
        await happened(txn, E.STARTED, [production, analysis])
        assert await found(txn, "heartbeat_production") == []
        assert [j.panda_id for j in await found(txn, "heartbeat_analysis")] == [analysis]
        await sites.put(txn, a_queue(nickname=QUEUE), "test")
        assert [j.panda_id for j in await found(txn, "heartbeat_production")] == [production]

    await store.transact("body", body)


@ensureDeferred
async def test_reported_jobs_are_the_adders(store: Store) -> None:
    """A job in holding whose report is there waits for the data service, not for its pilot."""

    async def body(txn: Transaction) -> None:
        reported, recovering = await claimed(txn, 2)
        await happened(txn, E.REPORTED, [reported])
        await happened(txn, E.RECOVERING, [recovering])
        assert [j.panda_id for j in await found(txn, "holding_analysis")] == [recovering]

    await store.transact("body", body)


@ensureDeferred
async def test_a_part_of_them(store: Store) -> None:
    """No more than asked for, without those that are left alone, or only one."""

    async def body(txn: Transaction) -> None:
        ids = await claimed(txn, 5)
        before = await in_s(txn, 1)
        assert len(await overdue(txn, ROWS["sent"], before, 3)) == 3
        assert {j.panda_id for j in await overdue(txn, ROWS["sent"], before, 9, besides=ids[:3])} == set(ids[3:])
        assert [j.panda_id for j in await overdue(txn, ROWS["sent"], before, 9, only=ids[2])] == [ids[2]]
        assert await overdue(txn, ROWS["sent"], before, 9, besides=ids, only=ids[2]) == []

    await store.transact("body", body)


@ensureDeferred
async def test_pilot_that_speaks_is_passed_over(store: Store) -> None:
    """A job whose pilot's word is being stored is not overdue; and one that was found so is decided before a later word."""
    (panda_id,) = await store.transact("claimed", claimed)

    async def speak(txn: Transaction) -> None:
        await happened(txn, E.STARTED, [panda_id])
        assert await store.transact("look", found, "sent") == []

    async def expire(txn: Transaction) -> None:
        (job,) = await found(txn, "heartbeat_analysis")
        word = store.transact("word", happened, E.RUNNING, [panda_id])
        assert await happened(txn, E.LOST, [job.panda_id]) == [panda_id] and not word.called
        txn.after_commit(lambda: late.append(word))

    late: list[Any] = []
    await store.transact("speak", speak)
    await store.transact("expire", expire)
    assert await late[0] == []


# On a busy hub most jobs wait or are over; of each state a few have been there for long.
JOBS, OLD = 40_000, 7
LOAD = f"""
    WITH line AS (
        INSERT INTO line (digest, prodsourcelabel, job_label, processingtype, resource_type, minramcount, maxdiskcount,
                          maxwalltime, corecount, jeditaskid, workinggroup, countrygroup, owneranchor, ownersubject, produsername)
        VALUES (md5('')::uuid, '', '', '', '', 0, 0, 0, 1, 0, '', '', 'ca', 'alice', '') RETURNING id)
    INSERT INTO job (pandaid, jobstatus, line, computingsite, prodsourcelabel, currentpriority, holdersubject, endtime,
                     owneranchor, ownersubject, statechangetime)
    SELECT n, s, line.id, 'Q' || n % 20, CASE WHEN n % 2 = 0 THEN 'user' ELSE 'managed' END, n % 1600, 'x', now(), 'ca', 'alice',
           now() - CASE WHEN n % 1000 < {OLD} THEN interval '1 h' ELSE interval '0' END
    FROM line, generate_series(1, {JOBS}) AS n,
         LATERAL (SELECT (enum_range(NULL::job_status))[1 + n / 20 % {len(S)}] AS s) AS state"""


async def _load(postgres: EmbeddedPostgres, template: str) -> DatabaseConfig:
    admin = await observe(DatabaseConfig(dsn=postgres.dsn))
    await admin.rows(f"CREATE DATABASE overdue TEMPLATE {template}")
    admin.link.close()
    config = DatabaseConfig(dsn=postgres.dsn_of("overdue"))
    observer = await observe(config)
    await observer.rows(LOAD)
    await observer.rows("VACUUM ANALYZE")
    observer.link.close()
    return config


@pytest.fixture(scope="module")
def big(postgres: EmbeddedPostgres, template: str) -> Iterator[Store]:
    """A store with many jobs."""
    store = Store(reactor, blockon(Deferred.fromCoroutine(_load(postgres, template))))
    yield store
    blockon(Deferred.fromCoroutine(store.close()))


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Of a plan, from the top."""
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes(below)


@ANY_ROW
@ensureDeferred
async def test_plans(big: Store, row: Timeout) -> None:
    """A row that counts from the change of state reads by job_since the old jobs of its states and no others; one that counts
    from the last word reads its states, or what holds a slot: an index on that word would make every heartbeat dear.
    """

    async def body(txn: Transaction) -> None:
        text = "EXPLAIN (ANALYZE, FORMAT JSON) " + module._STATEMENTS[row.name].text
        before = await in_s(txn, -60)
        (((plan,),),) = await rows(txn, text, before=before, limit=1000, besides=[], only=None)
        read = [n for n in nodes(plan["Plan"]) if n.get("Relation Name") == "job"]
        looked_at = sum(n["Actual Rows"] + n.get("Rows Removed by Filter", 0) for n in read)
        if row.since is Since.CHANGED:
            assert {n.get("Index Name") for n in read} == {"job_since"}
            assert looked_at <= len(row.states) * JOBS / len(S) * OLD / 500
        else:
            assert {n.get("Index Name") for n in read} <= {"job_since", "job_usage"}
            assert looked_at <= len(IN_SLOT) * JOBS / len(S)

    await big.transact("body", body)


def test_every_live_state_is_in_the_index() -> None:
    """The index and the table of timeouts are about the same states."""
    assert frozenset().union(*(row.states for row in TIMEOUTS)) == set(S) - FINAL
