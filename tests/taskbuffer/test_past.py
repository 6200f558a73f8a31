"""Pictures over time are drawn from samples that say what the counters said, once in each ten minutes."""

from __future__ import annotations

from factories import QUEUE, a_job, claimed
from pytest_twisted import ensureDeferred
from stages import Stage

from pandad.spec.jobstatus import JobStatus
from pandad.taskbuffer import past, tallies
from pandad.taskbuffer.past import KEPT_DAYS, LIVE
from pandad.taskbuffer.store import Store

DAY_S = 86400
S = JobStatus


async def sampled(store: Store) -> int:
    """How many rows a round of the loop adds."""
    return await store.once("sample", past.sample)


@ensureDeferred
async def test_a_sample_is_what_is_there(store: Store) -> None:
    """Of all jobs every live state, of a queue what it has; also what the counters have not added up yet. And once only."""
    stage = Stage(store)
    await stage.jobs(*[a_job() for _ in range(3)])
    await store.once("fold", tallies.fold, 1000)
    await store.transact("jobs", claimed, 2)
    assert await sampled(store) == len(LIVE) + 1
    assert await sampled(store) == 0
    ((all_jobs, queues),) = [
        (await store.read("states", past.states, DAY_S), await store.read("states", past.states, DAY_S, QUEUE))]
    assert {state: jobs for state, jobs in all_jobs[0].jobs.items() if jobs} == {S.DEFINED: 3, S.SENT: 2}
    assert set(all_jobs[0].jobs) == set(LIVE)
    assert [each.jobs for each in queues] == [{S.SENT: 2}] and queues[0].at == all_jobs[0].at


@ensureDeferred
async def test_a_queue_without_jobs_has_samples_too(store: Store) -> None:
    """They are empty: then there were none."""
    await sampled(store)
    assert [each.jobs for each in await store.read("states", past.states, DAY_S, "OTHER")] == [{}]


@ensureDeferred
async def test_samples_follow_each_other_and_go(store: Store) -> None:
    """The next one comes when ten minutes are over; after some days it goes; a window has what is in it."""
    stage = Stage(store)
    for _ in range(3):
        await sampled(store)
        await stage.sql("UPDATE state_past SET bucket = bucket - interval '10 min' RETURNING 1")
    samples = await store.read("states", past.states, DAY_S)
    assert len(samples) == 3 and [each.at for each in samples] == sorted(each.at for each in samples)
    await stage.sql("UPDATE state_past SET bucket = bucket + (now() - (SELECT max(bucket) FROM state_past)) RETURNING 1")
    assert len(await store.read("states", past.states, 900)) == 2
    await stage.sql(f"UPDATE state_past SET bucket = bucket - interval '{KEPT_DAYS} days' RETURNING 1")
    await sampled(store)
    assert len(await stage.sql("SELECT DISTINCT bucket FROM state_past")) == 1


@ensureDeferred
async def test_a_wrong_counter_stops_nothing(store: Store) -> None:
    """fsck finds it; the sample is taken as far as it makes sense."""
    await Stage(store).sql("INSERT INTO tally VALUES ('Q', 'waiting', 'user', 'SCORE', -5, -5) RETURNING 1")
    assert await sampled(store) == len(LIVE)


@ensureDeferred
async def test_how_attempts_ended(store: Store) -> None:
    """By the time at which they did, of one queue or of all."""
    await Stage(store).sql("""
        INSERT INTO queue_end (bucket, queue, started, finished, failed, fast)
        SELECT date_bin('5 min', now(), 'epoch') - n * interval '1 h', q, 9, 2, n, 0
        FROM generate_series(0, 2) AS n, unnest(ARRAY['A', 'B']) AS q RETURNING 1""")
    found = await store.read("ends", past.ends, DAY_S)
    assert [(each.finished, each.failed) for each in found] == [(4, 4), (4, 2), (4, 0)]
    assert [(each.finished, each.failed) for each in await store.read("ends", past.ends, 5000, "B")] == [(2, 1), (2, 0)]
