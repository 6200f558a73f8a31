"""Copied jobs are as sound as those they were made from."""

from __future__ import annotations

from pytest_twisted import ensureDeferred

from pandad.config import DatabaseConfig
from pandad.spec.jobstatus import JobStatus
from pandad.taskbuffer.store import Store
from tests.benchmarks.database import TABLES, Database
from tests.benchmarks.jobs import PRIORITIES, Jobs
from tests.benchmarks.messages import SLOT_MB
from tests.factories import a_file, a_job, stored

BELONGINGS = " UNION ALL ".join(f"SELECT '{table}', pandaid FROM {table}" for table in TABLES if table != "job")


async def filled(store: Store, database: DatabaseConfig) -> Database:
    """A job for the pilots of the benchmarks and one that is too large for them, each with a file; and copies."""
    specs = [a_job(jobStatus=JobStatus.ACTIVATED, minRamCount=mb, Files=[a_file()]) for mb in (SLOT_MB, SLOT_MB + 1)]
    await store.transact("test_jobs", stored, specs)
    looking = Database(database.dsn)
    jobs = Jobs(looking)
    jobs.set_apart()
    jobs.wait(20)
    jobs.supply(15)
    return looking


@ensureDeferred
async def test_there_are_as_many_as_asked_for(store: Store, database: DatabaseConfig) -> None:
    """In all, and of those that the pilots can take; with priorities of all heights."""
    looking = await filled(store, database)
    ((all_jobs, fitting, lowest, highest),) = looking.rows(
        "SELECT count(*), count(*) FILTER (WHERE minramcount <= %(mb)s), min(currentpriority), max(currentpriority) FROM job",
        {"mb": SLOT_MB})
    looking.close()
    assert all_jobs >= 20 and fitting >= 15
    assert 1 <= lowest < highest <= PRIORITIES


@ensureDeferred
async def test_all_that_belongs_to_a_job_is_copied(store: Store, database: DatabaseConfig) -> None:
    """Every job has as many texts, events and files as the first, and a line that is there."""
    looking = await filled(store, database)
    belongings: dict[int, list[str]] = {}
    for table, panda_id in looking.rows(BELONGINGS):
        belongings.setdefault(panda_id, []).append(table)
    ids = [row[0] for row in looking.rows("SELECT pandaid FROM job JOIN line ON line.id = job.line ORDER BY pandaid")]
    looking.close()
    assert len(ids) >= 20
    assert {tuple(sorted(belongings[panda_id])) for panda_id in ids} == {("file", "job_event", "job_text")}
