"""Final reports: the first one of an attempt counts."""

from __future__ import annotations

from typing import Any

from factories import a_pilot, claim, claimed, happened
from pytest_twisted import ensureDeferred

from pandad.spec.jobstatus import Actor, Event, JobStatus
from pandad.taskbuffer import jobs, moves
from pandad.taskbuffer.moves import Change, Moved
from pandad.taskbuffer.store import Store, Transaction

from .observing import history, rows

S, E = JobStatus, Event


async def report(txn: Transaction, panda_id: int, text: str, attempt: int = 1) -> list[Moved]:
    """A final report that says finished."""
    change = Change(
        panda_id, {"reportedstatus": S.FINISHED}, attempt_nr=attempt, report=text, metadata=f"meta {text}", stdout="tail"
    )
    return await moves.move(txn, E.REPORTED, [change], actor=Actor.PILOT, who="x")


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
    (job,) = await store.transact("claim", claim, a_pilot())
    assert job.PandaID == panda_id and job.endTime is None
    assert len(await store.once("report", report, panda_id, "two", 2)) == 1
    assert await store.once("reports", reports, panda_id) == [(1, "one"), (2, "two")]


@ensureDeferred
async def test_long_texts_of_the_pilot(store: Store) -> None:
    """Metadata and the tail of stdout replace the earlier ones where they are sent, and stay where they are not."""
    (panda_id,) = await store.transact("claimed", claimed)
    for metadata, stdout in (("m1", "s1"), (None, "s2"), (None, None)):
        await store.once(
            "move",
            moves.move,
            E.RUNNING,
            [Change(panda_id, metadata=metadata, stdout=stdout)],
            actor=Actor.PILOT,
            who="x",
            also_in={S.RUNNING},
        )
    texts = await store.once("texts", rows, "SELECT jobparameters, metadata, stdout FROM job_text")
    assert texts == [("--in x", "m1", "s2")]
