"""Killing jobs, on the real store: who may, with which code, what is left, and that no job slips through."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from factories import ALICE, a_caller, a_job
from pytest_twisted import ensureDeferred
from stages import PATHS, PILOT_CALLER, Meanwhile, Stage
from twisted.internet.defer import Deferred, gatherResults

from pandad.jobdispatcher.heartbeat import Heartbeat
from pandad.jobdispatcher.requests import JobUpdate
from pandad.spec import errorcodes
from pandad.spec.caller import Caller, Role
from pandad.spec.errors import BadRequest, Forbidden
from pandad.spec.jobstatus import AFTER_PILOT, BEFORE_PILOT, FINAL, IN_SLOT, LIVE, Event, JobStatus
from pandad.spec.killcode import KILL_CODES
from pandad.taskbuffer import history
from pandad.userinterface.debug import Debug
from pandad.userinterface.jobs import Jobs
from pandad.userinterface.kill import NOTE, KillAnswer

from .wishes import ALICE_CALLER, S

PRODUCTION = a_caller("prod", Role.PRODUCTION)
ROOT = a_caller("root", Role.ADMIN)
MANAGER = replace(a_caller("mandy"), groups=frozenset({"phys"}))


async def answers(stage: Stage, *ids: int, caller: Caller = ALICE_CALLER, code: int | None = None) -> list[KillAnswer]:
    return await Jobs(stage.store).kill_each(caller, ids, code)


async def kill(stage: Stage, *ids: int, caller: Caller = ALICE_CALLER, code: int | None = None) -> list[bool]:
    return [answer.taken for answer in await answers(stage, *ids, caller=caller, code=code)]


def beat(panda_id: int, word: str = "running", **but: Any) -> JobUpdate:
    return JobUpdate(job_id=panda_id, job_status=word, attempt_nr=1, **but)


async def job_in(stage: Stage, status: JobStatus, **but: Any) -> int:
    return await stage.job(status, **but) if status in PATHS else (await stage.jobs(a_job(jobStatus=status, **but)))[0]


@pytest.mark.parametrize("status", sorted(BEFORE_PILOT | AFTER_PILOT))
@ensureDeferred
async def test_kill_without_a_slot(stage: Stage, status: JobStatus) -> None:
    """A job that holds no slot is cancelled at once, and says by whom."""
    panda_id = await stage.job(status)
    assert await kill(stage, panda_id) == [True]
    job = await stage.look(panda_id)
    assert (job.jobStatus, job.taskBufferErrorCode, job.taskBufferErrorDiag, job.commandToPilot) == (
        S.CANCELLED,
        errorcodes.TASKBUFFER_KILL,
        "killed by alice",
        None,
    )
    last = (await stage.history(panda_id))[-1]
    assert (last.event, last.who, last.why) == (Event.KILLED, ALICE.subject, "killed by alice")


@pytest.mark.parametrize("status", sorted(IN_SLOT))
@ensureDeferred
async def test_kill_in_a_slot(stage: Stage, status: JobStatus) -> None:
    """A job that a pilot has stays, and its pilot is told at the next heartbeat. Asked again, the answer is the same."""
    panda_id = await stage.job(status)
    assert [await kill(stage, panda_id) for _ in range(2)] == [[True], [True]]
    job = await stage.look(panda_id)
    assert (job.jobStatus, job.commandToPilot, job.taskBufferErrorDiag) == (status, "tobekilled", "killed by alice")
    assert (await stage.events(panda_id)).count(NOTE) == 1
    assert await Heartbeat(stage.store).update(PILOT_CALLER, beat(panda_id)) == "tobekilled"


@pytest.mark.parametrize("status", sorted(FINAL - {S.CLOSED}))
@ensureDeferred
async def test_kill_after_the_end(stage: Stage, status: JobStatus) -> None:
    """A job that has ended is not killed, by force neither, and the answer says how it ended."""
    panda_id = await stage.job(status)
    before = await stage.dump()
    for code in (None, 9):
        assert await answers(stage, panda_id, code=code) == [KillAnswer(panda_id, False, f"has ended: {status}")]
    assert await stage.dump() == before


@ensureDeferred
async def test_kill_in_the_archive(stage: Stage) -> None:
    """A job that ended long ago has ended, and is not unknown; what its pilot answered stays readable."""
    panda_id = await stage.job(S.FINISHED)
    await stage.sql("UPDATE job SET statechangetime = now() - interval '1 day' RETURNING 1")
    assert await stage.store.once("archive", history.archive, 60, 10) == 1
    assert await answers(stage, panda_id) == [KillAnswer(panda_id, False, "has ended: finished")]
    found = await Debug(stage.store).output(ALICE_CALLER, panda_id)
    assert (found["PandaID"], found["commands"]) == (panda_id, [])


# Code to (error code, diag of a job that is activated), the state it leads to before a pilot has the job, and the one it leads to
# at once while a pilot has it: None, if the pilot is told first.
CODES: dict[int | None, tuple[int, str, JobStatus, JobStatus | None]] = {
    None: (100, "killed by prod", S.CANCELLED, None),
    2: (102, "expired in activated. status unchanged since ", S.CLOSED, None),
    3: (103, "aborted by ExtIF", S.CANCELLED, None),
    4: (102, "expired in activated. status unchanged since ", S.CLOSED, None),
    7: (106, "retried by server", S.CLOSED, None),
    8: (105, "reassigned by rebrokerage", S.CLOSED, None),
    9: (100, "killed by prod", S.CANCELLED, S.CANCELLED),
    10: (130, "fast rebrokerage due to Nq/Nr overshoot", S.CLOSED, None),
    50: (100, "killed by prod", S.CLOSED, None),
    51: (105, "reassigned by JEDI", S.CLOSED, None),
    52: (100, "killed by prod", S.CLOSED, S.CANCELLED),
    55: (100, "killed by prod", S.CLOSED, None),
    60: (300, "its worker ended without work", S.CLOSED, S.CANCELLED),
    91: (100, "killed by prod", S.CANCELLED, None),
    99: (100, "killed by prod", S.CANCELLED, S.CANCELLED),
}


def test_the_table_is_whole() -> None:
    """Every code is tested."""
    assert set(CODES) == set(KILL_CODES)


@pytest.mark.parametrize("code", CODES)
@ensureDeferred
async def test_codes(stage: Stage, code: int | None) -> None:
    """What each code leaves on a job that waits for a pilot, and on one that a pilot has; the history has the number."""
    error, diag, before_slot, in_slot = CODES[code]
    # The pilot of `Stage.job` takes whatever waits, so the one that runs comes first.
    runs = await stage.job(S.RUNNING, prodSourceLabel="managed")
    waits = await stage.job(S.ACTIVATED, prodSourceLabel="managed")
    assert await kill(stage, waits, runs, caller=PRODUCTION, code=code) == [True, True]
    ended, told = await stage.look(waits), await stage.look(runs)
    assert (ended.jobStatus, ended.taskBufferErrorCode) == (before_slot, error)
    assert (ended.taskBufferErrorDiag or "").startswith(diag)
    assert (told.jobStatus, told.commandToPilot) == (in_slot or S.RUNNING, "tobekilled")
    assert told.taskBufferErrorCode == error
    for panda_id in (waits, runs):
        last = (await stage.history(panda_id))[-1]
        assert PRODUCTION.identity is not None
        assert (last.who, (last.why or "").endswith(f"(code {code})")) == (PRODUCTION.identity.subject, code is not None)
    assert await Heartbeat(stage.store).update(PILOT_CALLER, beat(runs)) == "tobekilled"


@pytest.mark.parametrize("status", sorted(LIVE))
@ensureDeferred
async def test_force(stage: Stage, status: JobStatus) -> None:
    """By force any live job ends at once; also one that was to be told first, and its pilot hears of it all the same."""
    panda_id = await stage.job(status)
    if status in IN_SLOT:
        assert await kill(stage, panda_id) == [True]
    assert await kill(stage, panda_id, code=9) == [True]
    assert (await stage.look(panda_id)).jobStatus is S.CANCELLED
    assert (await stage.events(panda_id))[-1] == Event.FORCE_KILLED


@pytest.mark.parametrize("code", [0, 1, -9, 6, 100, 2**40])
@ensureDeferred
async def test_unknown_codes(stage: Stage, code: int) -> None:
    """A number that is no kill code is refused, with the codes that there are, and nobody is killed."""
    panda_id = await stage.job()
    with pytest.raises(BadRequest, match=f"code: {code} is not a kill code.*50, 51, 52"):
        await kill(stage, panda_id, code=code)
    assert await stage.status(panda_id) is S.DEFINED


@pytest.mark.parametrize("code", [code for code, rule in KILL_CODES.items() if rule.needs_production])
@ensureDeferred
async def test_codes_for_production(stage: Stage, code: int) -> None:
    """Codes that are the system's word, or reach users' jobs, are not for everybody, own job or not."""
    panda_id = await stage.job()
    with pytest.raises(Forbidden, match=f"kill code {code} .*needs the role production or admin; you are .*with roles: no"):
        await kill(stage, panda_id, code=code)
    assert await stage.status(panda_id) is S.DEFINED


# Caller, to whether it may kill alice's own job, one of her group's, and one of production's: with no code, and with 91.
WHO: dict[str, tuple[Caller, str, str]] = {
    "owner": (ALICE_CALLER, "yes yes yes", "forbidden"),
    "somebody": (a_caller("bob"), "no no no", "forbidden"),
    "a pilot": (a_caller("bob", Role.PILOT), "no no no", "forbidden"),
    "the pilot that has it": (PILOT_CALLER, "no no no", "forbidden"),
    "her name, another CA": (Caller(replace(ALICE, anchor="/CN=Another CA")), "no no no", "forbidden"),
    "her CN, another DN": (Caller(replace(ALICE, subject="/DC=org/DC=other/CN=alice")), "no no no", "forbidden"),
    "manager": (MANAGER, "no yes no", "forbidden"),
    "her own job's proxy": (a_caller("alice", limited=True), "no no no", "forbidden"),
    "production": (PRODUCTION, "no no yes", "yes yes yes"),
    "production and manager": (replace(MANAGER, roles=frozenset({Role.PRODUCTION})), "no yes yes", "yes yes yes"),
    "a limited proxy of production": (a_caller("prod", Role.PRODUCTION, limited=True), "no no no", "no no no"),
    "admin": (ROOT, "yes yes yes", "yes yes yes"),
}


@pytest.mark.parametrize("name", WHO)
@ensureDeferred
async def test_who_may_kill(stage: Stage, name: str) -> None:
    """Owner by identity, managers of its group, production for its own work, admins; for users' jobs production needs a code. A
    refused job stays as it is, and the refusal says whom the server sees and who may."""
    caller, plain, with_code = WHO[name]
    kinds: list[dict[str, Any]] = [{}, {"workingGroup": "phys"}, {"prodSourceLabel": "managed"}]
    for code, expected in ((None, plain), (91, with_code)):
        ids = [await stage.job(S.DEFINED, **but) for but in kinds]
        if expected == "forbidden":
            with pytest.raises(Forbidden):
                await answers(stage, *ids, caller=caller, code=code)
            expected = "no no no"
        else:
            for answer in await answers(stage, *ids, caller=caller, code=code):
                assert answer.taken or ("killed by its owner" in answer.reason and "you are " in answer.reason)
        statuses = [await stage.status(i) for i in ids]
        assert [status is S.CANCELLED for status in statuses] == [word == "yes" for word in expected.split()]


@ensureDeferred
async def test_strangers_leave_no_trace(stage: Stage) -> None:
    """A refused kill changes nothing at all."""
    panda_id = await stage.job(S.RUNNING)
    before = await stage.dump()
    assert await kill(stage, panda_id, caller=a_caller("bob", Role.PILOT, Role.PRODUCTION)) == [False]
    assert await stage.dump() == before


@ensureDeferred
async def test_kill_many(stage: Stage) -> None:
    """Answers stand in the order asked for, for own and other, known and unknown jobs, and for one that is named twice."""
    mine, runs, theirs = await stage.job(), await stage.job(S.RUNNING), await stage.job(owner=replace(ALICE, subject="/CN=bob"))
    found = await answers(stage, theirs, mine, 10**9, runs, mine)
    assert [a.taken for a in found] == [False, True, False, True, True]
    assert [a.reason for a in found[1:]] == [
        "is cancelled now",
        "there is no such job",
        "its pilot is told to stop at its next heartbeat",
        "is cancelled now",
    ]
    assert await kill(stage) == []
    assert [await stage.status(i) for i in (mine, runs, theirs)] == [S.CANCELLED, S.RUNNING, S.DEFINED]


@pytest.mark.parametrize("word", ["finished", "failed"])
@ensureDeferred
async def test_a_pilot_that_ends_first(stage: Stage, word: str) -> None:
    """A job whose kill was taken does not finish: the report of a pilot that had not heard of it is answered with the kill, and
    says so once more when it is sent again."""
    panda_id = await stage.job(S.RUNNING)
    assert await kill(stage, panda_id) == [True]
    for _ in range(2):
        assert await Heartbeat(stage.store).update(PILOT_CALLER, beat(panda_id, word)) == "tobekilled"
    assert (await stage.look(panda_id)).commandToPilot == "tobekilled"


@pytest.mark.parametrize("change", ["claim", "run", "report", "back"])
@ensureDeferred
async def test_a_job_that_changes_just_now(stage: Stage, change: str) -> None:
    """A job that changes its state just before it is killed is killed in the state in which it is then."""
    panda_id = await stage.job(S.ACTIVATED if change == "claim" else S.SENT)

    async def act() -> None:
        if change == "claim":
            await stage.claim()
        elif change == "back":
            await stage.sql("UPDATE job SET jobstatus = 'activated', attemptnr = 2, holdersubject = NULL RETURNING 1")
        else:
            word = "running" if change == "run" else "finished"
            await Heartbeat(stage.store).update(PILOT_CALLER, beat(panda_id, word))

    (answer,) = await Jobs(Meanwhile(stage.store, "kill", act)).kill_each(ALICE_CALLER, [panda_id])
    job = await stage.look(panda_id)
    assert answer.taken
    assert job.commandToPilot == "tobekilled" if job.jobStatus in IN_SLOT else job.jobStatus is S.CANCELLED


@ensureDeferred
async def test_races_with_pilots(stage: Stage) -> None:
    """However claims, first words, last words and kills of the same jobs fall together: each kill is taken; a job was never
    dispatched, or its pilot is told, or it is over and cancelled. None runs to its end unnoticed."""
    ids = await stage.jobs(*(a_job(jobStatus=S.ACTIVATED) for _ in range(120)))
    heartbeat, told = Heartbeat(stage.store), dict[int, list[str]]()

    async def pilot(last_word: str) -> None:
        for job in await stage.claim(count=5):
            words = [beat(job.PandaID or 0, "running"), beat(job.PandaID or 0, last_word)]
            told[job.PandaID or 0] = [await heartbeat.update(PILOT_CALLER, word) for word in words]

    async def killer(few: list[int]) -> list[bool]:
        return await kill(stage, *few)

    pilots = [Deferred.fromCoroutine(pilot("finished" if n % 2 else "running")) for n in range(24)]
    taken = await gatherResults([Deferred.fromCoroutine(killer(ids[n : n + 8])) for n in range(0, 120, 8)])
    await gatherResults(pilots)
    assert all(all(few) for few in taken)
    for panda_id in ids:
        job = await stage.look(panda_id)
        if panda_id in told and job.jobStatus is not S.CANCELLED:
            assert job.commandToPilot == "tobekilled"
            assert await heartbeat.update(PILOT_CALLER, beat(panda_id)) in ("tobekilled", "NULL")
        else:
            assert job.jobStatus is S.CANCELLED
            assert panda_id in told or Event.CLAIMED not in await stage.events(panda_id)
