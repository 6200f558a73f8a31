"""Lines: one for all jobs alike, as long as there may be any."""

from __future__ import annotations

import pytest
from factories import ALICE, a_job, stored
from pytest_twisted import ensureDeferred
from stages import Stage
from twisted.internet.defer import Deferred

from pandad.spec.jobstatus import FINAL, Actor, Event, JobStatus
from pandad.taskbuffer import history, lines
from pandad.taskbuffer.store import Store, Transaction

from .observing import Observer, eventually, now_in, run

MANY = 1000
WAITS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


@pytest.fixture
def stage(store: Store) -> Stage:
    """The store with what the tests do."""
    return Stage(store)


async def there(stage: Stage) -> set[int]:
    """All lines."""
    return {row[0] for row in await stage.sql("SELECT id FROM line")}


async def line_of(stage: Stage, panda_id: int) -> int:
    """Where a job stands."""
    ((line,),) = await stage.sql("SELECT line FROM job WHERE pandaid = %(id)s", id=panda_id)
    return int(line)


async def unused_for(stage: Stage, hours: int, *but: int) -> None:
    """As if no job had come into the lines for so long."""
    await stage.sql("""UPDATE line SET used = now() - make_interval(hours => %(h)s)
                       WHERE id <> ALL (%(but)s::bigint[]) RETURNING 1""", h=hours, but=list(but))


async def removed(stage: Stage, limit: int = MANY) -> int:
    """How many lines go."""
    return await stage.store.once("remove", lines.remove_unused, limit)


async def ended_long_ago(stage: Stage, days: int) -> int:
    """A job that was made, and came to its end, so long ago."""
    panda_id = await stage.job()
    assert await stage.event(Event.CLOSED, panda_id, actor=Actor.WATCHER)
    await stage.sql("""UPDATE job SET creationtime = now() - make_interval(days => %(d)s),
                       statechangetime = now() - make_interval(days => %(d)s) WHERE pandaid = %(id)s RETURNING 1""",
                    d=days, id=panda_id)
    return panda_id


@ensureDeferred
async def test_a_line_goes_after_its_jobs(stage: Stage) -> None:
    """While a job of it is not in the archive a line stays; then it goes, and a job of the same kind makes it anew."""
    panda_id = await ended_long_ago(stage, 3)
    line = await line_of(stage, panda_id)
    await unused_for(stage, 71)
    assert await removed(stage) == 0
    await stage.store.once("months", history.make_months)
    assert await stage.store.once("archive", history.archive, 0, MANY) == 1
    assert (await removed(stage), await there(stage)) == (1, set())
    assert await stage.status(panda_id) in FINAL  # it is read as before
    (again,) = await stage.jobs(a_job())
    assert await line_of(stage, again) != line


@ensureDeferred
async def test_only_lines_older_than_the_oldest_job_go(stage: Stage) -> None:
    """A line that was used after the oldest job was made may have jobs, so it stays; any older one goes, the oldest first."""
    await ended_long_ago(stage, 10)
    kept = await there(stage)
    await stage.jobs(*(a_job(jediTaskID=n) for n in range(1, 5)))
    young, *others = sorted(await there(stage) - kept)
    await stage.sql("DELETE FROM job WHERE jeditaskid IS NOT NULL RETURNING 1")
    await unused_for(stage, 9 * 24, *kept)
    assert await removed(stage) == 0
    await unused_for(stage, 12 * 24, *kept, young)
    await unused_for(stage, 13 * 24, *kept, young, *others[1:])
    assert (await removed(stage, 1), await there(stage)) == (1, {*kept, young, *others[1:]})
    assert (await removed(stage), await there(stage)) == (2, {*kept, young})


@ensureDeferred
async def test_a_line_in_use_is_marked(stage: Stage) -> None:
    """A job that comes into a line marks it, but not again and again: the time is not written while it is fresh."""
    (first,) = await stage.jobs(a_job())
    await unused_for(stage, 30)
    (second,) = await stage.jobs(a_job())
    assert await line_of(stage, first) == await line_of(stage, second)
    seen = await stage.sql("SELECT used, xmin::text FROM line")
    assert await stage.sql("SELECT used > now() - interval '1 minute' FROM line") == [(True,)]
    await stage.jobs(a_job())
    assert await stage.sql("SELECT used, xmin::text FROM line") == seen


@ensureDeferred
async def test_a_job_that_is_just_coming_keeps_its_line(stage: Stage) -> None:
    """Who removes lines passes over one that a submission under way has found."""
    (first,) = await stage.jobs(a_job())
    await stage.sql("DELETE FROM job RETURNING 1")
    await unused_for(stage, 30)
    found: Deferred[None] = Deferred()
    go_on: Deferred[None] = Deferred()

    async def submit(txn: Transaction) -> list[int]:
        ids = await stored(txn, [a_job()])
        found.callback(None)
        await go_on
        return ids

    submitting = stage.store.transact("submit", submit)
    await found
    assert await removed(stage) == 0
    go_on.callback(None)
    (panda_id,) = await submitting
    assert panda_id > first and await there(stage) == {await line_of(stage, panda_id)}


@ensureDeferred
async def test_a_line_that_is_just_going_is_made_anew(stage: Stage, observer: Observer) -> None:
    """A submission that finds a line while it is being removed waits, and gets another one."""
    await stage.jobs(a_job())
    await stage.sql("DELETE FROM job RETURNING 1")
    (old,) = await there(stage)
    await unused_for(stage, 30)
    gone: Deferred[None] = Deferred()
    go_on: Deferred[None] = Deferred()

    async def remove(txn: Transaction) -> None:
        assert await lines.remove_unused(txn, MANY) == 1
        gone.callback(None)
        await go_on

    removing = stage.store.transact("remove", remove)
    await gone
    submitting = stage.store.transact("submit", stored, [a_job()], ALICE)

    async def waits() -> bool:
        return bool(await observer.value(WAITS))

    await eventually(waits)
    go_on.callback(None)
    await removing
    (panda_id,) = await submitting
    assert await there(stage) == {await line_of(stage, panda_id)} and old not in await there(stage)
    assert await stage.store.transact("look", now_in, [panda_id]) == [JobStatus.DEFINED]


@ensureDeferred
async def test_removal_reads_no_more_than_it_removes(store: Store) -> None:
    """However many lines and jobs there are, both are read by an index, from the oldest on."""
    await store.once("many", run, """
        INSERT INTO line (digest, prodsourcelabel, job_label, processingtype, resource_type, minramcount, maxdiskcount,
                          maxwalltime, corecount, jeditaskid, workinggroup, countrygroup, owneranchor, ownersubject, produsername,
                          used)
        SELECT md5(n::text)::uuid, '', '', '', '', 0, 0, 0, 1, n, '', '', '', '', '', now() - make_interval(secs => n)
        FROM generate_series(1, 20000) AS n""")
    text = lines._REMOVE.text.replace("%(limit)s", "10")
    plan = [row[0] for row in await Stage(store).sql(f"EXPLAIN {text}")]
    assert any("line_used" in step for step in plan) and any("job_pkey" in step for step in plan)
    assert not any("Seq Scan" in step for step in plan)
