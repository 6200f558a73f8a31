"""What the loops find to do: all that is due, the most urgent first, bounded."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from factories import a_file, a_job, claimed, happened, stored
from pytest_twisted import ensureDeferred

from pandad.spec.jobstatus import Actor, Event, JobStatus
from pandad.taskbuffer import jobs, worklists
from pandad.taskbuffer.store import Store, Transaction

from .observing import run

S, E = JobStatus, Event


async def due_in(txn: Transaction, ids: Sequence[int], seconds: Sequence[float]) -> None:
    """Plan the next look at each job, from now; negative is overdue."""
    await run(
        txn,
        """UPDATE job SET nextcheck = now() + make_interval(secs => s)
                      FROM unnest(%(ids)s::bigint[], %(s)s::float[]) AS u(id, s) WHERE pandaid = id""",
        ids=list(ids),
        s=list(seconds),
    )


@ensureDeferred
async def test_to_broker(store: Store) -> None:
    """Defined jobs that are due, by priority, then oldest; not more than asked for; whole, with their files."""

    async def body(txn: Transaction) -> None:
        a, b, c, later, _ = await stored(
            txn,
            [
                a_job(currentPriority=1, Files=[a_file()]),
                a_job(currentPriority=9),
                a_job(currentPriority=9),
                a_job(currentPriority=99),
                a_job(jobStatus=S.ASSIGNED, currentPriority=99),
            ],
        )
        await due_in(txn, [later], [60])
        assert [j.PandaID for j in await worklists.to_broker(txn, 10)] == [b, c, a]
        assert [j.PandaID for j in await worklists.to_broker(txn, 1)] == [b]
        (*_, found) = await worklists.to_broker(txn, 10)
        assert [found] == await jobs.find(txn, [a]) and len(found.Files) == 1

    await store.transact("body", body)


@pytest.mark.parametrize("statuses", [{S.ASSIGNED}, {S.WAITING}, {S.ASSIGNED, S.WAITING}])
@ensureDeferred
async def test_input_due(store: Store, statuses: set[JobStatus]) -> None:
    """Jobs of the asked states that are due, the longest overdue first."""

    async def body(txn: Transaction) -> None:
        kinds = [S.ASSIGNED, S.WAITING, S.ASSIGNED, S.WAITING, S.DEFINED]
        ids = await stored(txn, [a_job(jobStatus=s) for s in kinds])
        await due_in(txn, ids, [-10, -20, -30, 60, -99])
        assert [j.PandaID for j in await worklists.input_due(txn, statuses, 10)] == [
            ids[n] for n in (2, 1, 0) if kinds[n] in statuses
        ]
        assert len(await worklists.input_due(txn, statuses, 1)) == 1

    await store.transact("body", body)


@ensureDeferred
async def test_output_due(store: Store) -> None:
    """Held jobs whose pilot has reported come with its word, its text and the age of the report; recovering ones do not come."""

    async def body(txn: Transaction) -> None:
        early, late, recovering, later = await claimed(txn, 4)
        for panda_id, word in ((early, S.FINISHED), (late, S.FAILED), (later, S.FAILED)):
            change = jobs.Change(panda_id, {"reportedstatus": word}, report=f"report {word}")
            await jobs.move(txn, E.REPORTED, [change], actor=Actor.PILOT, who="x")
        await happened(txn, E.RECOVERING, [recovering])
        await due_in(txn, [early, late, recovering, later], [-1, -2, -3, 60])
        await run(txn, "UPDATE job_report SET at = now() - interval '90 s'")
        found = await worklists.output_due(txn, 10)
        assert [(r.job.PandaID, r.outcome, r.report, r.age_s) for r in found] == [
            (late, S.FAILED, "report failed", 90.0),
            (early, S.FINISHED, "report finished", 90.0),
        ]
        assert [r.job.PandaID for r in await worklists.output_due(txn, 1)] == [late]

    await store.transact("body", body)


@ensureDeferred
async def test_report_of_this_attempt(store: Store) -> None:
    """What is checked is the report of the current attempt, not one of an earlier one."""

    async def body(txn: Transaction) -> None:
        (panda_id,) = await claimed(txn)
        await run(
            txn,
            "INSERT INTO job_report (pandaid, attemptnr, outcome, outputreport) VALUES (%(id)s, 0, 'failed', 'old')",
            id=panda_id,
        )
        change = jobs.Change(panda_id, {"reportedstatus": S.FINISHED}, report="new")
        await jobs.move(txn, E.REPORTED, [change], actor=Actor.PILOT, who="x")
        assert [r.report for r in await worklists.output_due(txn, 10)] == ["new"]

    await store.transact("body", body)


@ensureDeferred
async def test_report_without_a_text(store: Store) -> None:
    """A final report whose pilot sent no output report is on the list too: nobody else would ever end that job."""

    async def body(txn: Transaction) -> None:
        (panda_id,) = await claimed(txn)
        await happened(txn, E.REPORTED, [panda_id], reportedstatus=S.FAILED)
        assert [(r.job.PandaID, r.report) for r in await worklists.output_due(txn, 10)] == [(panda_id, "")]

    await store.transact("body", body)


async def silent_for(txn: Transaction, panda_id: int, seconds: float) -> None:
    """Its pilot spoke so long ago."""
    await run(
        txn,
        "UPDATE job SET modificationtime = now() - make_interval(secs => %(s)s) WHERE pandaid = %(id)s",
        s=seconds,
        id=panda_id,
    )


@ensureDeferred
async def test_silent(store: Store) -> None:
    """Jobs in the asked state not heard of for longer than asked, with what is needed to decide; reported ones are not silent."""

    async def body(txn: Transaction) -> None:
        quiet, fresh, running, reported = await claimed(txn, 4)
        await happened(txn, E.RUNNING, [running])
        for panda_id in (quiet, running, reported):
            await silent_for(txn, panda_id, 61)
        await silent_for(txn, fresh, 59)
        await run(txn, "UPDATE job SET reportedstatus = 'failed' WHERE pandaid = %(id)s", id=reported)
        (found,) = await worklists.silent(txn, S.SENT, 60, 10)
        assert (found.panda_id, found.status, found.attempt_nr, found.command) == (quiet, S.SENT, 1, None)
        assert [s.panda_id for s in await worklists.silent(txn, S.RUNNING, 60, 10)] == [running]
        assert await worklists.silent(txn, S.RUNNING, 62, 10) == []

    await store.transact("body", body)


@ensureDeferred
async def test_pilot_that_speaks_is_passed_over(store: Store) -> None:
    """A job whose pilot's word is being stored is not silent; and one that was found silent is decided before a later word."""
    (panda_id,) = await store.transact("claimed", claimed)
    await store.transact("age", silent_for, panda_id, 100)

    async def speak(txn: Transaction) -> None:
        await happened(txn, E.STARTED, [panda_id])
        assert await store.transact("look", worklists.silent, S.SENT, 60, 10) == []

    async def expire(txn: Transaction) -> None:
        (found,) = await worklists.silent(txn, S.STARTING, 60, 10)
        word = store.transact("word", happened, E.RUNNING, [panda_id])
        assert await happened(txn, E.LOST, [found.panda_id]) == [panda_id] and not word.called
        txn.after_commit(lambda: late.append(word))

    late: list[object] = []
    await store.transact("speak", speak)
    await store.transact("age", silent_for, panda_id, 100)
    await store.transact("expire", expire)
    (word,) = late
    assert await word == []  # type: ignore[misc]
