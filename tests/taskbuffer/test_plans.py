"""The plans of the hot statements on a big table: by their index, without sorting or reading what they do not return."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from factories import a_line, a_pilot
from pytest_twisted import blockon, ensureDeferred
from twisted.internet import reactor
from twisted.internet.defer import Deferred

from pandad.config import DatabaseConfig
from pandad.embedded.postgres import EmbeddedPostgres
from pandad.spec.caller import Identity
from pandad.spec.file import FileName
from pandad.spec.jobstatus import IN_SLOT, Actor, Event, JobStatus
from pandad.taskbuffer import (
    avoidance,
    carriage,
    claims,
    datasets,
    decisions,
    deferrals,
    demand,
    facts,
    joblist,
    jobs,
    moves,
    outbox,
    ownjobs,
    past,
    people,
    placements,
    places,
    shipments,
    subdatasets,
    tasklist,
    worklists,
)
from pandad.taskbuffer.claims import Wanted
from pandad.taskbuffer.joblist import Place, Wish
from pandad.taskbuffer.moves import Change
from pandad.taskbuffer.store import Store, Transaction
from pandad.taskbuffer.tasklist import TaskWish

from .explaining import MODES, Explain, explained_by
from .observing import Observer, observe

S = JobStatus
PLACED = {"computingSite": "Q3", "brokerageErrorCode": 0, "brokerageErrorDiag": None}

# A million live jobs, most of which wait, as on a busy hub.
STATES = [S.ACTIVATED] * 10 + [S.DEFINED, S.RUNNING, S.HOLDING] * 2 + [S.ASSIGNED, S.WAITING, S.SENT, S.STARTING]
JOBS, QUEUES = 1_000_000, 20
LOAD = f"""
    SET session_replication_role = replica;  -- no look at each foreign key: what is made here fits together
    INSERT INTO line (digest, prodsourcelabel, job_label, processingtype, resource_type, minramcount, maxdiskcount, maxwalltime,
                      corecount, jeditaskid, workinggroup, countrygroup, owneranchor, ownersubject, produsername)
    SELECT md5(u || ' ' || m)::uuid, 'user', '', '', 'SCORE', 1000 + m * 500, 0, 0, 1, 0, '', '', 'ca', 'user' || u, ''
    FROM generate_series(0, 49) AS u, generate_series(0, 7) AS m;
    INSERT INTO job (pandaid, line, jobstatus, computingsite, currentpriority, minramcount, corecount, prodsourcelabel,
                     holdersubject, holderanchor, endtime, reportedstatus, owneranchor, ownersubject, nextcheck, jobname,
                     transformation, resource_type, statechangetime, brokerageerrorcode)
    SELECT n, (SELECT id FROM line l WHERE l.digest = md5(n % 50 || ' ' || n / 400 % 8)::uuid), s,
           CASE WHEN s <> 'defined' THEN 'Q' || n % {QUEUES} END, n % 1000 * 7919 % 1000, 1000 + n / 400 % 8 * 500, 1, 'user',
           'pilot', 'ca', CASE WHEN s = 'finished' THEN now() END,
           CASE WHEN s = 'holding' AND n % 3 <> 0 THEN 'finished'::job_status END, 'ca', 'user' || n % 50,
           now() - make_interval(secs => n % 1000), 'job ' || n, 'run.sh', 'SCORE', now() - make_interval(secs => n / 100),
           CASE WHEN s = 'defined' AND n / 50 % 2 = 0 THEN 102 ELSE 0 END
    FROM generate_series(1, {JOBS}) AS n,
         LATERAL (SELECT (ARRAY[{", ".join(f"'{s}'" for s in STATES)}])[1 + n / {QUEUES} % {len(STATES)}]::job_status AS s) AS l;
    INSERT INTO job_text (pandaid, jobparameters) SELECT pandaid, '--in x' FROM job;
    INSERT INTO file (pandaid, lfn, type, status) SELECT pandaid, 'out', 'output', 'defined' FROM job;
    INSERT INTO job_report (pandaid, attemptnr, outcome, outputreport) SELECT pandaid, attemptnr, 'finished', '' FROM job
        WHERE jobstatus = 'holding';
    INSERT INTO job_event (pandaid, event, tostatus, attemptnr, actor, who)
        SELECT pandaid, 'submitted', 'defined', 1, 'user', 'x' FROM job;
    INSERT INTO dataset (scope, name, nextcheck)
        SELECT 'user', 'd' || n, now() - make_interval(secs => n) FROM generate_series(1, 2000) n;
    INSERT INTO dataset_job (dataset, pandaid) SELECT 1 + n % 2000, n FROM generate_series(1, 100000) n;
    INSERT INTO shipment (scope, name, endpoint, activity, comment, rule, nextcheck)
        SELECT 'user', 's' || n, 'DISK', 'Express', '', md5(n::text), now() - make_interval(secs => n)
        FROM generate_series(1, 2000) n;
    INSERT INTO sub_dataset (shipment, dataset, name, endpoint, lasting, made)
        SELECT 10000 + n, n, 'd' || n || '_sub0', 'DISK', false, true FROM generate_series(1, 2000) n;
    INSERT INTO shipment_file (shipment, row_id, pandaid)
        SELECT 1 + n % 2000, f.row_id, n FROM generate_series(1, 20000) n JOIN file f ON f.pandaid = n;
    INSERT INTO errand (kind, key, subject, step, payload, due)
        SELECT 'close dataset', n, 'd' || n / 2, n % 2, '{{}}', now() - make_interval(secs => n)
        FROM generate_series(1, 20000) n;
    INSERT INTO placement (scope, name, endpoint, activity, status, files, bytes, rule, nextcheck)
        SELECT 'panda', 'p' || n, 'D' || n % 20, 'Express', 'moving', 20, 20, md5(n::text), now() - make_interval(secs => n)
        FROM generate_series(1, 2000) n;
    INSERT INTO errand (kind, key, subject, step, payload, due, obstacle)
        SELECT 'dispatch', n, 'p' || n, 0, '{{}}', now() + interval '1 min', 'quota' FROM generate_series(1, 10) n;
    INSERT INTO avoidance (pandaid, queue, until, why)
        SELECT n, 'Q7', now() - make_interval(secs => n), 'stuck' FROM generate_series(1, 20000) n;
    INSERT INTO placement_file (endpoint, scope, lfn, placement)
        SELECT 'D' || n % 20, 'user', 'f' || n, 1 + (n + 1999) % 2000 FROM generate_series(1, 40000) n;
    INSERT INTO placement_job (pandaid, placement) SELECT n, 1 + n % 2000 FROM generate_series(1, 100000) n;
    INSERT INTO task (jeditaskid, taskname, uniquetaskname, status, owneranchor, ownersubject, username, vo, prodsourcelabel,
                      currentpriority, production, creationhost, parameters, digest)
        SELECT 10000000 + n, 't' || n, true, 'running', 'ca', 'user' || n % 50, 'user', 'vo', 'user', 1000, false, 'h', '{{}}', ''
        FROM generate_series(1, 20000) n;
    INSERT INTO task_dataset (jeditaskid, type, name, container)
        SELECT 10000000 + n, 'input', 'd', 'd' FROM generate_series(1, 20000) n;
    INSERT INTO task_job (pandaid, jeditaskid, kind, round)
        SELECT n, 10000001 + n % 4, 'run', 1 FROM generate_series(1, 200000) n;
    INSERT INTO state_past (queue, bucket, jobstatus, jobs)
        SELECT CASE WHEN q = 0 THEN '' ELSE 'Q' || q END, date_bin('10 min', now(), 'epoch') - n * interval '10 min', s, 5
        FROM generate_series(0, {QUEUES}) q, generate_series(0, 400) n,
             unnest(ARRAY['running', 'activated', 'defined']::job_status[]) s;
    INSERT INTO queue_end (queue, bucket, started, finished, failed, fast)
        SELECT 'Q' || q, date_bin('5 min', now(), 'epoch') - n * interval '5 min', 5, 4, 1, 0
        FROM generate_series(1, {QUEUES}) q, generate_series(0, 800) n"""


async def _load(postgres: EmbeddedPostgres, template: str) -> Observer:
    admin = await observe(DatabaseConfig(dsn=postgres.dsn))
    await admin.rows(f"CREATE DATABASE plans TEMPLATE {template}")
    admin.link.close()
    observer = await observe(DatabaseConfig(dsn=postgres.dsn_of("plans"), statement_timeout_s=300))
    await observer.rows(LOAD)
    await observer.rows("INSERT INTO tally SELECT * FROM tally_scan")
    await observer.rows("VACUUM ANALYZE")  # as autovacuum does on a live system
    return observer


@pytest.fixture(scope="module")
def big(postgres: EmbeddedPostgres, template: str) -> Iterator[Store]:
    """A store on the big table."""
    observer = blockon(Deferred.fromCoroutine(_load(postgres, template)))
    store = Store(reactor, DatabaseConfig(dsn=postgres.dsn_of("plans")))
    yield store
    blockon(Deferred.fromCoroutine(store.close()))
    observer.link.close()


@pytest.fixture(params=MODES)
def explain(big: Store, request: pytest.FixtureRequest) -> Explain:
    """How PostgreSQL does it."""
    return explained_by(big, request.param)


@ensureDeferred
async def test_waiting(explain: Explain) -> None:
    """What waits is read from the heads of the lines, by job_activated, and little more than is returned."""
    plan = await explain(lambda txn: claims.waiting(txn, ["Q3"]))
    assert plan.indexes() == {"job_activated"} and plan.whole_tables() == set()
    assert plan.read("job_activated") <= 2 * claims.READ_MOST


@ensureDeferred
async def test_take(explain: Explain) -> None:
    """A claim finds its candidates by their ids, though they stand in a long line."""
    wanted = Wanted("Q3", 1, list(range(1, 200)), [a_pilot(queue="Q3")] * 100)
    plan = await explain(lambda txn: claims.take(txn, [wanted, wanted]))
    assert plan.indexes() == {"job_pkey", "job_text_pkey", "file_of_job", "user_secret_pkey"} and plan.whole_tables() == set()


@ensureDeferred
async def test_usage(explain: Explain) -> None:
    """Who uses how much is counted from the index of what runs."""
    plan = await explain(claims.usage)
    assert plan.indexes() == {"job_usage"} and plan.whole_tables() == set()


@ensureDeferred
async def test_heads(explain: Explain) -> None:
    """The most urgent defined jobs of each line come from the heads of job_defined_line, however many wait."""
    plan = await explain(lambda txn: worklists.heads(txn, 50, 8))
    assert "job_defined_line" in plan.indexes() and plan.whole_tables() == set() and plan.read("job_defined_line") <= 3000


@ensureDeferred
async def test_put_off(explain: Explain) -> None:
    """Those whose pause is over, and those behind a place, come from their own index, and no more than asked for."""
    anywhere = deferrals.Place(datetime(2000, 1, 1, tzinfo=UTC))
    for body in (lambda txn: deferrals.due(txn, 50), lambda txn: deferrals.after(txn, anywhere, datetime.now(UTC), 50)):
        plan = await explain(body)
        assert "job_put_off" in plan.indexes() and plan.whole_tables() == set() and plan.read("job_put_off") <= 50


@ensureDeferred
async def test_input_due(explain: Explain) -> None:
    """The longest overdue input comes from the head of job_input."""
    plan = await explain(lambda txn: worklists.input_due(txn, 50, 2000))
    assert "job_input" in plan.indexes() and plan.whole_tables() == set() and plan.read("job_input") <= 3000


@ensureDeferred
async def test_output_due(explain: Explain) -> None:
    """The longest overdue output comes from the head of job_output."""
    plan = await explain(lambda txn: worklists.output_due(txn, 50))
    assert {"job_output", "job_report_pkey"} <= plan.indexes() and plan.whole_tables() == set() and plan.read("job_output") <= 100


@pytest.mark.parametrize(
    "body",
    [
        lambda txn: jobs.states(txn, [5, 500, 50000]),
        lambda txn: jobs.find(txn, [5, 500]),
        lambda txn: moves.move(txn, Event.RUNNING, [Change(281, {"maxRSS": 1})], actor=Actor.PILOT, who="x", also_in={S.RUNNING}),
        lambda txn: moves.move(txn, Event.BROKERED, [Change(205, PLACED)], actor=Actor.BROKERAGE, who="x"),
        lambda txn: moves.touch(txn, "note", [Change(281, {"maxRSS": 1})], IN_SLOT, actor=Actor.USER, who="x"),
        lambda txn: moves.defer(txn, [281], S.RUNNING, 1),
        lambda txn: deferrals.defer(txn, [(281, 60.0)], 60.0),
    ],
    ids=["states", "find", "move", "place", "touch", "defer", "put off"],
)
@ensureDeferred
async def test_by_id(explain: Explain, body: Callable[[Transaction], Awaitable[object]]) -> None:
    """What is asked or said of a job by its PandaID reads that job only."""
    plan = await explain(body)
    assert plan.indexes() & {"job_pkey", "job_since"} and plan.whole_tables() == set()
    assert all(n["Actual Rows"] <= 10 for n in plan.nodes)


@ensureDeferred
async def test_history_and_files_of_a_job(explain: Explain) -> None:
    """A job's decision and history come by its id."""
    assert (await explain(lambda txn: jobs.events(txn, 5))).whole_tables() == set()
    assert (await explain(lambda txn: decisions.find(txn, 5))).whole_tables() == set()


@ensureDeferred
async def test_jobs_of_one_person(explain: Explain) -> None:
    """A look at somebody's jobs goes through no more of the live ones than it may, and through his own ended ones alone."""
    owners = [Identity("ca", "user7"), Identity("ca", "nobody")]
    for wish in (ownjobs.Wish(most=100), ownjobs.Wish(states=[S.MERGING], most=100)):
        plan = await explain(partial(ownjobs.page, owners=owners, wish=wish))
        assert plan.whole_tables() == set() and plan.read("job_pkey") <= ownjobs.WALK
        assert all(index == "job_pkey" or "owner" in index for index in plan.indexes())


@pytest.mark.parametrize("read", [facts.counts, facts.demand, facts.unplaced], ids=["counts", "demand", "unplaced"])
@ensureDeferred
async def test_counts(explain: Explain, read: Callable[[Transaction], Awaitable[object]]) -> None:
    """What jobs are where says the table of totals and what is not in it yet: a few rows, however many jobs there are."""
    plan = await explain(read)
    assert plan.tables() == {"tally", "tally_delta"}
    assert all(n["Actual Rows"] <= QUEUES * len(set(STATES)) for n in plan.nodes)


@ensureDeferred
async def test_places(explain: Explain) -> None:
    """How many go before a job is read from one index, and no more than what is counted."""
    for body, index in ((lambda txn: places.before_in_line(txn, "Q3", 5, 10, 10**9), "job_activated"),
                        (lambda txn: places.before_defined(txn, 5, 10, 10**9), "job_defined_line"),
                        (lambda txn: places.before_throttled(txn, 5, 10, 10**9), "job_throttled")):
        plan = await explain(body)
        assert (plan.indexes(), plan.whole_tables()) == ({index}, set())
        assert plan.read(index) <= 2 * places.COUNT_MOST


BOUND = [subdatasets.Bound("user", "d7", "DISK", False)]
FILES = [FileName("user", f"f{number}") for number in range(7, 40000, 2000)]


@pytest.mark.parametrize(
    ("body", "index", "most"),
    [
        (lambda txn: placements.under_way(txn, "D7", FILES), "placement_file_once", 40),
        (lambda txn: placements.lock(txn, "D7", FILES), "placement_file_once", 40),
        (lambda txn: placements.hold_ready(txn, [7, 8]), "file_of_job", 10),
        (lambda txn: placements.due(txn, 50), "placement_due", 60),
        (lambda txn: placements.wake(txn, [7]), "placement_job_of", 60),
        (lambda txn: placements.held(txn, 7), "placement_job_of", 60),
        (lambda txn: placements.files(txn, 7), "placement_file_of", 30),
        (lambda txn: placements.told_files(txn, [("D7", name) for name in FILES], 5.0), "placement_file_once", 40),
        (lambda txn: placements.leave(txn, [7]), "placement_job_pkey", 5),
        (lambda txn: carriage.of_job(txn, 7), "placement_job_pkey", 5),
        (lambda txn: txn.many(avoidance._OVER, limit=50), "avoidance_until", 50),
        (lambda txn: placements.hindered(txn, 60, 50), "errand_obstacle", 10),
        (lambda txn: txn.many(avoidance._IS_OVER), "avoidance_until", 1),
        (lambda txn: avoidance.of_job(txn, 7), "avoidance_once", 1),
    ],
)
@ensureDeferred
async def test_inputs_on_their_way(explain: Explain, body: Callable[[Transaction], Awaitable[object]], index: str,
                                   most: int) -> None:
    """What is brought, and for whom, is found by what it is about."""
    plan = await explain(body)
    assert index in plan.indexes() and plan.read(index) <= most
    assert plan.whole_tables() <= {"downtime", "outage"}


@pytest.mark.parametrize(
    ("body", "index", "most"),
    [
        (lambda txn: outbox.due(txn, ["close dataset"], 50), "errand_due", 150),
        (lambda txn: outbox.of_job(txn, 7, ["d7"]), "errand_subject", 10),
        (lambda txn: datasets.look(txn, 20, 1, 1), "dataset_due", 20),
        (lambda txn: datasets.look(txn, 20, 1, 1), "dataset_job_pkey", 3000),
        (lambda txn: datasets.made(txn, [("user", "d7")]), "dataset_job_pkey", 100),
        (lambda txn: subdatasets.expect(txn, BOUND, 250), "dataset_once", 10),
        (lambda txn: subdatasets.made(txn, [10007]), "sub_dataset_pkey", 100),
        (lambda txn: subdatasets.take(txn, BOUND), "sub_dataset_once", 10),
        (lambda txn: subdatasets.to_come(txn, BOUND), "dataset_job_pkey", 100),
        (lambda txn: subdatasets.leave(txn, [("user", "d7")]), "sub_dataset_once", 10),
        (lambda txn: datasets.keep(txn, [("user", "d7", "DISK")]), "dataset_once", 10),
        (lambda txn: shipments.due(txn, 50), "shipment_due", 50),
        (lambda txn: shipments.find(txn, [7]), "shipment_file_pkey", 50),
        (lambda txn: txn.many(shipments._LOCK, ids=[7]), "job_pkey", 20),
        (lambda txn: shipments.lost(txn, [7]), "shipment_file_pkey", 50),
        (lambda txn: shipments.arrived(txn, [7]), "shipment_file_job", 50),
        (lambda txn: shipments.of_job(txn, 7), "shipment_file_job", 10),
        (lambda txn: shipments.heard(txn, ["x"], [("user", "s7")]), "shipment_once", 10),
    ],
)
@ensureDeferred
async def test_outputs_on_their_way(explain: Explain, body: Callable[[Transaction], Awaitable[object]], index: str,
                                    most: int) -> None:
    """What is owed, under way and written into is read by its own indexes, and of the jobs only those that it is about."""
    plan = await explain(body)
    assert index in plan.indexes() and plan.read(index) <= most
    assert plan.whole_tables() <= {"downtime", "outage"}


@ensureDeferred
async def test_first_without_a_queue(explain: Explain) -> None:
    """The jobs that brokerage takes first are read, and none besides."""
    plan = await explain(lambda txn: places.first_defined(txn, 200))
    assert plan.read("job_defined") <= 200
    assert plan.whole_tables() == set()


@ensureDeferred
async def test_cores_of_an_owner(explain: Explain) -> None:
    """Only jobs in slots of those lines are counted."""
    plan = await explain(lambda txn: places.cores_of(txn, [1, 2, 3]))
    assert (plan.indexes(), plan.whole_tables()) == ({"job_usage"}, set())
    assert plan.read("job_usage") <= JOBS / 400 * 3


@ensureDeferred
async def test_lines_that_wait(explain: Explain) -> None:
    """From line to line, of each its head: not what stands behind, at one queue or at all."""
    plan = await explain(lambda txn: demand.at(txn, "Q3"))
    assert (plan.indexes(), plan.whole_tables()) == ({"job_activated"}, set())
    assert plan.read("job_activated") <= 2 * 400 + 10
    plan = await explain(demand.everywhere)
    assert (plan.indexes(), plan.whole_tables()) == ({"job_activated"}, set())
    assert plan.read("job_activated") <= 2 * 400 * QUEUES + 10


@ensureDeferred
async def test_waiting_lines_are_counted_so_far(explain: Explain) -> None:
    """Of each line no more is read than is counted."""
    line = a_line(1)
    heads = [demand.Head("Q3", line, datetime(2026, 1, 1, tzinfo=UTC))]
    plan = await explain(lambda txn: demand.counts(txn, heads))
    assert (plan.indexes(), plan.whole_tables()) == ({"job_activated"}, set())
    assert plan.read("job_activated") <= demand.COUNT_MOST


LATER = Place(datetime.now(UTC) - timedelta(minutes=30), 5000)


@pytest.mark.parametrize(
    "wish",
    [
        Wish(), Wish(states=frozenset({S.RUNNING, S.DEFINED}), queue="Q3", after=LATER),
        Wish(states=frozenset({S.FAILED}), error=("pilot", 1137)), Wish(user="nobody", window_s=3600),
    ],
    ids=["all", "rare", "ended", "none"],
)
@ensureDeferred
async def test_lists_of_jobs(explain: Explain, wish: Wish) -> None:
    """Of each state that is asked for no more is read than one call may look at, wherever the list goes on, and however few of
    them are what is asked for."""
    plan = await explain(lambda txn: joblist.find(txn, wish))
    assert plan.indexes() <= {"job_since", "job_ended"} and plan.whole_tables() == set()
    assert plan.read("job_since") <= len(wish.states or S) * (wish.reads + 200)
    assert plan.read("job_ended") <= wish.reads + 200


@ensureDeferred
async def test_lists_of_tasks(explain: Explain) -> None:
    """So many of the newest are read, and of a task's jobs so many that are counted."""
    plan = await explain(lambda txn: tasklist.find(txn, TaskWish(user="nobody", below=10_015_000)))
    assert plan.indexes() == {"task_pkey", "task_dataset_once"} and plan.whole_tables() == set()
    assert plan.read("task_pkey") <= tasklist.READ_MOST
    plan = await explain(lambda txn: tasklist.jobs(txn, 10_000_001))
    assert plan.indexes() == {"task_job_of", "job_pkey"} and plan.whole_tables() == set()
    assert plan.read("task_job_of") <= tasklist.JOBS_MOST


@ensureDeferred
async def test_people(explain: Explain) -> None:
    """What runs is counted from an index; what has no queue, as far as one looks."""
    running, unplaced, held = people._RUNNING, people._UNPLACED, people._HELD
    assert (await explain(lambda txn: txn.many(running))).indexes() == {"job_usage"}
    plan = await explain(lambda txn: txn.many(unplaced))
    assert plan.indexes() == {"job_defined"} and plan.read("job_defined") <= people.UNPLACED_MOST
    assert (await explain(lambda txn: txn.many(held))).indexes() == {"job_throttled"}


@ensureDeferred
async def test_the_past(explain: Explain) -> None:
    """A day of one queue is read by its key; a sample that is not due reads no counters."""
    plan = await explain(lambda txn: past._states(txn, 86400, "Q3"))
    assert plan.indexes() == {"state_past_pkey"} and plan.read("state_past_pkey") <= 3 * 145
    plan = await explain(lambda txn: past.ends(txn, 86400, "Q3"))
    assert plan.indexes() == {"queue_end_pkey"} and plan.read("queue_end_pkey") <= QUEUES * 290
    plan = await explain(past.sample)
    assert "tally_delta" not in {n.get("Relation Name") for n in plan.nodes if n["Actual Loops"]}
