"""Every job says why it is where it is."""

from __future__ import annotations

from typing import Any

import pytest
from factories import ALICE, QUEUE, a_caller, a_decision, a_file, a_job
from fakes.ddm import FakeDDM
from pytest_twisted import ensureDeferred
from stages import Stage
from twisted.internet.task import Clock
from whys import DISK, Whys

from pandad.brokerage.cycle import Cycle
from pandad.config import BrokerageConfig, SharesConfig
from pandad.spec import errorcodes
from pandad.spec.caller import ANONYMOUS
from pandad.spec.errors import NotAuthenticated, NotFound
from pandad.spec.jobstatus import FINAL, Actor, Event, JobStatus
from pandad.spec.reason import REASONS, Reason
from pandad.spec.retry import RetryPolicy
from pandad.taskbuffer import decisions, deferrals, history, retries
from pandad.taskbuffer.retries import Failed
from pandad.userinterface.explain import SAYS, errors_of
from pandad.userinterface.jobs import Jobs

ALICE_CALLER = a_caller("alice")
S, R = JobStatus, Reason


async def why(stage: Stage, panda_id: int, **but: Any) -> dict[str, Any]:
    return await Whys(stage.store).explain.job(ALICE_CALLER, panda_id, **but)


async def reason(stage: Stage, panda_id: int) -> str:
    return str((await why(stage, panda_id))["reason"])


async def brokered(stage: Stage, **but: Any) -> None:
    """A round of the real brokerage, whether or not jobs were looked at before."""
    await stage.due()
    await Cycle(stage.store, BrokerageConfig(**but), Clock(), FakeDDM(DISK)).run_once()


@pytest.mark.parametrize("status", sorted(JobStatus))
@ensureDeferred
async def test_every_state_has_a_reason(stage: Stage, status: JobStatus) -> None:
    """In each state a job says by a code and a sentence why it is there, what it waits for (nothing after its end), what would
    change that, since when and where."""
    panda_id = (await stage.jobs(a_job(jobStatus=S.PENDING)))[0] if status is S.CLOSED else await stage.job(status)
    if status is S.CLOSED:
        await stage.event(Event.CLOSED, panda_id, actor=Actor.WATCHER)
    said = await why(stage, panda_id)
    job = await stage.look(panda_id)
    assert (said["PandaID"], said["jobStatus"], said["attemptNr"], said["since"]) == (panda_id, status, 1, job.stateChangeTime)
    assert status in REASONS[said["reason"]].states
    assert (said["waits_for"] is None) == (status in FINAL)
    assert said["summary"].startswith(f"job {panda_id} {SAYS[status](job)}")
    assert said["next_step"]
    assert said["computingSite"] == job.computingSite
    assert "None" not in said["summary"] + said["next_step"]


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
async def test_the_sentence_is_the_jobs_own(stage: Stage, status: JobStatus, but: dict[str, Any], words: str) -> None:
    """The sentence says what is known of this very job."""
    assert words in (await why(stage, await stage.job(status, **but)))["summary"]


@pytest.mark.parametrize(
    ("queues", "but", "code"),
    [
        ([], {}, R.NO_QUEUE),
        ([{"maxrss": 1000}], {}, R.NEVER),
        ([{"status": "offline"}], {}, R.QUEUES_CLOSED),
        ([{"status": "offline"}, {"maxrss": 1000}], {}, R.QUEUES_CLOSED),
        ([{}], {"avoided": ["Q0"]}, R.QUEUES_AVOIDED),
        ([{"status": "offline"}, {}], {"avoided": ["Q1"]}, R.NO_QUEUE_NOW),
        ([{"maxrss": 1000}], {"computingSite": "Q0", "relocationFlag": 1}, R.PINNED_REFUSED),
        ([{}], {"computingSite": "Q9", "relocationFlag": 1}, R.PINNED_TO_NOTHING),
    ],
)
@ensureDeferred
async def test_refused_by_brokerage(stage: Stage, queues: list[dict[str, Any]], but: dict[str, Any], code: Reason) -> None:
    """A job that no queue took says what kind of obstacle it is, whatever queues there are that could not take it anyway."""
    for number, queue in enumerate(queues):
        await stage.queue(nickname=f"Q{number}", **queue)
    but, avoided = {**but}, but.get("avoided", [])
    but.pop("avoided", None)
    panda_id = await stage.job(minRamCount=2000, **but)
    await stage.sql("UPDATE job SET avoided = %(avoided)s::text[] RETURNING 1", avoided=avoided)
    await brokered(stage)
    assert await reason(stage, panda_id) == code


@ensureDeferred
async def test_what_would_have_to_change(stage: Stage) -> None:
    """The next step names the key that the user can change, the one that the operator can, and both figures; the funnel counts
    the queues by criterion; the nearest queue comes first."""
    for number in range(3):
        await stage.queue(nickname=f"SMALL{number}", maxrss=1000 * (number + 1))
    await stage.queue(nickname="BAD", cmtconfig="el9", maxrss=100)
    panda_id = await stage.job(minRamCount=6000)
    await brokered(stage)
    said = await why(stage, panda_id)
    assert said["next_step"] == (
        "ask for at most 3000 MB of memory (memory_mb, minRamCount) instead of 6000, "
        "or the operator can raise maxrss of SMALL2 from 3000 to 6000")
    assert said["funnel"] == {
        "queues": 4, "able": 0, "text": "4 of 4 queues: lowmemory 3000 < 6000", "criteria": [
            {"criterion": "lowmemory", "queues": 4, "nearest": "SMALL2", "have": 3000, "need": 6000,
             "text": "4 of 4 queues: lowmemory 3000 < 6000"}]}
    assert [queue["queue"] for queue in said["nearest"]] == ["SMALL2", "SMALL1", "SMALL0", "BAD"]
    assert said["never"].queue == "SMALL2"


@ensureDeferred
async def test_verdicts_of_this_moment(stage: Stage) -> None:
    """What was decided stands until it is decided again; who wants can have the verdicts of now, which changes nothing."""
    await stage.queue(maxrss=1000)
    panda_id = await stage.job(minRamCount=2000)
    await brokered(stage)
    await stage.queue(maxrss=4000)
    before, now = await why(stage, panda_id), await why(stage, panda_id, now=True)
    assert [(each["fresh"], each["queues"][0]["verdict"], each["funnel"]["able"]) for each in (before, now)] == [
        (False, "no", 0), (True, "ok", 1)]
    assert now["decided_at"] > before["decided_at"]
    assert await why(stage, panda_id) == before


@ensureDeferred
async def test_waiting_for_input(stage: Stage) -> None:
    """A job without its input lists the missing files and where they are missing; one whose storage is away says that."""
    await stage.queue()
    files = [a_file(type="input", lfn=f"in{n}.root") for n in range(2)]
    panda_id = await stage.job(S.WAITING, computingSite=QUEUE, ddmErrorCode=errorcodes.DDM_SETUPPER, Files=files)
    whys = Whys(stage.store)
    said = await whys.explain.job(ALICE_CALLER, panda_id)
    assert (said["reason"], said["input"]) == (
        R.INPUT_MISSING, {"endpoint": DISK, "missing": ["user.alice:in0.root", "user.alice:in1.root"], "problem": None,
                          "transfers": []})
    whys.ddm.out.add(DISK)
    assert (await whys.explain.job(ALICE_CALLER, panda_id))["input"]["problem"] == f"{DISK} does not answer"
    away = await stage.job(S.WAITING, computingSite=QUEUE, ddmErrorCode=errorcodes.DDM_RSE)
    assert await reason(stage, away) == R.INPUT_STORAGE_AWAY


@pytest.mark.parametrize(("config", "group", "code"), [
    (SharesConfig(user_cap=2), None, R.USER_CAP), (SharesConfig(user_cap=0, group_caps={"phys": 2}), "phys", R.GROUP_CAP)])
@pytest.mark.parametrize("status", [S.THROTTLED, S.ACTIVATED])
@ensureDeferred
async def test_caps(stage: Stage, config: SharesConfig, group: str | None, code: Reason, status: JobStatus) -> None:
    """A job that a cap holds back says whose it is, how much of it is used and how much it is; when there is room, that."""
    running = await stage.job(S.RUNNING, coreCount=2, workingGroup=group)
    panda_id = (await stage.jobs(a_job(jobStatus=status, computingSite=QUEUE, workingGroup=group)))[0]
    said = await Whys(stage.store, config).explain.job(ALICE_CALLER, panda_id)
    who = f"group {group}" if group else f"user {ALICE.subject}"
    assert said["reason"] == code
    assert f"{who} has 2 cores, the cap is 2" in said["summary"]
    assert said["caps"] == [{"of": who, "cores": 2, "cap": 2, "lets_go_below": 1.8}]
    await stage.event(Event.LOST, running, actor=Actor.WATCHER)
    freed = await Whys(stage.store, config).explain.job(ALICE_CALLER, panda_id)
    assert freed["reason"] == (R.CAP_LIFTED if status is S.THROTTLED else R.NO_PILOT)


@ensureDeferred
async def test_loops_that_stand_still(stage: Stage) -> None:
    """A job whose loop does not come, or fails, says so, and whom to tell."""
    await stage.queue()
    panda_id = await stage.job()
    assert await reason(stage, panda_id) == R.BROKERAGE_DUE
    await stage.silent_for([panda_id], 4000)
    said = await why(stage, panda_id)
    assert said["reason"] == R.BROKERAGE_STALLED
    assert "brokerage has not finished a round for 4" in said["summary"]
    await stage.sql("INSERT INTO loop (name, holder, finished) VALUES ('brokerage', 'x', now()) RETURNING 1")
    assert await reason(stage, panda_id) == R.BROKERAGE_DUE
    await stage.sql("UPDATE loop SET failures = 3, error = 'broken' RETURNING 1")
    said = await why(stage, panda_id)
    assert said["summary"].endswith("; its last 3 rounds failed: broken")
    assert "pandad loop" in said["next_step"]


@ensureDeferred
async def test_place_in_the_order(stage: Stage) -> None:
    """A job that is ready knows how many go before it, in its line and over all lines of its queue, and who shares with it."""
    mine = await stage.jobs(*(a_job(jobStatus=S.ACTIVATED, currentPriority=1000 - n) for n in range(5)))
    await stage.jobs(*(a_job(jobStatus=S.ACTIVATED, minRamCount=100, currentPriority=2000) for _ in range(3)))
    for place, panda_id in enumerate(mine):
        said = await why(stage, panda_id)
        order = said["order"]
        assert (order["before_in_line"], order["before"], order["at_least"], order["lines"]) == (place, place + 3, False, 2)
        assert [each["of"] for each in order["share"]] == ["no group", "user", "alice"]


@ensureDeferred
async def test_limits(stage: Stage) -> None:
    """A job says what becomes of it if nothing happens, by which setting and when."""
    panda_id = await stage.job(S.SENT)
    said = await why(stage, panda_id)
    (limit,) = said["limits"]
    assert (limit["setting"], limit["limit_s"], limit["then"]) == ("sent_s", 40, Event.SENT_EXPIRED)
    assert (limit["at"] - said["since"]).total_seconds() == 40


@ensureDeferred
async def test_a_kill_under_way(stage: Stage) -> None:
    """A job whose pilot is yet to be told says so."""
    panda_id = await stage.job(S.RUNNING)
    await Jobs(stage.store).kill(ALICE_CALLER, [panda_id])
    said = await why(stage, panda_id)
    assert said["reason"] == R.BEING_KILLED
    assert said["summary"].endswith("; its pilot is told to stop at the next heartbeat")


@ensureDeferred
async def test_verdicts(stage: Stage) -> None:
    """What the brokerage saw is shown as it was decided, with the time; before the first decision, what it would say now."""
    await stage.queue(maxrss=1000)
    panda_id = await stage.job(minRamCount=2000)
    said = await why(stage, panda_id)
    assert (said["fresh"], said["reason"], [v["criterion"] for v in said["queues"]]) == (True, R.NEVER, ["lowmemory"])
    verdicts = [{"queue": "Q", "verdict": "no", "criterion": "disk", "have": 1, "need": 2, "text": "too small"}]
    await stage.store.transact("test_decide", decisions.put, [a_decision(panda_id, None, verdicts)])
    said = await why(stage, panda_id)
    assert said["queues"] == verdicts
    assert said["decided_at"] is not None


@ensureDeferred
async def test_a_job_that_is_put_off(stage: Stage) -> None:
    """A job that no queue took says when it is looked at again; one not yet looked at, or that has a queue, has no such time."""
    panda_id, taken = await stage.job(), await stage.job(S.ACTIVATED)
    assert (await why(stage, panda_id))["again_at"] is None
    await stage.store.transact("test_put_off", deferrals.defer, [(panda_id, 60.0)], 60.0)
    said = await why(stage, panda_id)
    ((next_s,),) = await stage.sql("SELECT round(extract(epoch FROM %(at)s::timestamptz - now()))::int", at=said["again_at"])
    assert 0 < next_s <= 60
    assert (await why(stage, taken))["again_at"] is None


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
    assert said["summary"].endswith(f"; this is attempt 2, the one before ended with: {first}")
    await stage.claim()
    assert await stage.event(Event.RUNNING, panda_id, actor=Actor.PILOT)
    await stage.store.transact("test_lose", retries.settle, policy, [lost], actor=Actor.WATCHER, who="watcher")
    said = await why(stage, panda_id)
    assert [(a["attemptNr"], a["event"], a["why"]) for a in said["attempts"]] == [
        (1, Event.RETRIED, first),
        (2, Event.LOST, "lost; not retried: 2 of 2 attempts were made"),
    ]
    assert said["reason"] == R.FAILED_LOST


@ensureDeferred
async def test_archived(stage: Stage) -> None:
    """A job in the archive is explained as before."""
    panda_id = await stage.job(S.FAILED, pilotErrorCode=1305, pilotErrorDiag="bad")
    before = await why(stage, panda_id)
    await stage.store.once("archive", history.archive, 0, 10)
    assert await why(stage, panda_id) == before
    assert before["reason"] == R.FAILED_PILOT


def test_errors() -> None:
    """Each error stands with its source, code and text, the payload's exit code first; codes of 0 are none."""
    job = a_job(
        transExitCode="65", exeErrorCode=65, exeErrorDiag="bad input", pilotErrorCode=1305, ddmErrorCode=0, ddmErrorDiag="old"
    )
    assert errors_of(job) == ["payload exit code 65", "exe 65: bad input", "pilot 1305: no text"]
    assert errors_of(a_job(transExitCode="0")) == ["no error was reported"]


@ensureDeferred
async def test_nobody_and_nothing(stage: Stage) -> None:
    """Who has no identity is told nothing; a job that does not exist has no reason."""
    with pytest.raises(NotAuthenticated):
        await Whys(stage.store).explain.job(ANONYMOUS, 1)
    with pytest.raises(NotFound, match="there is no job 99"):
        await why(stage, 99)


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
