"""Heartbeats on the real store: every word counts once, whoever says it and however often."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import pytest
from factories import PILOT, a_caller, a_file
from pytest_twisted import ensureDeferred
from stages import PILOT_CALLER, Stage

from pandad.jobdispatcher.guards import MEANINGS
from pandad.jobdispatcher.heartbeat import Heartbeat
from pandad.jobdispatcher.requests import JobUpdate
from pandad.spec.caller import ANONYMOUS, Caller, Role
from pandad.spec.errors import Forbidden, NotAuthenticated
from pandad.spec.job import JOB_ATTRIBUTES, JobSpec
from pandad.spec.jobstatus import BEFORE_PILOT, FINAL, Actor, Event, JobStatus
from pandad.spec.pilotcommand import ALREADY_DONE, KILL, NOTHING

from .words import LAST_WORDS, S, said


def sample(kind: type, limit: int | None, place: int) -> Any:
    if kind is str:
        return f"{place}-" + "x" * (limit or 0)
    return datetime(2026, 1, 1, 0, 0, place % 60, tzinfo=UTC) if kind is datetime else kind(place + 1)


@ensureDeferred
async def test_every_reported_value_lands(stage: Stage) -> None:
    """Each value that a pilot can report stands on the job afterwards, texts cut to PanDA's lengths."""
    panda_id = await stage.job(S.SENT)
    attributes = {a.name: a for a in JOB_ATTRIBUTES}
    sent: dict[str, Any] = {}
    expected: dict[str, Any] = {}
    for place, field in enumerate(fields(JobUpdate)):
        if "attribute" in field.metadata:
            attribute = attributes[field.metadata["attribute"]]
            sent[field.name] = sample(attribute.kind, attribute.limit, place)
            expected[attribute.name] = sent[field.name][: attribute.limit] if attribute.limit else sent[field.name]
    await Heartbeat(stage.store).update(PILOT_CALLER, said("finished", panda_id, meta_data='{"nevents": 7}', **sent))
    job = await stage.look(panda_id)
    assert {name: getattr(job, name) for name in expected} == expected
    assert job.metadata == '{"nevents": 7}'


async def tell(stage: Stage, word: str, panda_id: int, caller: Caller = PILOT_CALLER, **but: Any) -> str:
    return await Heartbeat(stage.store).update(caller, said(word, panda_id, **but))


@ensureDeferred
async def test_from_sent_to_holding(stage: Stage) -> None:
    """A job goes as its pilot tells: an event for each step, a start time from the first running, an end from the last word."""
    panda_id = await stage.job(S.SENT)
    for word, status in (("starting", S.STARTING), ("running", S.RUNNING), ("running", S.RUNNING), ("finished", S.HOLDING)):
        assert await tell(stage, word, panda_id) == NOTHING
        assert await stage.status(panda_id) is status
    job = await stage.look(panda_id)
    assert job.startTime is not None and job.endTime is not None and job.startTime <= job.endTime
    assert await stage.events(panda_id) == [Event.CLAIMED, Event.STARTED, Event.RUNNING, Event.REPORTED]
    assert [(e.actor, e.who) for e in (await stage.history(panda_id))[2:]] == [(Actor.PILOT, PILOT.subject)] * 3
    assert await stage.sql("SELECT outcome, outputreport FROM job_report") == [("finished", "")]


@ensureDeferred
async def test_heartbeats_keep_a_job_alive(stage: Stage) -> None:
    """A heartbeat that changes no state still says when the job was last heard of, and leaves no line in the history."""
    panda_id = await stage.job(S.RUNNING)
    await stage.silent_for([panda_id], 5000)
    before = await stage.look(panda_id)
    await tell(stage, "running", panda_id)
    after = await stage.look(panda_id)
    assert before.modificationTime is not None and after.modificationTime is not None
    assert after.modificationTime > before.modificationTime
    assert after.stateChangeTime == before.stateChangeTime
    assert (await stage.events(panda_id))[-1] == Event.RUNNING


@pytest.mark.parametrize("word", ["starting", "finished", "failed"])
@ensureDeferred
async def test_the_same_word_twice(stage: Stage, word: str) -> None:
    """A word that comes again, because its answer was lost, gets the same answer, and its effect is there once."""
    panda_id = await stage.job(S.SENT)
    report: dict[str, Any] = {"job_output_report": '{"a": {}}'} if word in LAST_WORDS else {}
    first = await tell(stage, word, panda_id, **report)
    events, reports = await stage.events(panda_id), await stage.sql("SELECT * FROM job_report")
    second = await tell(stage, word, panda_id, **report)
    assert first == second == NOTHING
    assert (await stage.events(panda_id), await stage.sql("SELECT * FROM job_report")) == (events, reports)


@ensureDeferred
async def test_the_first_report_counts(stage: Stage) -> None:
    """A second, other report changes nothing and is told so."""
    panda_id = await stage.job(S.RUNNING)
    await tell(stage, "failed", panda_id, job_output_report="first", pilot_error_code=1)
    before = await stage.dump()
    assert await tell(stage, "finished", panda_id, job_output_report="second", pilot_error_code=2) == ALREADY_DONE
    assert await tell(stage, "failed", panda_id, job_output_report="third", pilot_error_code=3) == NOTHING
    assert await stage.dump() == before


@ensureDeferred
async def test_words_out_of_order(stage: Stage) -> None:
    """A "starting" that is overtaken by "running" does not take the job back, nor does either after the last word."""
    panda_id = await stage.job(S.SENT)
    assert await tell(stage, "running", panda_id) == NOTHING
    assert await tell(stage, "starting", panda_id) == NOTHING
    assert await stage.status(panda_id) is S.RUNNING
    await tell(stage, "finished", panda_id)
    before = await stage.dump()
    assert [await tell(stage, word, panda_id) for word in ("running", "starting", "holding")] == [NOTHING] * 3
    assert await stage.dump() == before


@ensureDeferred
async def test_recovery(stage: Stage) -> None:
    """A pilot that keeps its outputs leaves the job in holding, not to be judged; its report, when it comes, is taken."""
    panda_id = await stage.job(S.RUNNING)
    assert await tell(stage, "holding", panda_id) == NOTHING
    assert (await stage.status(panda_id), await stage.sql("SELECT 1 FROM job_report")) == (S.HOLDING, [])
    held = await stage.look(panda_id)
    assert await tell(stage, "running", panda_id) == NOTHING
    assert await tell(stage, "finished", panda_id, job_output_report="{}") == NOTHING
    assert await stage.sql("SELECT attemptnr, outcome, outputreport FROM job_report") == [(1, "finished", "{}")]
    last, job = (await stage.history(panda_id))[-1], await stage.look(panda_id)
    assert (last.event, last.was, last.became) == (Event.REPORTED, S.HOLDING, S.HOLDING)
    assert (job.stateChangeTime, job.endTime) == (held.stateChangeTime, held.endTime)


@ensureDeferred
async def test_times_that_the_pilot_tells(stage: Stage) -> None:
    """A pilot's own times of start and end stand in place of the server's."""
    panda_id = await stage.job(S.SENT)
    start, end = (datetime(2026, 1, 1, hour, tzinfo=UTC) for hour in (1, 2))
    await tell(stage, "running", panda_id, start_time=start)
    await tell(stage, "running", panda_id)
    await tell(stage, "finished", panda_id, end_time=end)
    job = await stage.look(panda_id)
    assert (job.startTime, job.endTime) == (start, end)


@ensureDeferred
async def test_corrupted_inputs(stage: Stage) -> None:
    """Inputs that a pilot found corrupted are marked so; names that are none of the job's inputs change nothing."""
    files = [a_file(lfn=lfn, type=kind) for lfn, kind in (("a", "input"), ("b", "input"), ("c", "output"))]
    panda_id = await stage.job(S.RUNNING, Files=files)
    assert await tell(stage, "failed", panda_id, corrupted_files="a,c,x") == NOTHING
    assert [f.status for f in (await stage.look(panda_id)).Files] == ["corrupted", "defined", "defined"]
    assert (await stage.history(panda_id))[-1].why == "the pilot reports failed; corrupted input: a, c, x"


@pytest.mark.parametrize("attempt_nr", [0, 2])
@pytest.mark.parametrize("word", ["running", "finished"])
@ensureDeferred
async def test_another_attempt_changes_nothing(stage: Stage, word: str, attempt_nr: int) -> None:
    """A pilot of another attempt is told to stop, and nothing whatever is written."""
    panda_id = await stage.job(S.RUNNING)
    before = await stage.dump()
    assert await tell(stage, word, panda_id, attempt_nr=attempt_nr, pilot_error_code=7, meta_data="x") == KILL
    assert await stage.dump() == before


@pytest.mark.parametrize("status", sorted((BEFORE_PILOT | FINAL) - {S.FINISHED, S.FAILED, S.CLOSED}))
@ensureDeferred
async def test_jobs_in_other_hands(stage: Stage, status: JobStatus) -> None:
    """A heartbeat for a job that is not with a pilot stops its sender and changes nothing."""
    panda_id = await stage.job(status)
    before = await stage.dump()
    assert await tell(stage, "running", panda_id) == KILL
    assert await stage.dump() == before


@ensureDeferred
async def test_late_words_after_the_end(stage: Stage) -> None:
    """After the end a heartbeat changes nothing: the pilot of a finished job is left alone, that of a failed one told."""
    finished, failed = await stage.job(S.FINISHED), await stage.job(S.FAILED)
    before = await stage.dump()
    assert await tell(stage, "running", finished) == NOTHING
    assert await tell(stage, "running", failed) == ALREADY_DONE
    assert await tell(stage, "finished", failed) == ALREADY_DONE
    assert await stage.dump() == before


@ensureDeferred
async def test_unknown_jobs_and_words(stage: Stage) -> None:
    """A job that does not exist is to be stopped; a word that does not exist is answered and ignored, as PanDA does."""
    panda_id = await stage.job(S.RUNNING)
    before = await stage.dump()
    assert await tell(stage, "running", panda_id + 1) == KILL
    assert await tell(stage, "daydreaming", panda_id, pilot_error_code=7) == NOTHING
    assert await stage.dump() == before


@ensureDeferred
async def test_kill_reaches_the_pilot(stage: Stage) -> None:
    """The command on a job is the answer to each heartbeat and to the report, also when that comes again; the report is taken."""
    panda_id = await stage.job(S.RUNNING)
    await stage.sql("UPDATE job SET commandtopilot = 'tobekilled' RETURNING 1")
    assert [await tell(stage, word, panda_id) for word in ("starting", "running", "failed", "failed")] == [KILL] * 4
    assert await stage.status(panda_id) is S.HOLDING


@ensureDeferred
async def test_strangers_are_refused(stage: Stage) -> None:
    """Who is no pilot and did not take the job is refused, even its owner; nobody at all too; and nothing changes."""
    panda_id = await stage.job(S.RUNNING)
    before = await stage.dump()
    for caller in (a_caller("alice"), a_caller("bob")):
        with pytest.raises(Forbidden, match="was not given to you"):
            await tell(stage, "running", panda_id, caller)
    with pytest.raises(NotAuthenticated):
        await tell(stage, "running", panda_id, ANONYMOUS)
    assert await stage.dump() == before


@ensureDeferred
async def test_the_holder_needs_no_role(stage: Stage) -> None:
    """The identity that took a job may report it without any role, as users do with their own pilots."""
    panda_id = await stage.job(S.SENT)
    holder = Caller(PILOT)
    assert [await tell(stage, word, panda_id, holder) for word in ("running", "running", "finished", "finished")] == [NOTHING] * 4
    assert await stage.status(panda_id) is S.HOLDING


@pytest.mark.parametrize("role", [Role.PILOT, Role.PRODUCTION, Role.ADMIN])
@ensureDeferred
async def test_roles_that_report(stage: Stage, role: Role) -> None:
    """Any pilot may report any job: the one that recovers it may be another than the one that took it."""
    panda_id = await stage.job(S.SENT)
    assert await tell(stage, "running", panda_id, a_caller("somebody", role)) == NOTHING
    assert await stage.status(panda_id) is S.RUNNING


def test_jobs_know_no_more_than_the_table() -> None:
    """The signs of life and the last words together are what MEANINGS maps, and none of them leads outside a pilot's reach."""
    targets = {meaning.event for meaning in MEANINGS.values()}
    assert targets == {Event.STARTED, Event.RUNNING, Event.RECOVERING, Event.REPORTED}
    assert isinstance(JobSpec().jobStatus, JobStatus)
