"""Harvester workers say of themselves that they began and ended, more than once and in any order."""

from __future__ import annotations

import itertools

import pytest
from factories import a_job, a_pilot, claim, stored
from pytest_twisted import ensureDeferred

from pandad.spec.jobstatus import JobStatus
from pandad.taskbuffer import workers
from pandad.taskbuffer.store import Store, Transaction

from .observing import rows, run

LOOK = "SELECT status, queue, node, started IS NOT NULL, ended IS NOT NULL FROM worker"


@pytest.mark.parametrize("words", sorted(set(itertools.permutations(["started", "started", "finished", "finished"]))))
@ensureDeferred
async def test_any_order_ends_the_same(store: Store, words: tuple[str, ...]) -> None:
    """Whatever order its words arrive in, a worker that ended has ended, with both times."""
    for word in words:
        await store.once("put", workers.put, "harvester", 1, word, "Q", "n")
    assert await store.once("look", rows, LOOK) == [("finished", "Q", "n", True, True)]


@ensureDeferred
async def test_times_are_of_the_first_word(store: Store) -> None:
    """Repeating a word does not move its time, and what a later word leaves out stays."""
    times = "SELECT started, queue, node FROM worker"
    await store.once("put", workers.put, "harvester", 1, "started", "Q", "n")
    before = await store.once("look", rows, times)
    await store.once("put", workers.put, "harvester", 1, "started", None, None)
    assert await store.once("look", rows, times) == before


@ensureDeferred
async def test_worker_ids_count_per_harvester(store: Store) -> None:
    """The same number at two Harvesters is two workers."""
    for harvester in ("a", "b"):
        await store.once("put", workers.put, harvester, 1, "started", None, None)
    assert await store.once("look", rows, "SELECT harvesterid FROM worker ORDER BY 1") == [("a",), ("b",)]


@ensureDeferred
async def test_jobs_of_ended_workers(store: Store) -> None:
    """Of a job whose worker has ended its end and reason are known; not of one whose worker runs, nor of a later attempt."""

    async def given(txn: Transaction) -> list[int]:
        await stored(txn, [a_job(jobStatus=JobStatus.ACTIVATED) for _ in range(3)])
        pilots = [a_pilot(harvester_id="h", worker_id=worker_id) for worker_id in (1, 2, 1)]
        return [job.PandaID or 0 for pilot in pilots for job in await claim(txn, pilot)]

    gone, kept, later = await store.transact("jobs", given)
    await store.once("put", workers.put, "h", 1, "finished", None, None, "exit 1")
    await store.once("put", workers.put, "h", 2, "started", None, None)
    await store.once("later", run, "UPDATE job SET attemptnr = 2 WHERE pandaid = %(i)s", i=later)
    await store.once("when", run, "UPDATE worker SET ended = '2026-01-02 03:04:05+00' WHERE workerid = 1")
    ended = await store.once("ended", workers.ended, [gone, kept, later])
    assert ended == {gone: "worker already finished at 2026-01-02 03:04:05 with exit 1"}
