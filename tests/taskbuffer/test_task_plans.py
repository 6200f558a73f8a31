"""The plans of the statements about tasks, where there are twenty thousand of these with a million files, and one has many."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import UTC, datetime

import pytest
from pytest_twisted import blockon, ensureDeferred
from taskworld import parameters
from twisted.internet import reactor
from twisted.internet.defer import Deferred

from pandad.config import DatabaseConfig, JediConfig
from pandad.embedded.postgres import EmbeddedPostgres
from pandad.jedi.refiner import refine
from pandad.spec.caller import Identity
from pandad.spec.task import Input, KnownFile
from pandad.spec.taskstatus import Kind, TaskEvent
from pandad.taskbuffer import datasets, taskfiles, tasks, taskviews, taskwork
from pandad.taskbuffer.store import Store, Transaction
from pandad.taskbuffer.taskfiles import Made
from pandad.taskbuffer.taskviews import Wanted

from .explaining import MODES, Explain, explained_by
from .observing import Observer, observe

TASKS, FILES_EACH, JOBS_EACH = 20_000, 45, 10
LARGE, SMALL = 10_000_001, 10_015_000  # the one with a hundred datasets of a thousand files; one of the others
OWNER = Identity("ca", "user7")
LOAD = f"""
    SET session_replication_role = replica;  -- no look at each foreign key: what is made here fits together
    INSERT INTO task (jeditaskid, taskname, uniquetaskname, status, owneranchor, ownersubject, username, vo, prodsourcelabel,
                      currentpriority, production, creationhost, parameters, digest, parent_tid, nextcheck, modificationtime)
        SELECT 10000000 + n, 't' || n, true, CASE WHEN n % 4 = 0 THEN 'done' ELSE 'running' END::task_status, 'ca',
               'user' || n % 500, 'user', 'vo', 'user', 1000, false, 'h', '{{}}', '',
               CASE WHEN n % 10 = 0 THEN 10000000 + n - 1 END, now() - make_interval(secs => n % 7919),
               now() - make_interval(secs => n)
        FROM generate_series(1, {TASKS}) n;
    INSERT INTO task_dataset (jeditaskid, type, name, container)
        SELECT 10000000 + n, t, 'd' || n || t, 'c' || n || t
        FROM generate_series(1, {TASKS}) n, unnest(ARRAY['input', 'output', 'log', 'lib']) t;
    INSERT INTO task_dataset (jeditaskid, type, name, container)
        SELECT {LARGE}, 'input', 'large' || n, 'large' FROM generate_series(1, 100) n;
    INSERT INTO task_file (dataset, scope, lfn, status, pandaid, chunk)
        SELECT d.id, 'user', 'f' || n, (ARRAY['ready', 'ready', 'running', 'finished', 'failed'])[1 + n % 5],
               CASE WHEN n % 5 > 1 THEN (d.jeditaskid - 10000000) * {JOBS_EACH} + n % {JOBS_EACH} END,
               CASE WHEN n % 5 > 0 THEN n END
        FROM task_dataset d, generate_series(1, CASE WHEN d.container = 'large' THEN 1000 ELSE {FILES_EACH} END) n
        WHERE d.type = 'input';
    INSERT INTO task_file (dataset, scope, lfn, status, pandaid)
        SELECT d.id, 'user', d.name || n, 'finished', (d.jeditaskid - 10000000) * {JOBS_EACH} + n
        FROM task_dataset d, generate_series(1, 2) n WHERE d.type <> 'input';
    INSERT INTO task_job (pandaid, jeditaskid, kind, round, ended)
        SELECT n * {JOBS_EACH} + j, 10000000 + n, 'run', 1,
               CASE WHEN j > 4 OR n % 4 = 0 THEN (ARRAY['finished', 'failed']::job_status[])[1 + j % 2] END
        FROM generate_series(1, {TASKS}) n, generate_series(0, {JOBS_EACH} - 1) j;
    INSERT INTO task_event (jeditaskid, event, tostatus, actor, who)
        SELECT jeditaskid, 'submitted', 'registered', 'user', 'x' FROM task, generate_series(1, 3);
    INSERT INTO job (pandaid, line, jobstatus, owneranchor, ownersubject, jeditaskid)
        SELECT pandaid, 1, 'defined', 'ca', 'x', jeditaskid FROM task_job WHERE ended IS NULL;
    INSERT INTO file (pandaid, lfn, type, status, dataset, destinationdblock)
        SELECT pandaid, 'out', 'output', 'ready', 'd', 'd' FROM job;
    INSERT INTO dataset (scope, name) SELECT 'user', 'd' || n FROM generate_series(1, {TASKS}) n"""


async def _load(postgres: EmbeddedPostgres, template: str) -> Observer:
    admin = await observe(DatabaseConfig(dsn=postgres.dsn))
    await admin.rows(f"CREATE DATABASE task_plans TEMPLATE {template}")
    admin.link.close()
    observer = await observe(DatabaseConfig(dsn=postgres.dsn_of("task_plans"), statement_timeout_s=300))
    await observer.rows(LOAD)
    await observer.rows("VACUUM ANALYZE")  # as autovacuum does on a live system
    return observer


@pytest.fixture(scope="module")
def big(postgres: EmbeddedPostgres, template: str) -> Iterator[Store]:
    """A store on the big tables."""
    observer = blockon(Deferred.fromCoroutine(_load(postgres, template)))
    store = Store(reactor, DatabaseConfig(dsn=postgres.dsn_of("task_plans"), statement_timeout_s=20))
    yield store
    blockon(Deferred.fromCoroutine(store.close()))
    observer.link.close()


@pytest.fixture(params=MODES)
def explain(big: Store, request: pytest.FixtureRequest) -> Explain:
    """How PostgreSQL does it."""
    return explained_by(big, request.param)


SPEC = refine(parameters(), JediConfig())
MANY = [Made(n, n, range(n * 10, n * 10 + 10)) for n in range(1, 1001)]
NEW = [KnownFile("user", f"new{n}") for n in range(10_000)]
ENDED = {"task_id": SMALL, "ids": list(range(150_000, 150_005)), "ends": ["finished"] * 5}
BODIES: Mapping[str, Callable[[Transaction], Awaitable[object]]] = {
    "add": lambda txn: taskfiles.add(txn, SMALL, Input(("x",)), [("d15000input", NEW)], second=False),
    "add to many": lambda txn: taskfiles.add(txn, LARGE, Input(("x",)), [("large7", NEW)], second=False),
    "add counted": lambda txn: txn.many(
        taskfiles._ADD_COUNTED, task_id=SMALL, type="input", per_file=7, skip_empty=False, step=5, most_events=0,
        most_parts=50_000, cut_at=None, **taskfiles._wish(Input(("x",)), [("d15000input", NEW)])),
    "places": lambda txn: taskfiles.places(txn, SMALL, [1, 2]),
    "held": lambda txn: txn.many(taskfiles._HELD, task_id=SMALL, containers=["c15000input"]),
    "at": lambda txn: taskfiles.at(txn, SMALL, ["c15000input"], [1, 2]),
    "recount": lambda txn: taskfiles.recount(txn, SMALL),
    "figures": lambda txn: txn.many(taskfiles._FIGURES, task_id=SMALL),
    "again": lambda txn: txn.many(taskfiles._AGAIN, task_id=LARGE, chunks=20),
    "fresh": lambda txn: txn.many(taskfiles._FRESH, task_id=LARGE, files=1000),
    "library": lambda txn: taskfiles.library(txn, SMALL),
    "builds": lambda txn: taskfiles.builds(txn, SMALL, 1),
    "take": lambda txn: txn.run(taskfiles._TAKE, files=[f for m in MANY for f in m.files], ids=[1] * 10_000, chunks=[1] * 10_000),
    "made": lambda txn: taskfiles.made(txn, SMALL, 1, 5, [Made(10**9 + n, n, ()) for n in range(1000)], Kind.RUN),
    "ended": lambda txn: txn.many(taskfiles._ENDED, task_id=SMALL, limit=1000),
    "settle": lambda txn: txn.run(taskfiles._SETTLE, **ENDED),
    "try failed": lambda txn: txn.run(taskfiles._AGAIN_READY, task_id=SMALL),
    "last failed": lambda txn: taskfiles.last_failed(txn, SMALL),
    "open": lambda txn: taskfiles.open_jobs(txn, SMALL),
    "due": lambda txn: taskwork.due(txn, 50, 1000),
    "defer": lambda txn: taskwork.defer(txn, [SMALL, LARGE], 5),
    "find": lambda txn: tasks.find(txn, SMALL),
    "lock": lambda txn: tasks.lock(txn, SMALL),
    "lock named": lambda txn: tasks.lock_named(txn, OWNER, SPEC),
    "repeated": lambda txn: tasks.repeated(txn, OWNER, "t7", "x"),
    "happen": lambda txn: tasks.happened(txn, SMALL, TaskEvent.ALL_PROCESSED, who="x"),
    "children": lambda txn: txn.run(tasks._CHILDREN, task_id=SMALL),
    "view": lambda txn: taskviews.find(txn, SMALL),
    "own": lambda txn: taskviews.listed(txn, Wanted(owners={OWNER}, since=datetime(2020, 1, 1, tzinfo=UTC)), 100),
    "jobs": lambda txn: taskviews.job_ids(txn, SMALL, 1000),
    "unsuccessful": lambda txn: taskviews.job_ids(txn, SMALL, 1000, unsuccessful=True),
    "datasets": lambda txn: taskviews.datasets(txn, SMALL),
    "files": lambda txn: taskviews.files(txn, [1, 2, 3], 1000),
    "statistics": lambda txn: taskviews.statistics(txn, SMALL),
    "at work": lambda txn: taskviews.at_work(txn, SMALL),
    "events": lambda txn: taskviews.events(txn, SMALL),
    "written": lambda txn: txn.many(taskviews._WRITTEN, container="c15000output"),
    "is written": lambda txn: txn.many(taskviews._IS_WRITTEN, container="c15000output"),
    "no more": lambda txn: datasets.no_more(txn, [("user", "d1"), ("user", "d2")]),
}


@pytest.mark.parametrize("what", BODIES)
@ensureDeferred
async def test_no_table_is_read_from_end_to_end(explain: Explain, what: str) -> None:
    """What is asked of one task, or of those that are due, is found by indexes, however many others there are."""
    assert (await explain(BODIES[what])).whole_tables() == set()


@ensureDeferred
async def test_what_waits_for_a_job(explain: Explain) -> None:
    """Of a task with a hundred thousand files no more are read than go into the next jobs: those of the chunks that were made
    before, and of the others the first ones of each dataset."""
    plan = await explain(lambda txn: txn.many(taskfiles._FRESH, task_id=LARGE, files=1000))
    assert plan.indexes() <= {"task_dataset_once", "task_file_status"}
    assert plan.read("task_file_status") <= 110_000


@ensureDeferred
async def test_due(explain: Explain) -> None:
    """Those that wait longest, and of each its own open jobs."""
    plan = await explain(lambda txn: taskwork.due(txn, 50, 1000))
    assert plan.read("task_due") <= 2 * 50 and plan.read("task_job_open") <= 50 * JOBS_EACH


@ensureDeferred
async def test_ten_thousand_files_into_jobs(big: Store) -> None:
    """Each is found once, not compared with all of the others."""
    files = [f for m in MANY for f in m.files]
    plan = await explained_by(big, "generic")(lambda txn: txn.run(taskfiles._TAKE, files=files, ids=files, chunks=files))
    assert plan.indexes() == {"task_file_pkey"} and plan.read("task_file_pkey") <= 2 * len(files)
