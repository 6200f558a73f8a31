"""Every job says why it is where it is."""

from __future__ import annotations

from typing import Any

import pytest
from factories import QUEUE, a_caller, a_decision, a_job
from pytest_twisted import ensureDeferred
from stages import Stage

from pandad.spec.jobstatus import FINAL, Actor, Event, JobStatus
from pandad.spec.retry import RetryPolicy
from pandad.taskbuffer import decisions, retries
from pandad.taskbuffer.retries import Failed
from pandad.userinterface.explain import WAITS, errors_of
from pandad.userinterface.jobs import Jobs

ALICE_CALLER = a_caller("alice")
S = JobStatus


async def why(stage: Stage, panda_id: int) -> dict[str, object]:
    return await Jobs(stage.store).why(ALICE_CALLER, panda_id)


@pytest.mark.parametrize("status", sorted(JobStatus))
@ensureDeferred
async def test_every_state_has_a_sentence(stage: Stage, status: JobStatus) -> None:
    """In each state a job says in a sentence why it is there, what it waits for (nothing after its end), since when and where."""
    panda_id = (await stage.jobs(a_job(jobStatus=S.PENDING)))[0] if status is S.CLOSED else await stage.job(status)
    if status is S.CLOSED:
        await stage.event(Event.CLOSED, panda_id, actor=Actor.WATCHER)
    said = await why(stage, panda_id)
    job = await stage.look(panda_id)
    assert (said["PandaID"], said["jobStatus"], said["attemptNr"], said["since"]) == (panda_id, status, 1, job.stateChangeTime)
    assert (said["waits_for"] is None) == (status in FINAL)
    assert said["summary"] == f"job {panda_id} {WAITS[status][1](job)}"
    assert said["computingSite"] == job.computingSite
    assert "None" not in str(said["summary"])


def test_sentences_for_all_states() -> None:
    """No state is without a sentence."""
    assert set(WAITS) == set(JobStatus)


@pytest.mark.parametrize(
    ("status", "but", "words"),
    [
        (S.DEFINED, {}, "waits for brokerage to pick a queue"),
        (S.DEFINED, {"brokerageErrorDiag": "no queue takes it: Q: too small"}, "no queue takes it: Q: too small"),
        (S.WAITING, {"ddmErrorDiag": "not at DISK: a:b"}, "not at DISK: a:b"),
        (S.ASSIGNED, {}, f"goes to {QUEUE}"),
        (S.ACTIVATED, {}, f"is ready at {QUEUE} and waits for a pilot"),
        (S.SENT, {}, "on node1.test, which has not spoken yet"),
        (S.RUNNING, {}, "runs on node1.test"),
        (S.CANCELLED, {"taskBufferErrorDiag": "killed by alice"}, "killed by alice"),
        (
            S.FAILED,
            {"jobDispatcherErrorCode": 100, "jobDispatcherErrorDiag": "lost heartbeat : x"},
            "failed: jobDispatcher 100: lost heartbeat : x",
        ),
    ],
)
@ensureDeferred
async def test_the_reason_is_the_jobs_own(stage: Stage, status: JobStatus, but: dict[str, Any], words: str) -> None:
    """The sentence says what is known of this very job."""
    assert words in str((await why(stage, await stage.job(status, **but)))["summary"])


@ensureDeferred
async def test_a_kill_under_way(stage: Stage) -> None:
    """A job whose pilot is yet to be told says so."""
    panda_id = await stage.job(S.RUNNING)
    await Jobs(stage.store).kill(ALICE_CALLER, [panda_id])
    assert str((await why(stage, panda_id))["summary"]).endswith("; its pilot is told to stop at the next heartbeat")


@ensureDeferred
async def test_verdicts(stage: Stage) -> None:
    """What the brokerage saw is shown as it was decided, with the time; before the first decision there is nothing."""
    panda_id = await stage.job()
    assert [(await why(stage, panda_id))[key] for key in ("queues", "decided_at")] == [[], None]
    verdicts = [{"queue": "Q", "verdict": "no", "criterion": "disk", "have": 1, "need": 2, "text": "too small"}]
    await stage.store.transact("test_decide", decisions.put, [a_decision(panda_id, None, verdicts)])
    said = await why(stage, panda_id)
    assert said["queues"] == verdicts
    assert said["decided_at"] is not None


@ensureDeferred
async def test_attempts(stage: Stage) -> None:
    """A job in a later attempt says how the one before ended; every attempt that is over is listed with its end; in its first
    attempt a job lists none."""
    panda_id = await stage.job(S.RUNNING, maxAttempt=2)
    assert (await why(stage, panda_id))["attempts"] == []
    lost = Failed(panda_id, Event.LOST, "lost", values={"jobDispatcherErrorCode": 100, "jobDispatcherErrorDiag": "lost"})
    policy = RetryPolicy()
    await stage.store.transact("test_lose", retries.settle, policy, [lost], actor=Actor.WATCHER, who="watcher")
    said = await why(stage, panda_id)
    first = "jobDispatcher 100: lost; taskBuffer 106: retried, attempt 2 of 2: its pilot vanished"
    assert str(said["summary"]).endswith(f"waits for a pilot that fits; this is attempt 2, the one before ended with: {first}")
    await stage.claim()
    assert await stage.event(Event.RUNNING, panda_id, actor=Actor.PILOT)
    await stage.store.transact("test_lose", retries.settle, policy, [lost], actor=Actor.WATCHER, who="watcher")
    attempts: Any = (await why(stage, panda_id))["attempts"]
    assert [(a["attemptNr"], a["event"], a["why"]) for a in attempts] == [
        (1, Event.RETRIED, first),
        (2, Event.LOST, "lost; not retried: 2 of 2 attempts were made"),
    ]


def test_errors() -> None:
    """Each error stands with its source, code and text, the payload's exit code first; codes of 0 are none."""
    job = a_job(
        transExitCode="65", exeErrorCode=65, exeErrorDiag="bad input", pilotErrorCode=1305, ddmErrorCode=0, ddmErrorDiag="old"
    )
    assert errors_of(job) == ["payload exit code 65", "exe 65: bad input", "pilot 1305: no text"]
    assert errors_of(a_job(transExitCode="0")) == ["no error was reported"]


@ensureDeferred
async def test_timeline(stage: Stage) -> None:
    """The history has every event from the submission on, oldest first, with states, attempt and who was behind it."""
    panda_id = await stage.job(S.RUNNING)
    await Jobs(stage.store).kill(ALICE_CALLER, [panda_id])
    lines = await Jobs(stage.store).timeline(ALICE_CALLER, panda_id)
    assert [(line["event"], line["from"], line["to"], line["actor"]) for line in lines] == [
        ("submitted", None, "activated", "user"),
        ("claimed", "activated", "sent", "pilot"),
        ("running", "sent", "running", "pilot"),
        ("kill asked", "running", "running", "user"),
    ]
    assert [line["why"] for line in lines[1:]] == ["on node1.test", None, "killed by alice"]
    assert {line["attemptNr"] for line in lines} == {1}
    times = [line["at"] for line in lines]
    assert times == sorted(times, key=str)
