"""The schema: brought up to date once, whole or not at all, and the same whichever way it came."""

from __future__ import annotations

import itertools
import json
import subprocess
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from pytest_twisted import async_yield_fixture, ensureDeferred
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults

from pandad.config import DatabaseConfig
from pandad.embedded.postgres import EmbeddedPostgres, pg_bin_dir
from pandad.spec.attribute import Attribute
from pandad.spec.file import FILE_ATTRIBUTES
from pandad.spec.job import JOB_ATTRIBUTES
from pandad.spec.jobstatus import JobStatus
from pandad.taskbuffer import migrate
from pandad.taskbuffer.migrate import Migration, SchemaError, Standing
from pandad.taskbuffer.store import Store

from .observing import Observer, observe, rows, run

_numbers = itertools.count()

FIRST_RELEASE = 16  # there is no pandad before these migrations, and they say nothing of one

ROWS = {
    1: """INSERT INTO job (pandaid, jobstatus, owneranchor, ownersubject) VALUES (1, 'defined', 'ca', 'alice');
          INSERT INTO job_text (pandaid, jobparameters) VALUES (1, '--in x');
          INSERT INTO job_event (pandaid, event, tostatus, attemptnr, actor, who)
              VALUES (1, 'submitted', 'defined', 1, 'user', 'alice');
          INSERT INTO job_report (pandaid, attemptnr, outcome, outputreport) VALUES (1, 1, 'failed', '{}');
          INSERT INTO job_decision (pandaid, verdicts) VALUES (1, '[]');
          INSERT INTO file (pandaid, lfn, type, status) VALUES (1, 'out', 'output', 'defined');
          INSERT INTO submitter (anchor, subject) VALUES ('ca', 'alice');
          INSERT INTO queue (name, description, status, changedby) VALUES ('Q', '{}', 'online', 'root')""",
    2: """INSERT INTO worker (harvesterid, workerid, status) VALUES ('h', 1, 'started');
          INSERT INTO loop (name) VALUES ('broker')""",
    3: "UPDATE line SET prodsourcelabel = 'user'",  # made of the jobs that were there
    4: "SELECT 1",
    5: """INSERT INTO alive (at, due) VALUES (now(), now());
          INSERT INTO outage (began, ended) VALUES (now() - interval '1 h', now())""",
    6: """INSERT INTO submission (anchor, subject, key, digest) VALUES ('ca', 'alice', 'id 1', 'x');
          INSERT INTO job_worker (pandaid, attemptnr, harvesterid, workerid) VALUES (1, 1, 'h', 1)""",
    7: """INSERT INTO job_debug (pandaid, command, askedby) VALUES (1, 'ps -ef', 'alice');
          INSERT INTO user_secret (anchor, subject, name, sealed) VALUES ('ca', 'alice', 'token', '\\x00')""",
    8: "SELECT 1",
    9: """INSERT INTO account (label, roles) VALUES ('alice', '{pilot}');
           INSERT INTO account_identity (anchor, subject, account, linkedby) SELECT 'ca', 'alice', id, 'root' FROM account;
           INSERT INTO link_code (digest, anchor, subject, expires) VALUES ('x', 'ca', 'alice', now());
           INSERT INTO ban (subject, reason, bannedby) VALUES ('bob', 'why', 'root');
           INSERT INTO pilot_credential (kind, name, role, sealed, putby) VALUES ('token', 'client', '', '\\x00', 'root');
           INSERT INTO audit (who, anchor, host, act, target, why) VALUES ('root', '', 'h', 'ban', 'bob', 'why')""",
    10: "INSERT INTO token_denial (issuer, kind, value, reason, deniedby) VALUES ('https://x/', 'jti', '1', 'stolen', 'root')",
    11: """INSERT INTO endpoint (name, description, source) VALUES ('DISK', '{}', '/ddm.json');
            INSERT INTO link (src, dst, distance, source) VALUES ('DISK', 'TAPE', 3, '/links.json');
            INSERT INTO source (kind, address) VALUES ('queues', 'https://cric/')""",
    12: """INSERT INTO tally_delta (queue, jobstatus, jobs, cores) VALUES ('Q', 'activated', 1, 1);
           INSERT INTO queue_end (bucket, queue, started, finished, failed, fast) VALUES (now(), 'Q', 1, 0, 1, 1);
           INSERT INTO queue_cause (bucket, queue, cause, jobs) VALUES (now(), 'Q', 'pilot:1137', 1);
           INSERT INTO task_usage (jeditaskid, quantity, bucket, jobs, used) VALUES (1, 'memory', 40, 1, now());
           INSERT INTO pilot_call (bucket, queue, asked, served, heard) VALUES (now(), 'Q', 1, 1, 1);
           INSERT INTO pilot_refusal (bucket, queue, criterion, calls) VALUES (now(), 'Q', 'memory', 1);
           INSERT INTO pilot_last (queue, asked) VALUES ('Q', now());
           INSERT INTO pilot_request (queue, process, at, requests) VALUES ('Q', 'host:1:x', now(), '[]')""",
    13: """INSERT INTO decision (digest, verdicts) VALUES (md5('x')::uuid, '{"ok": {"Q": 1}, "no": []}');
           UPDATE job_decision SET verdicts = NULL, decision = 1;
           INSERT INTO queue_brake (queue, why, until) VALUES ('Q', 'why', now())""",
    14: """INSERT INTO line_end (bucket, queue, line, started, finished, fast) VALUES (now(), 'Q', 1, 1, 0, 1);
            INSERT INTO queue_change (times) VALUES (1);
            INSERT INTO task_scout (jeditaskid, jobs) VALUES (1, '{1}')""",
    15: """INSERT INTO errand (kind, key, subject, step, payload) VALUES ('close dataset', 'a:b', 'a:b', 30, '{}');
           INSERT INTO dataset (scope, name) VALUES ('a', 'b');
           INSERT INTO dataset_job (dataset, pandaid) SELECT id, 1 FROM dataset;
           INSERT INTO shipment (scope, name, endpoint, activity, comment) VALUES ('a', 'b_sub01', 'DISK', 'Express', '');
           INSERT INTO shipment_file (shipment, row_id, pandaid) SELECT id, 1, 1 FROM shipment""",
    16: """INSERT INTO placement (scope, name, endpoint, activity, files, bytes)
               VALUES ('panda', 'x_dis001', 'DISK', 'Express', 1, 5);
           INSERT INTO placement_file (endpoint, scope, lfn, placement) SELECT 'DISK', 'user.alice', 'in', id FROM placement;
           INSERT INTO placement_job (pandaid, placement) SELECT 1, id FROM placement""",
    17: "INSERT INTO state_past (queue, bucket, jobstatus, jobs) VALUES ('Q', now(), 'running', 1)",
    18: """INSERT INTO task (jeditaskid, taskname, uniquetaskname, status, owneranchor, ownersubject, username, vo,
                             prodsourcelabel, currentpriority, production, creationhost, parameters, digest)
               VALUES (nextval('task_jeditaskid'), 'user.alice.x/', true, 'running', 'ca', 'alice', 'alice', 'wlcg', 'user',
                       1000, false, '', '{}', 'x');
           INSERT INTO task_event (jeditaskid, event, tostatus, actor, who)
               SELECT jeditaskid, 'submitted', 'registered', 'user', 'alice' FROM task;
           INSERT INTO task_dataset (jeditaskid, type, name, container) SELECT jeditaskid, 'input', 'a', 'a' FROM task;
           INSERT INTO task_file (dataset, scope, lfn, status) SELECT id, 'user.alice', 'in', 'ready' FROM task_dataset;
           INSERT INTO task_job (pandaid, jeditaskid, kind, round) SELECT 1, jeditaskid, 'run', 1 FROM task""",
    19: """INSERT INTO cache_file (name, anchor, subject, bytes, crc, digest, host)
               VALUES ('jobO.x.tar.gz', 'ca', 'alice', 5, 7, sha256('x'), 'h')""",
    20: """INSERT INTO sub_dataset (shipment, dataset, name, endpoint, lasting)
               SELECT 7, id, 'b_sub07', 'DISK', false FROM dataset;
           UPDATE dataset SET kept = '{DISK}';
           UPDATE shipment SET lasting = true""",
    21: """INSERT INTO avoidance (pandaid, queue, until, why) VALUES (1, 'Q', now(), 'its input is stuck');
           UPDATE errand SET obstacle = 'quota'""",
    22: "UPDATE dataset SET nomore = true",
    23: """INSERT INTO task_dataset (jeditaskid, type, name, container) SELECT jeditaskid, 'secondary', 'b', 'b' FROM task;
           INSERT INTO task_file (dataset, scope, lfn, status, part_of, startevent, nevents, firstevent)
               SELECT id, 'user.alice', 'in:5', 'finished', 'in', 5, 7, 5 FROM task_dataset WHERE type = 'secondary'""",
    24: """INSERT INTO harvester (id) VALUES ('h');
           UPDATE worker SET told = '{}';
           INSERT INTO worker_count (harvesterid, queue, jobtype, resourcetype, status, workers)
               VALUES ('h', 'Q', 'user', 'SCORE', 'running', 5);
           INSERT INTO harvester_note (harvesterid, kind, key, note) VALUES ('h', 'dialog', '1', '{}');
           INSERT INTO harvester_command (harvesterid, command, params) VALUES ('h', 'KILL_WORKERS:Q', '{}')""",
}
"""For each migration rows of every table that it makes, so that the next one meets data."""


@async_yield_fixture
async def empty(postgres: EmbeddedPostgres) -> AsyncIterator[DatabaseConfig]:
    """A database without anything in it."""
    name = f"migrate_{next(_numbers)}"
    await postgres.create_database(name)
    yield DatabaseConfig(dsn=postgres.dsn_of(name))
    admin = await observe(DatabaseConfig(dsn=postgres.dsn))
    await admin.rows(f"DROP DATABASE {name} WITH (FORCE)")
    admin.link.close()


@async_yield_fixture
async def blank(empty: DatabaseConfig) -> AsyncIterator[Store]:
    """A store on it."""
    made = Store(reactor, empty)
    yield made
    await made.close()


def dump(config: DatabaseConfig) -> str:
    """The schema as PostgreSQL writes it down."""
    command = [str(pg_bin_dir() / "pg_dump"), "--schema-only", "--no-owner", "--dbname", config.dsn]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return "\n".join(line for line in text.splitlines() if line and not line.startswith(("--", "\\")))


def upgrade(store: Store, migrations: list[Migration] | None = None) -> Deferred[int]:
    """Bring the database of that store to the newest of these; how many were applied."""
    return store.transact("upgrade", migrate.upgrade, migrations)


@ensureDeferred
async def test_from_empty_to_newest(blank: Store) -> None:
    """All migrations are applied once and recorded; a second run finds nothing to do."""
    known = migrate.known()
    assert await blank.transact("standing", migrate.standing) == Standing(0, len(known))
    assert await upgrade(blank) == len(known)
    assert await blank.transact("standing", migrate.standing) == Standing(len(known), len(known))
    assert await upgrade(blank) == 0


@ensureDeferred
async def test_two_at_once(blank: Store, empty: DatabaseConfig) -> None:
    """Of two processes that upgrade at the same time one does all of the work, and the other finds it done."""
    other = Store(reactor, empty)
    assert sorted(await gatherResults([upgrade(blank), upgrade(other)])) == [0, len(migrate.known())]
    await other.close()


@ensureDeferred
async def test_upgraded_equals_fresh(blank: Store, empty: DatabaseConfig, database: DatabaseConfig) -> None:
    """A database that came up version by version, with data at each, has the schema of one made at once."""
    known = migrate.known()
    assert set(ROWS) == {m.number for m in known}, "a migration has no rows here that the next one must cope with"
    for number in range(1, len(known) + 1):
        assert await upgrade(blank, known[:number]) == 1
        await blank.transact("rows", run, ROWS[number])
    assert dump(empty) == dump(database)


@ensureDeferred
async def test_jobs_that_were_there_are_counted(blank: Store) -> None:
    """The counters begin with the jobs of a database that had none."""
    known = migrate.known()
    before = [m for m in known if m.name < "0012"]
    assert await upgrade(blank, before) == len(before)
    await blank.transact("rows", run, """
        INSERT INTO job (pandaid, jobstatus, owneranchor, ownersubject, line, computingsite, corecount, prodsourcelabel, endtime)
        SELECT n, (ARRAY['defined', 'activated', 'finished'])[1 + n % 3]::job_status, 'ca', 'alice', 1, 'Q', 2, 'user', now()
        FROM generate_series(1, 30) AS n""")
    assert await upgrade(blank) == len(known) - len(before)
    counted = "SELECT queue, jobstatus, label, resource_type, jobs, cores FROM tally_now ORDER BY jobstatus"
    assert await blank.transact("counted", rows, counted) == [
        ("Q", "defined", "user", "", 10, 20), ("Q", "activated", "user", "", 10, 20)]


@ensureDeferred
async def test_queues_stay_as_they_were(blank: Store) -> None:
    """Descriptions are kept whole when they become texts; what an operator had set is his word, beside the description's."""
    known = migrate.known()
    await upgrade(blank, known[:10])
    text = '{"nickname": "%s", "status": "test", "odd": [1, 1.50, "ü", null]}'
    await blank.transact("rows", run, f"""
        INSERT INTO queue (name, description, status, reason, changedby) VALUES
            ('A', '{text % "A"}', 'test', NULL, 'root'), ('B', '{text % "B"}', 'offline', 'down', 'alice')""")
    await upgrade(blank, known[:11])
    look = "SELECT name, description, status, override, reason, setby, source FROM queue ORDER BY name"
    found = await blank.read("all", rows, look)
    assert [(name, json.loads(description)["odd"], *rest) for name, description, *rest in found] == [
        ("A", [1, 1.5, "ü", None], "test", None, None, None, None),
        ("B", [1, 1.5, "ü", None], "test", "offline", "down", "alice", None)]


@ensureDeferred
async def test_lists_of_queues_become_limits(blank: Store) -> None:
    """A job that waited for one of several queues is limited to them, stands at none, and is counted so; a pin stays one."""
    known = migrate.known()
    await upgrade(blank, known[:13])
    await blank.transact("rows", run, """
        WITH l AS (
            INSERT INTO line (digest, prodsourcelabel, job_label, processingtype, resource_type, minramcount, maxdiskcount,
                maxwalltime, corecount, jeditaskid, workinggroup, countrygroup, owneranchor, ownersubject, produsername)
            VALUES (md5('x')::uuid, 'user', '', '', '', 0, 0, 0, 1, 0, '', '', 'ca', 'alice', '') RETURNING id),
        j AS (
            INSERT INTO job (pandaid, jobstatus, owneranchor, ownersubject, line, computingsite, relocationflag, avoided)
            SELECT n, 'defined', 'ca', 'alice', id, q, 1, '{BAD}' FROM l, (VALUES (1, 'A,B*'), (2, 'A'), (3, 'S*')) AS v(n, q)
            RETURNING 1)
        INSERT INTO tally SELECT q, 'defined', '', '', 1, 1 FROM (VALUES ('A,B*'), ('A'), ('S*')) AS v(q)""")
    await upgrade(blank)
    assert await blank.read("jobs", rows, "SELECT computingsite, relocationflag, avoided FROM job ORDER BY pandaid") == [
        (None, 0, ["BAD", "!A", "!B*"]), ("A", 1, ["BAD"]), (None, 0, ["BAD", "!S*"])]
    counted = "SELECT queue, jobs FROM tally_now ORDER BY queue"
    assert await blank.read("counted", rows, counted) == [("", 2), ("A", 1)]


@ensureDeferred
async def test_failing_migration_leaves_nothing(blank: Store) -> None:
    """If one migration of several fails, none is applied."""
    broken = [*migrate.known()[:1], Migration(2, "0002_broken.sql", "CREATE TABLE half (); SELECT no_such_function()")]
    with pytest.raises(Exception, match="no_such_function"):
        await upgrade(blank, broken)
    assert await blank.transact("tables", rows, "SELECT to_regclass('job'), to_regclass('half')") == [(None, None)]
    assert await upgrade(blank) == len(migrate.known())


@ensureDeferred
async def test_changed_file_is_refused(store: Store) -> None:
    """A migration that was edited after it had been applied is an error that names it."""
    first, *rest = migrate.known()
    with pytest.raises(SchemaError, match="0001_jobs.sql was changed"):
        await upgrade(store, [replace(first, text=first.text + "\n"), *rest])


@ensureDeferred
async def test_newer_database_is_refused(store: Store) -> None:
    """An older pandad does not touch a database that a newer one has upgraded, and says what to do."""
    with pytest.raises(SchemaError, match="install a newer pandad"):
        await upgrade(store, migrate.known()[:FIRST_RELEASE - 1])


def later(count: int, word: str) -> list[Migration]:
    """So many migrations of versions to come, which say this of older pandads."""
    first = len(migrate.known()) + 1
    text = f"-- What is new.\n-- Older pandads: {word}\nCREATE TABLE later"
    return [Migration(number, f"{number:04}_later.sql", f"{text}{number} ();")
            for number in range(first, first + count)]


@ensureDeferred
async def test_a_newer_database_that_an_older_pandad_can_work_with(store: Store) -> None:
    """It finds nothing to do, and serves; when one of the migrations beyond says that it cannot, it does not."""
    known = migrate.known()
    tolerated = later(2, "work on")
    assert await upgrade(store, [*known, *tolerated]) == 2
    assert await store.transact("standing", migrate.standing) == Standing(len(known) + 2, len(known), 2, True)
    assert await upgrade(store) == 0
    refused = Migration(len(known) + 3, "stop.sql", "-- Older pandads: stop, they would lose jobs\nCREATE TABLE stop ();")
    await upgrade(store, [*known, *tolerated, refused])
    assert not (await store.transact("standing", migrate.standing)).serves
    with pytest.raises(SchemaError, match=f"has schema {len(known) + 3}, this pandad knows {len(known)} and cannot work on it"):
        await upgrade(store)


@ensureDeferred
async def test_a_ledger_without_words(blank: Store) -> None:
    """One that an earlier pandad made is read as it is, and gets a place for them with the next upgrade."""
    known = migrate.known()
    await upgrade(blank, known[:2])
    await blank.transact("forget", run, "ALTER TABLE schema_version DROP COLUMN tolerated")
    assert await blank.transact("standing", migrate.standing, known[:1]) == Standing(2, 1, 1, False)
    assert await upgrade(blank, [*known[:2], Migration(3, "0003_x.sql", "-- Older pandads: work on\nSELECT 1")]) == 1
    assert await blank.transact("standing", migrate.standing, known[:2]) == Standing(3, 2, 1, True)


def test_every_migration_says_whether_older_pandads_work_on() -> None:
    """In its head, with a reason if they cannot; and what it is for."""
    assert [m.name for m in migrate.known() if not m.says or (m.number > FIRST_RELEASE and not m.word)] == []


def test_what_a_migration_says() -> None:
    """The comment at its head, but for that word."""
    text = "-- Tasks, and\n-- their files.\n-- Older pandads: stop, they know no tasks\n\n-- A table.\nCREATE TABLE t ();"
    m = Migration(9, "x", text)
    assert (m.says, m.word, m.tolerated) == ("Tasks, and their files.", "stop, they know no tasks", False)
    assert Migration(9, "x", "CREATE TABLE t ();\n-- Older pandads: work on\n").tolerated is False


@ensureDeferred
async def test_states_are_the_enum(observer: Observer) -> None:
    """The database knows the states of spec/jobstatus.py, in their order, and no others."""
    assert await observer.rows("SELECT s::text FROM unnest(enum_range(NULL::job_status)) AS s") == [(s.value,) for s in JobStatus]


TYPES: dict[type, set[str]] = {
    int: {"integer", "bigint"},
    float: {"double precision"},
    str: {"text"},
    datetime: {"timestamp with time zone"},
    JobStatus: {"USER-DEFINED"},
}
ELSEWHERE = {"jobparameters", "metadata"}
SET_BY_DATABASE = {"pandaid", "row_id", "creationtime", "modificationtime", "statechangetime"}


async def columns(observer: Observer, table: str) -> dict[str, tuple[Any, ...]]:
    """Column name to (type, whether it may be NULL)."""
    found = await observer.rows(
        "SELECT column_name, data_type, is_nullable = 'YES' FROM information_schema.columns WHERE table_name = %(table)s",
        table=table,
    )
    return {name: (kind, nullable) for name, kind, nullable in found}


def fits(attribute: Attribute, column: tuple[Any, ...]) -> bool:
    """Whether the column can hold what the attribute may be."""
    kind, nullable = column
    return kind in TYPES[attribute.kind] and (nullable or not attribute.nullable or attribute.column in SET_BY_DATABASE)


@ensureDeferred
async def test_job_has_a_column_for_every_attribute(observer: Observer) -> None:
    """Every JobSpec attribute has a column of its kind: in job, or in job_text for the two long texts."""
    job, texts = await columns(observer, "job"), await columns(observer, "job_text")
    unfit = [
        a.name for a in JOB_ATTRIBUTES if not fits(a, (texts if a.column in ELSEWHERE else job).get(a.column, ("none", True)))
    ]
    assert unfit == [] and len(JOB_ATTRIBUTES) == 126


@ensureDeferred
async def test_file_has_a_column_for_every_attribute(observer: Observer) -> None:
    """Every FileSpec attribute has a column of its kind; what the schema makes mandatory every submission brings."""
    file = await columns(observer, "file")
    unfit = [a.name for a in FILE_ATTRIBUTES if not fits(a, file.get(a.column, ("none", True)))]
    assert set(unfit) == {"lfn", "type", "status"} and len(FILE_ATTRIBUTES) == 22
