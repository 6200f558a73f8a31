"""fsck: a healthy database has no findings, a busy one neither, and what it repairs stays right."""

from __future__ import annotations

from typing import Any

import pytest
from factories import QUEUE
from pytest_twisted import ensureDeferred
from stages import Meanwhile, Stage
from twisted.internet.defer import Deferred

from pandad.spec.act import operator_on
from pandad.taskbuffer import fsck, jobs
from pandad.taskbuffer.fsck import INVARIANTS, MOST, Report, bounds, examine, names
from pandad.taskbuffer.fsck_rows import LINE_COLUMNS
from pandad.taskbuffer.store import Store

from .fscklife import live
from .observing import Observer, run

CLEAN = Report(len(INVARIANTS))
GAP = 5000
ROOT = operator_on("root", "host")


async def looked(store: Store, gap: int = 0) -> Report:
    """At all invariants, without a pause."""
    return await examine(store, INVARIANTS, bounds(31, gap), pause_s=0)


def broken(report: Report) -> set[tuple[str, str]]:
    """(invariant, id) of each finding."""
    return {(f.invariant.name, f.id) for f in report.findings}


def test_the_table_reads_well() -> None:
    """Each invariant has a name of its own, a sentence, and an advice."""
    assert len({i.name for i in INVARIANTS}) == len(INVARIANTS) >= 40
    for each in INVARIANTS:
        assert each.name.islower() and len(each.says) > 15 and len(each.remedy) > 5
        assert not each.says.endswith(".") and not each.remedy.endswith(".") and "|" not in each.says + each.remedy


def test_migrations_tell_what_must_be_there() -> None:
    """What one makes by name and a later one drops is not missed; words in comments are no names."""
    made = "CREATE TABLE t (a int, CONSTRAINT a_known CHECK (a > 0)); -- INDEX of all\nCREATE UNIQUE INDEX one ON t (a);"
    assert names([made, "DROP INDEX one; ALTER TABLE t ADD CONSTRAINT b_known CHECK (b > 0);"]) == ["a_known", "b_known"]


@ensureDeferred
async def test_every_column_of_a_line_is_compared(observer: Observer) -> None:
    """Those that the digest is made of, in their order."""
    text = "SELECT attname FROM pg_attribute WHERE attrelid = 'line'::regclass AND attnum > 0 ORDER BY attnum"
    assert [name for (name,) in await observer.rows(text)] == ["id", "digest", *LINE_COLUMNS, "used"]


@ensureDeferred
async def test_an_empty_database_is_clean(store: Store) -> None:
    """From the first moment on."""
    assert await looked(store) == CLEAN


@ensureDeferred
async def test_a_varied_life_leaves_nothing_to_find(store: Store) -> None:
    """Jobs in every state, retried, ended and in the history; looking changes nothing."""
    stage = Stage(store)
    await live(stage)
    before = await stage.dump()
    assert await looked(store) == CLEAN
    assert await stage.dump() == before


@ensureDeferred
async def test_no_false_alarm_while_jobs_move(store: Store) -> None:
    """One look after the other sees nothing of changes that are half done."""
    living: Deferred[Any] = Deferred.fromCoroutine(live(Stage(store)))
    rounds = 0
    while not living.called:
        assert await looked(store) == CLEAN
        rounds += 1
    await living
    assert rounds > 1


@ensureDeferred
async def test_what_heals_by_itself_is_no_finding(store: Store) -> None:
    """What is gone at the second look is not reported; what stays is."""
    life = await live(Stage(store))
    one, other = life.where("running")[:2]
    harm = "UPDATE job SET holdersubject = 'x' WHERE pandaid = ANY (%(ids)s)"
    await store.once("harm", run, harm, ids=[one, other])

    async def heal() -> None:
        right = "UPDATE job SET holdersubject = (SELECT max(who) FROM job_event WHERE event = 'claimed') WHERE pandaid = %(id)s"
        await store.once("heal", run, right, id=one)

    assert broken(await looked(Meanwhile(store, "fsck_look_again", heal))) == {("event-holder", str(other))}


@ensureDeferred
async def test_a_flood_is_cut_and_said_so(store: Store) -> None:
    """Of each invariant a bounded number, by number, and the word that there may be more."""
    await live(Stage(store))
    await store.once("harm", run, "UPDATE job SET modificationtime = now() + interval '1 day'")
    report = await looked(store)
    ids = [int(f.id) for f in report.findings if f.invariant.name == "job-future"]
    assert len(ids) == MOST and ids == sorted(ids) and report.more == ["job-future"]


@ensureDeferred
async def test_a_foreign_schema_stops_it(store: Store) -> None:
    """Statements that name what is not there are not tried."""
    await store.once("harm", run, "ALTER TYPE job_status RENAME VALUE 'merging' TO 'melting'")
    report = await looked(store)
    assert broken(report) == {("schema-states", "job_status")} and "schema-states is broken" in report.stopped


@ensureDeferred
async def test_a_look_that_fails_stops_it(store: Store) -> None:
    """What was found before is kept; it is not called clean."""
    await store.once("harm", run, "DROP VIEW job_ever")
    report = await looked(store)
    assert report.stopped and 0 < report.looked_at < len(INVARIANTS)


@ensureDeferred
async def test_a_repair_counts_anew(store: Store) -> None:
    """Counters that went wrong, in the totals or beside them, are right again; twice changes nothing more."""
    await live(Stage(store))
    for text in ("DELETE FROM tally_delta WHERE jobstatus = 'activated'",
                 "INSERT INTO tally VALUES ('GONE', 'running', '', '', 7, 7)",
                 "UPDATE job SET corecount = 8 WHERE jobstatus = 'running'"):
        await store.once("harm", run, text)
    assert {name for name, _ in broken(await looked(store))} == {"tally-exact", "line-of-job"}
    said = await fsck.repair(store, bounds(31, 0), ROOT)
    assert "-7 jobs running at GONE are counted" in said
    assert any(text.endswith(f" activated at {QUEUE} are counted") for text in said)
    assert {name for name, _ in broken(await looked(store))} == {"line-of-job"}
    assert await fsck.repair(store, bounds(31, 0), ROOT) == []


@pytest.mark.parametrize("gap", [0, GAP])
@ensureDeferred
async def test_a_repair_makes_ids_new_again(store: Store, gap: int) -> None:
    """Sequences and serials that are behind are raised past what is in use, and by the gap; twice changes nothing more."""
    await live(Stage(store))
    for text in ("ALTER SEQUENCE job_pandaid RESTART WITH 1", "ALTER TABLE file ALTER row_id RESTART WITH 1"):
        await store.once("harm", run, text)
    await store.once("harm", run, "UPDATE submitter SET jobdefinitionid = 0")
    harmed = {name for name, _ in broken(await looked(store, gap))}
    assert harmed == {"sequence-ahead", "job-serial"}
    said = await fsck.repair(store, bounds(31, gap), ROOT)
    assert any(text.startswith("sequence job_pandaid gives ") for text in said)
    assert await looked(store, gap) == CLEAN
    assert await fsck.repair(store, bounds(31, gap), ROOT) == []
    (panda_id,) = await store.transact("new", jobs.new_ids, 1)
    assert panda_id > gap + 60


@ensureDeferred
async def test_after_a_restore_sequences_have_a_gap_to_make(store: Store) -> None:
    """A database that is healthy as it stands gives out ids anew that were given out after its backup."""
    await live(Stage(store))
    assert broken(await looked(store, GAP)) == {
        ("sequence-ahead", name) for name in (
            "job_pandaid", "job_jobsetid", "job_event_id_seq", "file_row_id_seq", "line_id_seq", "task_jeditaskid")
    }
