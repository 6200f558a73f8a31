"""Failed attempts on the real store: one transaction that tries again or ends, and says why."""

from __future__ import annotations

import re
from typing import Any

import pytest
from factories import ALICE, QUEUE, a_file
from pytest_twisted import ensureDeferred
from stages import PILOT_CALLER, Stage
from twisted.internet.defer import Deferred, gatherResults

from pandad.config import parse
from pandad.jobdispatcher.heartbeat import Heartbeat
from pandad.jobdispatcher.requests import JobUpdate
from pandad.spec.file import FileSpec
from pandad.spec.job import JobSpec
from pandad.spec.jobstatus import Actor, Event, JobStatus
from pandad.spec.pilotcommand import DEBUG_OFF, KILL
from pandad.spec.retry import Action, RetryPolicy, RetryRule
from pandad.taskbuffer import lines, retries
from pandad.taskbuffer.retries import Failed, Settled, policy_of
from pandad.taskbuffer.statement import STATEMENTS, ddl
from pandad.taskbuffer.store import Store, Transaction

S = JobStatus
LOST = {"jobDispatcherErrorCode": 100, "jobDispatcherErrorDiag": "lost heartbeat : then"}
OOM = {"pilotErrorCode": 1212, "pilotErrorDiag": "too much memory"}
GOES_ELSEWHERE = RetryRule(name="black hole", source="pilot", action=Action.AVOID_SITE)
MORE_MEMORY = RetryRule(name="oom", source="pilot", codes=(1212,), action=Action.MORE_MEMORY, factor=2)


@pytest.fixture
def stage(store: Store) -> Stage:
    """Jobs and queues to play with."""
    return Stage(store)


def files() -> list[FileSpec]:
    return [a_file(lfn="in", type="input", status="ready", destinationSE=None), a_file(), a_file(lfn="log", type="log")]


async def fail(stage: Stage, panda_id: int, *rules: RetryRule, **but: Any) -> Settled:
    """What the watcher does about a job that fell silent."""
    what: dict[str, Any] = {"event": Event.LOST, "why": "lost heartbeat : then", "values": LOST, **but}
    failed, policy = [Failed(panda_id, **what)], RetryPolicy(rules=rules)
    return await stage.store.transact("test_fail", retries.settle, policy, failed, actor=Actor.WATCHER, who="watcher")


async def out_of_memory(stage: Stage, **but: Any) -> int:
    """A running job whose pilot has said that it took too much memory."""
    panda_id = await stage.job(S.RUNNING, Files=files(), **but)
    assert await stage.event(Event.RECOVERING, panda_id, actor=Actor.PILOT, **OOM)
    return panda_id


async def settle_report(stage: Stage, panda_id: int, *rules: RetryRule) -> JobSpec:
    """What the adder does about a failed job; the job after it."""
    await fail(stage, panda_id, *rules, event=Event.FAILED, why="too much memory", values={})
    return await stage.look(panda_id)


@ensureDeferred
async def test_a_retried_job_starts_clean(stage: Stage) -> None:
    """A retried job is activated at its queue with the next attempt number, a little further behind, in nobody's hands, without
    errors, measurements, times, texts and report of the last attempt, and its outputs are still to come."""
    panda_id = await stage.job(S.RUNNING, Files=files())
    update = JobUpdate(
        job_id=panda_id,
        job_status="running",
        batch_id="b",
        pilot_id="p",
        max_rss=7,
        trans_exit_code="1",
        stdout="x",
        meta_data="{}",
        attempt_nr=1,
    )
    assert await Heartbeat(stage.store).update(PILOT_CALLER, update) == DEBUG_OFF  # it sends its output, and nobody asked
    await stage.sql("UPDATE file SET status = 'failed', fsize = 1, checksum = 'ad:1' WHERE type <> 'input' RETURNING 1")
    assert await fail(stage, panda_id) == Settled(frozenset({panda_id}), frozenset())
    job = await stage.look(panda_id)
    assert (job.jobStatus, job.computingSite, job.attemptNr, job.currentPriority) == (S.ACTIVATED, QUEUE, 2, 990)
    assert (job.batchID, job.pilotID, job.maxRSS, job.transExitCode, job.startTime, job.endTime, job.metadata) == (None,) * 7
    assert (job.jobDispatcherErrorCode, job.jobDispatcherErrorDiag) == (0, None)
    assert [(f.status, f.fsize, f.checksum, f.destinationSE) for f in job.outputs] == [("defined", None, None, "TEST_DISK")] * 2
    assert [f.status for f in job.inputs] == ["ready"]
    assert await stage.sql("SELECT holderanchor, holdersubject, reportedstatus FROM job") == [(None, None, None)]
    assert await stage.sql("SELECT metadata, stdout FROM job_text") == [(None, None)]
    assert [(j.PandaID, j.attemptNr) for j in await stage.claim()] == [(panda_id, 2)]


@ensureDeferred
async def test_what_the_next_attempt_writes_has_names_of_its_own(stage: Stage) -> None:
    """The log and the outputs that the parameters name get the attempt's number, in every attempt anew; the pilot is told."""
    panda_id = await stage.job(S.RUNNING, Files=files(), jobParameters="-i in -o out.root")
    told = [(f.lfn, f.row_ID) for f in (await stage.look(panda_id)).outputs]
    for attempt in (2, 3):
        await fail(stage, panda_id)
        (job,) = await stage.claim()
        assert job.jobParameters == f"-i in -o out.root.{attempt}" and [f.lfn for f in job.inputs] == ["in"]
        assert [(f.lfn, f.row_ID) for f in job.outputs] == [(f"{lfn}.{attempt}", row) for lfn, row in told]
        assert [bool(f.GUID) for f in job.logs] == [True]
        assert await stage.event(Event.RUNNING, panda_id, actor=Actor.PILOT)


@ensureDeferred
async def test_the_history_keeps_what_went_wrong(stage: Stage) -> None:
    """The errors of an attempt leave the job, and stand in its history with source, code and text, beside the decision."""
    panda_id = await stage.job(S.RUNNING, exeErrorCode=65, exeErrorDiag="bad input", transExitCode="65")
    await fail(stage, panda_id)
    last = (await stage.history(panda_id))[-1]
    assert (last.event, last.attempt_nr, last.actor, last.who) == (Event.RETRIED, 2, Actor.WATCHER, "watcher")
    assert last.why == (
        "payload exit code 65; exe 65: bad input; jobDispatcher 100: lost heartbeat : then; "
        "taskBuffer 106: retried, attempt 2 of 3: its pilot vanished"
    )


@ensureDeferred
async def test_an_end_says_why_it_is_one(stage: Stage) -> None:
    """A job that is not tried again keeps its errors, and its history says why not; its files keep what is known of them."""
    panda_id = await stage.job(S.RUNNING, maxAttempt=-1, pilotErrorCode=-1305, Files=[a_file()])
    (file,) = (await stage.look(panda_id)).Files
    file.status = "failed"
    assert await fail(stage, panda_id, files=[file]) == Settled(frozenset(), frozenset({panda_id}))
    job = await stage.look(panda_id)
    assert (job.jobStatus, job.jobDispatcherErrorCode, job.pilotErrorCode, job.Files) == (S.FAILED, 100, 1305, [file])
    assert (await stage.history(panda_id))[-1].why == "lost heartbeat : then; not retried: 1 of 1 attempts were made"


@pytest.mark.parametrize("allowed", [1, 2, 4])
@ensureDeferred
async def test_attempts_end(stage: Stage, allowed: int) -> None:
    """A job that is lost each time runs as often as it may; hand-outs that never began take none of its attempts."""
    panda_id = await stage.job(S.ACTIVATED, maxAttempt=allowed)
    runs = 0
    while await stage.claim():
        if runs == 0 and len(await stage.history(panda_id)) < 4:
            assert await stage.event(
                Event.SENT_EXPIRED, panda_id, actor=Actor.WATCHER, attemptNr=2, holderanchor=None, holdersubject=None
            )
            continue
        assert await stage.event(Event.RUNNING, panda_id, actor=Actor.PILOT)
        runs += 1
        await fail(stage, panda_id)
    assert (runs, await stage.status(panda_id)) == (allowed, S.FAILED)
    assert (await stage.look(panda_id)).attemptNr == allowed + 1


@ensureDeferred
async def test_the_pilot_of_the_old_attempt_is_stopped(stage: Stage) -> None:
    """Whatever the pilot of a retried attempt says, before and after another one has the job, changes nothing, and it is told to
    stop."""
    panda_id = await stage.job(S.RUNNING)
    await fail(stage, panda_id)
    for _ in range(2):
        before = await stage.dump()
        for word in ("starting", "running", "holding", "finished", "failed"):
            late = JobUpdate(job_id=panda_id, job_status=word, attempt_nr=1, job_output_report="{}")
            assert await Heartbeat(stage.store).update(PILOT_CALLER, late) == KILL
        assert await stage.dump() == before
        await stage.claim()


@ensureDeferred
async def test_twice_is_once(stage: Stage) -> None:
    """A decision that is carried out again, because its answer was lost, does nothing; nor does it touch the next attempt."""
    panda_id = await stage.job(S.RUNNING)
    await fail(stage, panda_id, attempt_nr=1)
    await stage.claim()
    assert await stage.event(Event.RUNNING, panda_id, actor=Actor.PILOT)
    before = await stage.dump()
    assert await fail(stage, panda_id, attempt_nr=1) == Settled(frozenset(), frozenset())
    assert await stage.dump() == before


@ensureDeferred
async def test_two_at_once(stage: Stage) -> None:
    """Of several that decide on a job at the same time one does it; the others wait, and then find nothing to do."""
    panda_id = await stage.job(S.RUNNING)
    done = await gatherResults([Deferred.fromCoroutine(fail(stage, panda_id)) for _ in range(4)])
    assert sorted(len(each.retried | each.ended) for each in done) == [0, 0, 0, 1]
    assert (await stage.events(panda_id)).count(Event.RETRIED) == 1
    assert (await stage.look(panda_id)).attemptNr == 2


class Aborted(Exception):
    """Ends a transaction that must leave nothing."""


@ensureDeferred
async def test_all_or_nothing(stage: Stage) -> None:
    """A decision whose transaction fails has not been taken, and is taken in the same way when it runs again."""
    panda_id = await out_of_memory(stage)
    failed = [Failed(panda_id, Event.FAILED, "x", attempt_nr=1)]

    async def body(txn: Transaction, aborts: bool) -> Settled:
        done = await retries.settle(txn, RetryPolicy(rules=[MORE_MEMORY]), failed, actor=Actor.DATASERVICE, who="adder")
        if aborts:
            raise Aborted
        return done

    before = await stage.dump()
    with pytest.raises(Aborted):
        await stage.store.transact("aborted", body, True)
    assert await stage.dump() == before
    assert (await stage.store.transact("again", body, False)).retried == {panda_id}


@ensureDeferred
async def test_killed_jobs_are_not_retried(stage: Stage) -> None:
    """A job that a person wanted killed is cancelled when its attempt fails, whatever the rules say."""
    panda_id = await stage.job(S.RUNNING, commandToPilot=KILL, taskBufferErrorDiag="killed by alice")
    assert (await fail(stage, panda_id)).ended == {panda_id}
    assert (await stage.look(panda_id)).jobStatus is S.CANCELLED
    assert (await stage.history(panda_id))[-1].why == "killed by alice"


@pytest.mark.parametrize("status", [S.ACTIVATED, S.FINISHED, S.TRANSFERRING])
@ensureDeferred
async def test_only_where_it_can_happen(stage: Stage, status: JobStatus) -> None:
    """A job that moved on before the decision is left alone."""
    panda_id = await stage.job(status)
    before = await stage.dump()
    assert await fail(stage, panda_id) == Settled(frozenset(), frozenset())
    assert await stage.dump() == before
    assert await fail(stage, panda_id + 1) == Settled(frozenset(), frozenset())


@ensureDeferred
async def test_what_ran_well_is_not_retried(stage: Stage) -> None:
    """A job that times out when its payload was through ends, and says in which state that was."""
    panda_id = await stage.job(S.TRANSFERRING)
    await fail(stage, panda_id, event=Event.TIMED_OUT, why="expired")
    assert (await stage.history(panda_id))[-1].why == "expired; not retried: it was transferring"


@ensureDeferred
async def test_elsewhere(stage: Stage) -> None:
    """A job that is to avoid its queue is brokered anew, at once; it remembers every queue that it avoids; outputs that would
    have gone to the queue's own endpoint go with it, others stay where their owner wants them; its input is looked at again."""
    await stage.queue()
    panda_id = await out_of_memory(stage)
    await stage.sql("UPDATE job SET avoided = '{OTHER}' RETURNING 1")
    await stage.sql("UPDATE file SET destinationse = 'MINE', dispatchdblocktoken = 'x' WHERE type <> 'output' RETURNING 1")
    job = await settle_report(stage, panda_id, GOES_ELSEWHERE)
    assert (job.jobStatus, job.computingSite, job.attemptNr, job.avoided) == (S.DEFINED, None, 2, ["OTHER", QUEUE])
    assert [(f.type, f.status, f.destinationSE) for f in job.Files] == [
        ("input", "defined", "MINE"),
        ("output", "defined", None),
        ("log", "defined", "MINE"),
    ]
    assert job.inputs[0].dispatchDBlockToken is None
    last = (await stage.history(panda_id))[-1]
    assert (last.event, last.was, last.became) == (Event.RETRIED_ELSEWHERE, S.HOLDING, S.DEFINED)
    assert last.why == "pilot 1212: too much memory; taskBuffer 106: retried, attempt 2 of 3: rule black hole; avoids TEST_QUEUE"
    assert await stage.sql("SELECT count(*) FROM job WHERE nextcheck <= now()") == [(1,)]


@ensureDeferred
async def test_more_memory_is_another_line(stage: Stage) -> None:
    """A job with more memory stays where it fits, and stands among those that ask for as much."""
    await stage.queue(maxrss=8000)
    panda_id = await out_of_memory(stage, minRamCount=2000)
    job = await settle_report(stage, panda_id, MORE_MEMORY)
    assert (job.jobStatus, job.computingSite, job.minRamCount, job.resource_type) == (S.ACTIVATED, QUEUE, 4000, "SCORE_HIMEM")
    ((line,),) = await stage.sql("SELECT line FROM job")
    assert await stage.store.transact("test_line", lines.ensure, [(job, ALICE)]) == [line]
    assert not await stage.claim(memory_mb=3999)
    assert await stage.claim(memory_mb=4000)


@ensureDeferred
async def test_what_outgrows_its_queue(stage: Stage) -> None:
    """A job that no longer fits its queue is brokered anew, without a grudge against it."""
    await stage.queue(maxrss=3000)
    job = await settle_report(stage, await out_of_memory(stage, minRamCount=2000), MORE_MEMORY)
    assert (job.jobStatus, job.minRamCount, job.avoided, job.computingSite) == (S.DEFINED, 4000, [], None)


@ensureDeferred
async def test_many_at_once(stage: Stage) -> None:
    """Each job of a round gets its own decision."""
    await stage.queue()
    ids = [await out_of_memory(stage, **but) for but in ({}, {"maxAttempt": 1}, {"relocationFlag": 1})]
    failed = [Failed(i, Event.FAILED, "x") for i in ids] + [Failed(10**9, Event.FAILED, "x")]
    policy = RetryPolicy(rules=[GOES_ELSEWHERE])
    done = await stage.store.transact("t", retries.settle, policy, failed, actor=Actor.DATASERVICE, who="adder")
    assert done == Settled(frozenset({ids[0], ids[2]}), frozenset({ids[1]}))
    assert [await stage.status(i) for i in ids] == [S.DEFINED, S.FAILED, S.ACTIVATED]
    assert await stage.store.transact("t", retries.settle, policy, [], actor=Actor.WATCHER, who="w") == Settled(
        frozenset(), frozenset()
    )


@ensureDeferred
async def test_only_the_jobs_in_question_are_read(store: Store) -> None:
    """No statement of a retry reads a table from end to end, with plans that were made when the tables were empty."""

    async def scans(txn: Transaction, name: str) -> str:
        execute = STATEMENTS[name].execute
        assert execute is not None and STATEMENTS[name].prepare is not None
        await txn.run(ddl(name, STATEMENTS[name].prepare or ""))
        return str(await txn.many(ddl(name, "EXPLAIN " + re.sub(r"%\(\w+\)s", "NULL", execute))))

    for name in ("retries.lock", "retries.reset"):
        plan = await store.transact("scans", scans, name)
        assert "job_pkey" in plan or "file_of_job" in plan
        assert "Seq Scan" not in plan, name


def test_rules_of_the_configuration() -> None:
    """The policy has what the configuration says, rule by rule."""
    text = """
        [database]
        dsn = "dbname=x"
        [retry]
        attempts = 5
        most_attempts = 7
        [retry.rules.oom]
        source = "pilot"
        codes = [1212, 1223]
        action = "more_memory"
        most_mb = 8000
        [retry.rules."bad disk"]
        source = "ddm"
        message = "*No space*"
        action = "avoid_site"
        active = false"""
    assert policy_of(parse(text).retry) == RetryPolicy(
        5,
        7,
        [
            RetryRule(name="oom", source="pilot", codes=(1212, 1223), action=Action.MORE_MEMORY, most_mb=8000),
            RetryRule(name="bad disk", source="ddm", message="*No space*", action=Action.AVOID_SITE, active=False),
        ],
    )
