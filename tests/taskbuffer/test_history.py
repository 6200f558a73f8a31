"""The archive: an ended job leaves with all that is its own, and nobody who reads sees a difference."""

from __future__ import annotations

import pytest
from factories import ALICE, a_decision, a_file, a_job, stored
from pytest_twisted import ensureDeferred
from stages import Stage

from pandad.spec.jobstatus import FINAL, Actor, Event, JobStatus
from pandad.taskbuffer import decisions, history, jobs, outputs
from pandad.taskbuffer.store import Store

from .observing import rows

VERDICTS = [{"queue": "Q", "verdict": "ok", "weight": 1.0, "text": "can take the job"}]
TABLES = ("job", "job_text", "job_event", "job_report", "job_decision", "job_debug", "file")


@pytest.fixture
def stage(store: Store) -> Stage:
    """The store with what the tests do."""
    return Stage(store)


async def ended(stage: Stage, days_ago: int = 0) -> int:
    """A finished job with two files, a report and a decision, as if it had ended so long ago."""
    (panda_id,) = await stage.jobs(a_job(jobStatus=JobStatus.ACTIVATED, Files=[a_file(), a_file(type="log", lfn="log.tgz")]))
    await stage.store.once("decide", decisions.put, [a_decision(panda_id, "Q", VERDICTS)])
    await stage.store.once("ask", outputs.ask, panda_id, "ps -ef", "alice")
    await stage.claim()
    assert await stage.event(Event.REPORTED, panda_id, actor=Actor.PILOT, reportedstatus=JobStatus.FINISHED)
    assert await stage.event(Event.COMPLETED, panda_id, actor=Actor.DATASERVICE)
    await stage.sql("UPDATE job SET statechangetime = now() - make_interval(days => %(d)s) WHERE pandaid = %(id)s RETURNING 1",
                    d=days_ago, id=panda_id)
    return panda_id


async def counts(store: Store, suffix: str = "") -> dict[str, int]:
    """Rows per table."""
    text = " UNION ALL ".join(f"SELECT '{t}', count(*) FROM {t}{suffix}" for t in TABLES)
    return dict(await store.once("counts", rows, text))


async def archived(store: Store, keep_s: float = 0, limit: int = 100) -> int:
    """How many left."""
    await store.once("months", history.make_months)
    return await store.once("archive", history.archive, keep_s, limit)


@ensureDeferred
async def test_nobody_sees_a_difference(stage: Stage) -> None:
    """A job in the archive reads as before: attributes, files, texts, history, decision, state, outputs. Nothing stays behind."""
    panda_id = await ended(stage, days_ago=1)

    async def seen() -> tuple[object, ...]:
        once = stage.store.once
        return (await once("find", jobs.find, [panda_id]), await once("states", jobs.states, [panda_id]),
                await once("events", jobs.events, panda_id), await once("decision", decisions.find, panda_id),
                await once("outputs", outputs.of_job, panda_id))

    before, rows_before = await seen(), await counts(stage.store)
    assert await archived(stage.store) == 1
    assert await seen() == before
    assert set((await counts(stage.store)).values()) == {0} and await counts(stage.store, "_archive") == rows_before
    assert rows_before["file"] == 2 and rows_before["job_report"] == 1


@ensureDeferred
async def test_only_what_has_ended_long_enough(stage: Stage) -> None:
    """Live jobs and freshly ended ones stay; of the others the longest ended leave first, no more than asked for."""
    old, older, fresh = await ended(stage, 3), await ended(stage, 4), await ended(stage)
    live = [await stage.job(status) for status in sorted(set(JobStatus) - FINAL, reverse=True)]  # activated last: claims take it
    assert await archived(stage.store, keep_s=3600, limit=1) == 1
    assert await stage.sql("SELECT pandaid FROM job_archive") == [(older,)]
    assert await archived(stage.store, keep_s=3600) == 1
    assert {i for (i,) in await stage.sql("SELECT pandaid FROM job")} == {fresh, *live} and old not in live
    assert await archived(stage.store, keep_s=3600) == 0


@ensureDeferred
async def test_each_month_has_its_partition(stage: Stage) -> None:
    """A job goes into the month in which it ended, also a past one; the next month is there before it begins."""
    panda_id = await ended(stage, days_ago=70)
    assert await archived(stage.store) == 1
    text = """SELECT tableoid::regclass::text, 'job_archive_' || to_char(endedon, 'YYYYMM'), endedon = current_date - 70
              FROM job_archive WHERE pandaid = %(id)s"""
    found = await stage.sql(text, id=panda_id)
    assert found[0][0] == found[0][1] and found[0][2]
    month = "to_char(now() AT TIME ZONE 'UTC' + interval '1 month', 'YYYYMM')"
    for table in TABLES:
        assert await stage.sql(f"SELECT to_regclass('{table}_archive_' || {month}) IS NOT NULL") == [(True,)]


@ensureDeferred
async def test_archives_have_the_columns_of_their_tables(stage: Stage) -> None:
    """Each archive has the day first, then the columns of its table in their order and type; else rows would be mixed up."""
    text = """SELECT attname, atttypid::regtype::text FROM pg_attribute
              WHERE attrelid = %(table)s::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum"""
    for table in TABLES:
        own = await stage.sql(text, table=table)
        for other in (f"{table}_archive", f"{table}_ever"):
            assert await stage.sql(text, table=other) == [("endedon", "date"), *own], other


@ensureDeferred
async def test_a_failing_round_moves_nothing(stage: Stage) -> None:
    """Without the partition of its month a job stays whole where it is."""
    await ended(stage, days_ago=400)
    before = await counts(stage.store)
    with pytest.raises(Exception, match="no partition"):
        await stage.store.once("archive", history.archive, 0, 100)
    assert await counts(stage.store) == before


@ensureDeferred
async def test_late_events_do_not_reach_the_archive(stage: Stage) -> None:
    """A job in the archive is moved by nothing, and a new job never gets its id."""
    panda_id = await ended(stage, 1)
    await archived(stage.store)
    assert not await stage.event(Event.RUNNING, panda_id, actor=Actor.PILOT)
    assert (await stage.store.transact("new", stored, [a_job()], ALICE))[0] > panda_id
