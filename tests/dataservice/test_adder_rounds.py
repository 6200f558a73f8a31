"""Rounds of the adder on the real store: no report can stop them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from factories import PILOT, a_file
from fakes.ddm import FakeDDM
from pytest_twisted import ensureDeferred
from stages import Meanwhile, Stage

from pandad.config import DataServiceConfig
from pandad.dataservice.adder import Adder
from pandad.dataservice.copies import name_of
from pandad.spec.jobstatus import Actor, Event, JobStatus
from pandad.spec.retry import Action, RetryPolicy, RetryRule
from pandad.taskbuffer import moves
from pandad.taskbuffer.store import Store, Transaction

from .reports import ADLER, CONTENT, DISK, GOOD, LOG, OUT, UNREADABLE, entry


async def _report(txn: Transaction, panda_id: int, status: JobStatus, report: str) -> None:
    change = moves.Change(panda_id, {"reportedstatus": status}, report=report)
    assert await moves.move(txn, Event.REPORTED, [change], actor=Actor.PILOT, who=PILOT.subject)


async def reported(
    stage: Stage, report: Any = GOOD, status: JobStatus = JobStatus.FINISHED, files: Any = None, **but: Any
) -> int:
    """A job whose pilot has said its last word."""
    panda_id = await stage.job(
        JobStatus.RUNNING, Files=[a_file(), a_file(lfn="log.tgz", type="log")] if files is None else files, **but
    )
    text = report if isinstance(report, str) else json.dumps(report)
    await stage.store.once("test_report", _report, panda_id, status, text)
    return panda_id


def rounds(stage: Stage, ddm: FakeDDM, store: Store | None = None, rules: Sequence[RetryRule] = (), **but: Any) -> Adder:
    return Adder(store or stage.store, ddm, DataServiceConfig(**but), RetryPolicy(rules=rules))


def full() -> FakeDDM:
    ddm = FakeDDM(DISK)
    for file in (OUT, LOG):
        ddm.put(DISK, name_of(file), CONTENT)
    return ddm


@ensureDeferred
async def test_a_reported_job_is_finished(stage: Stage) -> None:
    """A reported job with its outputs is finished in one round, ends, and keeps what is known of its files."""
    panda_id = await reported(stage)
    assert not await rounds(stage, full()).run_once()
    job = await stage.look(panda_id)
    assert (job.jobStatus, job.nOutputDataFiles, job.outputFileBytes) == (JobStatus.FINISHED, 1, len(CONTENT))
    assert job.endTime is not None
    assert [(f.status, f.GUID, f.fsize, f.checksum) for f in job.Files] == [("ready", "A-GUID", len(CONTENT), f"ad:{ADLER}")] * 2
    assert (await stage.events(panda_id))[-2:] == [Event.REPORTED, Event.COMPLETED]


@ensureDeferred
async def test_one_bad_report_stops_nobody(stage: Stage) -> None:
    """Jobs with unreadable and absurd reports fail, each for itself, and their neighbours are finished in the same round."""
    bad = [await reported(stage, report) for report in (*UNREADABLE, {**GOOD, "out.root": entry(fsize=10**30, guid="x" * 1000)})]
    good = await reported(stage)
    await rounds(stage, full()).run_once()
    assert {await stage.status(i) for i in bad} == {JobStatus.FAILED}
    assert await stage.status(good) is JobStatus.FINISHED
    assert "not readable" in ((await stage.look(bad[0])).ddmErrorDiag or "")


@ensureDeferred
async def test_failed_and_killed_jobs(stage: Stage) -> None:
    """A failed job fails with its pilot's words and its log; a killed one is cancelled."""
    failed = await reported(stage, {"log.tgz": entry()}, JobStatus.FAILED, pilotErrorDiag="no space left")
    killed = await reported(
        stage, {"log.tgz": entry()}, JobStatus.FAILED, commandToPilot="tobekilled", taskBufferErrorDiag="killed by alice"
    )
    await rounds(stage, full()).run_once()
    job = await stage.look(failed)
    assert (job.jobStatus, job.ddmErrorCode, job.Files[1].status) == (JobStatus.FAILED, 0, "ready")
    assert (await stage.history(failed))[-1].why == "no space left; not retried: nothing asks for it"
    assert await stage.status(killed) is JobStatus.CANCELLED


@ensureDeferred
async def test_a_pilot_that_asks_for_another_attempt(stage: Stage) -> None:
    """A failed job whose pilot asks for it by a negative code is activated again, its outputs still to come; the next pilot gets
    it, and what that one reports finishes it."""
    panda_id = await reported(stage, {"log.tgz": entry()}, JobStatus.FAILED, pilotErrorCode=-1305, pilotErrorDiag="bad node")
    await rounds(stage, full()).run_once()
    job = await stage.look(panda_id)
    assert (job.jobStatus, job.attemptNr, job.pilotErrorCode, {f.status for f in job.Files}) == (
        JobStatus.ACTIVATED,
        2,
        0,
        {"defined"},
    )
    why = "pilot 1305: bad node; taskBuffer 107: retried, attempt 2 of 3: the pilot asks for it"
    assert (await stage.history(panda_id))[-1].why == why
    (again,) = await stage.claim()
    assert await stage.event(Event.RUNNING, panda_id, actor=Actor.PILOT)
    ddm = full()
    ddm.put(DISK, name_of(again.logs[0]), CONTENT)
    said = {file.lfn: entry() for file in again.outputs}
    await stage.store.once("test_report", _report, panda_id, JobStatus.FINISHED, json.dumps(said))
    await rounds(stage, ddm).run_once()
    assert await stage.status(panda_id) is JobStatus.FINISHED
    assert await stage.sql("SELECT attemptnr, outcome FROM job_report ORDER BY 1") == [(1, "failed"), (2, "finished")]


@ensureDeferred
async def test_outputs_that_are_wrong_by_a_rule(stage: Stage) -> None:
    """A rule can have a job tried again whose outputs are not what its pilot says; the error is the data service's."""
    panda_id = await reported(stage, {})
    rule = RetryRule(name="outputs", source="ddm", codes=(200,), message="*is not at*", action=Action.LIMIT, attempts=2)
    await rounds(stage, FakeDDM(DISK), rules=[rule]).run_once()
    assert await stage.status(panda_id) is JobStatus.ACTIVATED
    assert ((await stage.history(panda_id))[-1].why or "").startswith(
        "ddm 200: out.root: the pilot did not report it, and it is not"
    )


@ensureDeferred
async def test_an_outage_holds_the_job(stage: Stage) -> None:
    """While the storage is out the job stays in holding, is looked at again after a pause, and finishes when it is back."""
    panda_id = await reported(stage)
    ddm = full()
    ddm.out.add(DISK)
    await rounds(stage, ddm).run_once()
    await rounds(stage, ddm).run_once()
    assert (ddm.asked, await stage.status(panda_id)) == (1, JobStatus.HOLDING)
    ddm.out.clear()
    await stage.due()
    await rounds(stage, ddm).run_once()
    assert await stage.status(panda_id) is JobStatus.FINISHED


@ensureDeferred
async def test_patience_ends(stage: Stage) -> None:
    """A storage that stays out longer than the patience, which counts from the report, fails the job with that reason."""
    panda_id = await reported(stage)
    await stage.sql("UPDATE job_report SET at = now() - interval '101 seconds' RETURNING 1")
    ddm = full()
    ddm.out.add(DISK)
    await rounds(stage, ddm, give_up_s=100).run_once()
    job = await stage.look(panda_id)
    assert job.jobStatus is JobStatus.FAILED
    assert (job.ddmErrorDiag or "").startswith("TEST_DISK does not answer")


@ensureDeferred
async def test_only_reported_jobs_are_looked_at(stage: Stage) -> None:
    """A job in recovery, whose pilot still owes its report, is not judged."""
    panda_id = await stage.job(JobStatus.HOLDING, Files=[a_file()])
    ddm = full()
    await rounds(stage, ddm).run_once()
    assert (ddm.asked, await stage.status(panda_id)) == (0, JobStatus.HOLDING)


@ensureDeferred
async def test_a_job_killed_meanwhile_stays_killed(stage: Stage) -> None:
    """A job that is killed between the checking and the writing stays cancelled, and its files are left alone."""
    panda_id = await reported(stage)

    async def kill() -> None:
        assert await stage.event(Event.KILLED, panda_id, actor=Actor.USER)

    await rounds(stage, full(), Meanwhile(stage.store, "adder_write", kill)).run_once()
    job = await stage.look(panda_id)
    assert (job.jobStatus, {f.status for f in job.Files}) == (JobStatus.CANCELLED, {"defined"})


@ensureDeferred
async def test_more_in_the_next_round(stage: Stage) -> None:
    """A round takes as many as it is told, and says that there may be more."""
    done = [await reported(stage) for _ in range(3)]
    adder = rounds(stage, full(), batch=2)
    assert await adder.run_once()
    assert not await adder.run_once()
    assert {await stage.status(i) for i in done} == {JobStatus.FINISHED}
