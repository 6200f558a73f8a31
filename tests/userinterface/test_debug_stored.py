"""Debug mode and debug commands, from the owner to the pilot and back, on the real store."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from factories import ALICE, PILOT, a_caller
from pytest_twisted import ensureDeferred
from stages import PILOT_CALLER, Stage
from whys import Whys

from pandad.jobdispatcher.heartbeat import Heartbeat
from pandad.jobdispatcher.requests import JobUpdate
from pandad.spec.caller import ANONYMOUS, Caller, Role
from pandad.spec.errors import BadRequest, Conflict, Forbidden, NotAuthenticated, NotFound
from pandad.spec.jobstatus import AFTER_PILOT, BEFORE_PILOT, FINAL, IN_SLOT, Actor, Event
from pandad.spec.pilotcommand import DEBUG_OFF
from pandad.taskbuffer.outputs import LONGEST, PATIENCE_TELLINGS
from pandad.userinterface.debug import Debug
from pandad.userinterface.jobs import Jobs

from .wishes import ALICE_CALLER, S, a_spec

MANAGER = replace(a_caller("mandy"), groups=frozenset({"phys"}))


def room(stage: Stage) -> Debug:
    return Debug(stage.store)


async def hear(stage: Stage, panda_id: int, stdout: str | None = None, word: str = "running", **but: Any) -> str:
    """The answer to a pilot that says it is running, with that output."""
    update = JobUpdate(**{"job_id": panda_id, "job_status": word, "attempt_nr": 1, "stdout": stdout, **but})
    return await Heartbeat(stage.store).update(PILOT_CALLER, update)


async def ask(stage: Stage, panda_id: int, command: str = "ps -ef", caller: Caller = ALICE_CALLER) -> str:
    return await room(stage).command(caller, panda_id, command)


async def outputs(stage: Stage, panda_id: int) -> list[tuple[str, str | None]]:
    """(command, output) of each asking."""
    found: Any = await room(stage).output(ALICE_CALLER, panda_id)
    return [(each["command"], each["output"]) for each in found["commands"]]


@ensureDeferred
async def test_a_command_and_its_output(stage: Stage) -> None:
    """A command is told at the next heartbeat; what the pilot sends then is kept with the job, with who asked and when; after
    that the pilot is told to stop, and again as long as it sends output that nobody wants."""
    panda_id = await stage.job(S.RUNNING)
    assert await ask(stage, panda_id, " ps  -ef ") == "ps -ef"
    assert await hear(stage, panda_id) == "ps -ef"
    assert await outputs(stage, panda_id) == [("ps -ef", None)]
    assert await hear(stage, panda_id, "1 root") == DEBUG_OFF
    assert await hear(stage, panda_id, "1 root\n2 root") == DEBUG_OFF
    assert await hear(stage, panda_id) == "NULL"
    found: Any = await room(stage).output(ALICE_CALLER, panda_id)
    (each,) = found["commands"]
    assert (each["output"], each["askedBy"], each["attemptNr"]) == ("1 root", ALICE.subject, 1)
    assert each["asked"] <= each["told"] <= each["at"]
    assert (found["PandaID"], found["debug"], found["stdout"]) == (panda_id, False, "1 root\n2 root")
    *_, asked, answered = await stage.history(panda_id)
    assert (asked.event, asked.who, asked.why) == ("debug command asked", ALICE.subject, "ps -ef")
    assert (answered.event, answered.who, answered.why) == ("debug command answered", PILOT.subject, "ps -ef")


@ensureDeferred
async def test_debug_mode(stage: Stage) -> None:
    """While it is on the pilot is told so in every reply, and its newest output can be read; after a command it goes back to
    that. Off, it is told to stop."""
    panda_id = await stage.job(S.RUNNING)
    await room(stage).set_mode(ALICE_CALLER, panda_id, True)
    assert [await hear(stage, panda_id, tail) for tail in (None, "a", "b")] == ["debug"] * 3
    found = await room(stage).output(ALICE_CALLER, panda_id)
    assert (found["debug"], found["stdout"], found["commands"]) == (True, "b", [])
    await ask(stage, panda_id)
    assert await hear(stage, panda_id, "c") == "debug,ps -ef"
    assert await hear(stage, panda_id, "1 root") == "debug"
    assert await outputs(stage, panda_id) == [("ps -ef", "1 root")]
    await room(stage).set_mode(ALICE_CALLER, panda_id, False)
    assert [await hear(stage, panda_id, tail) for tail in ("d", None)] == [DEBUG_OFF, "NULL"]
    assert (await stage.look(panda_id)).specialHandling is None


@pytest.mark.parametrize("debug", [False, True])
@ensureDeferred
async def test_lost_replies(stage: Stage, debug: bool) -> None:
    """A reply that told the command was lost, and the pilot sends the same update again: the output in it is not the answer."""
    panda_id = await stage.job(S.RUNNING)
    if debug:
        await room(stage).set_mode(ALICE_CALLER, panda_id, True)
    await ask(stage, panda_id)
    telling = "debug,ps -ef" if debug else "ps -ef"
    for _ in range(2):
        assert await hear(stage, panda_id, "tail of the log" if debug else None) == telling
    assert await outputs(stage, panda_id) == [("ps -ef", None)]
    for _ in range(2):
        assert await hear(stage, panda_id, "1 root") == ("debug" if debug else DEBUG_OFF)
    assert await outputs(stage, panda_id) == [("ps -ef", "1 root")]


@ensureDeferred
async def test_the_same_output_twice(stage: Stage) -> None:
    """An answer that looks like the output before it is taken at the second sight."""
    panda_id = await stage.job(S.RUNNING)
    await ask(stage, panda_id, "ls")
    assert [await hear(stage, panda_id, "x") for _ in range(3)] == ["ls -la", "ls -la", DEBUG_OFF]
    assert await outputs(stage, panda_id) == [("ls -la", "x")]


@ensureDeferred
async def test_no_output(stage: Stage) -> None:
    """A pilot with nothing to send is told a few times, and then the output is empty."""
    panda_id = await stage.job(S.RUNNING)
    await ask(stage, panda_id, "tail none")
    heard = [await hear(stage, panda_id, "") for _ in range(PATIENCE_TELLINGS + 2)]
    assert heard == ["tail none"] * PATIENCE_TELLINGS + [DEBUG_OFF, "NULL"]
    assert await outputs(stage, panda_id) == [("tail none", "")]


@ensureDeferred
async def test_the_end_of_a_long_output(stage: Stage) -> None:
    """Of an output that is too long its end is kept."""
    panda_id = await stage.job(S.RUNNING)
    await ask(stage, panda_id)
    await hear(stage, panda_id)
    await hear(stage, panda_id, "a" + "b" * LONGEST)
    assert await outputs(stage, panda_id) == [("ps -ef", "b" * LONGEST)]


@ensureDeferred
async def test_asked_again_and_anew(stage: Stage) -> None:
    """Asked again while it waits, a command is asked once; another one takes its place; each keeps its own output."""
    panda_id = await stage.job(S.RUNNING)
    for command in ("ps", "ps -ef", "ls"):
        await ask(stage, panda_id, command)
    assert await hear(stage, panda_id) == "ls -la"
    await hear(stage, panda_id, "file")
    await ask(stage, panda_id, "ls")
    await hear(stage, panda_id, "file")
    await hear(stage, panda_id, "file file")
    assert await outputs(stage, panda_id) == [("ps -ef", None), ("ls -la", "file"), ("ls -la", "file file")]


@ensureDeferred
async def test_the_last_words_may_be_the_answer(stage: Stage) -> None:
    """Output that comes with the final report is kept too, and readable after the end."""
    panda_id = await stage.job(S.RUNNING)
    await ask(stage, panda_id)
    await hear(stage, panda_id)
    await hear(stage, panda_id, "1 root", word="failed")
    assert (await stage.look(panda_id)).commandToPilot is None
    assert await stage.event(Event.FAILED, panda_id, actor=Actor.DATASERVICE)
    assert await outputs(stage, panda_id) == [("ps -ef", "1 root")]


@ensureDeferred
async def test_other_pilots_output(stage: Stage) -> None:
    """What a pilot of another attempt sends is nobody's answer, and it is told to stop."""
    panda_id = await stage.job(S.RUNNING)
    await ask(stage, panda_id)
    await hear(stage, panda_id)
    assert await hear(stage, panda_id, "stale", attempt_nr=0) == "tobekilled"
    assert await outputs(stage, panda_id) == [("ps -ef", None)]


@pytest.mark.parametrize("status", sorted(BEFORE_PILOT | IN_SLOT))
@ensureDeferred
async def test_debug_mode_may_be_on_before(stage: Stage, status: Any) -> None:
    """It can be switched on as long as the payload is to come or runs; twice is once; it stays on through the claim."""
    panda_id = await stage.job(status)
    for _ in range(2):
        await room(stage).set_mode(ALICE_CALLER, panda_id, True)
    job = await stage.look(panda_id)
    assert (job.jobStatus, job.commandToPilot, job.specialHandling) == (status, "debug", "dm")
    assert (await stage.events(panda_id)).count("debug mode on") == 1
    if status is S.ACTIVATED:
        await stage.claim()
        assert await hear(stage, panda_id, word="starting") == "debug"


@ensureDeferred
async def test_submitted_in_debug_mode(stage: Stage) -> None:
    """A job may ask for debug mode from the start, with PanDA's tag."""
    spec = a_spec(specialHandling="us,dm", commandToPilot="tobekilled")
    (job,) = (await Jobs(stage.store).submit(ALICE_CALLER, [spec])).jobs
    assert (await stage.look(job.PandaID or 0)).commandToPilot == "debug"


@pytest.mark.parametrize("status", sorted(FINAL | AFTER_PILOT | BEFORE_PILOT))
@ensureDeferred
async def test_too_early_and_too_late(stage: Stage, status: Any) -> None:
    """Without a pilot there is nobody to ask; when the payload is over debug mode is of no use; the refusal says the state."""
    if status is S.CLOSED:
        panda_id = await stage.job(S.DEFINED)
        assert await Jobs(stage.store).kill(a_caller("root", Role.ADMIN), [panda_id], 2) == [True]
    else:
        panda_id = await stage.job(status)
    before = await stage.dump()
    with pytest.raises(Conflict, match=f"job {panda_id} .*{status}"):
        await ask(stage, panda_id)
    if status not in BEFORE_PILOT:
        with pytest.raises(Conflict, match=f"job {panda_id} .*{status}"):
            await room(stage).set_mode(ALICE_CALLER, panda_id, True)
    assert await stage.dump() == before


@ensureDeferred
async def test_a_kill_goes_first(stage: Stage) -> None:
    """A job that is being killed takes no other command, and a kill takes the place of one."""
    panda_id = await stage.job(S.RUNNING)
    await room(stage).set_mode(ALICE_CALLER, panda_id, True)
    await ask(stage, panda_id)
    assert await Jobs(stage.store).kill(ALICE_CALLER, [panda_id]) == [True]
    assert await hear(stage, panda_id, "x") == "tobekilled"
    for on in (True, False):
        with pytest.raises(Conflict, match="is being killed"):
            await room(stage).set_mode(ALICE_CALLER, panda_id, on)
    with pytest.raises(Conflict, match="is being killed"):
        await ask(stage, panda_id)
    assert await hear(stage, panda_id, "x") == "tobekilled"


# Caller, to whether it may debug alice's own job, one of her group's, and one of production's; and whether it may use gdb there.
WHO: dict[str, tuple[Caller, str, str]] = {
    "owner": (ALICE_CALLER, "yes yes yes", "yes yes yes"),
    "somebody": (a_caller("bob"), "no no no", "no no no"),
    "another pilot": (a_caller("bob", Role.PILOT), "no no no", "no no no"),
    "the pilot that has it": (PILOT_CALLER, "yes yes yes", "no no no"),
    "its limited proxy": (replace(PILOT_CALLER, limited=True), "yes yes yes", "no no no"),
    "her name, another CA": (Caller(replace(ALICE, anchor="/CN=Another CA")), "no no no", "no no no"),
    "manager": (MANAGER, "no yes no", "no yes no"),
    "her own job's proxy": (a_caller("alice", limited=True), "no no no", "no no no"),
    "production": (a_caller("prod", Role.PRODUCTION), "yes yes yes", "no no yes"),
    "admin": (a_caller("root", Role.ADMIN), "yes yes yes", "yes yes yes"),
}


@pytest.mark.parametrize("name", WHO)
@ensureDeferred
async def test_who_may(stage: Stage, name: str) -> None:
    """Who may switch the mode may ask and read too; gdb, after which the payload is killed, is for those who may kill. A refusal
    says who may, and whom the server sees."""
    caller, debugs, kills = WHO[name]
    kinds: list[dict[str, Any]] = [{}, {"workingGroup": "phys"}, {"prodSourceLabel": "managed"}]
    for but, may, may_kill in zip(kinds, debugs.split(), kills.split(), strict=True):
        panda_id = await stage.job(S.RUNNING, **but)
        calls = [
            (may, room(stage).set_mode(caller, panda_id, True)),
            (may, room(stage).output(caller, panda_id)),
            (may, ask(stage, panda_id, "ps", caller)),
            (may_kill, ask(stage, panda_id, "gdb --pid %", caller)),
        ]
        for allowed, call in calls:
            if allowed == "yes":
                await call
            else:
                with pytest.raises(Forbidden, match="owner.*an admin; you are "):
                    await call


@ensureDeferred
async def test_refusals(stage: Stage) -> None:
    """Nobody, no such job, no such command."""
    panda_id = await stage.job(S.RUNNING)
    with pytest.raises(BadRequest, match="command: must begin with one of tail, ls, du, ps, gdb"):
        await ask(stage, panda_id, "rm -rf .")
    for call in (room(stage).set_mode(ALICE_CALLER, 99, True), ask(stage, 99), room(stage).output(ALICE_CALLER, 99)):
        with pytest.raises(NotFound, match="there is no job 99"):
            await call
    for call in (
        room(stage).set_mode(ANONYMOUS, panda_id, True),
        ask(stage, panda_id, caller=ANONYMOUS),
        room(stage).output(ANONYMOUS, panda_id),
    ):
        with pytest.raises(NotAuthenticated):
            await call


@ensureDeferred
async def test_debugging_is_no_kill(stage: Stage) -> None:
    """A job in debug mode does not say of itself that it is being stopped."""
    panda_id = await stage.job(S.RUNNING)
    await room(stage).set_mode(ALICE_CALLER, panda_id, True)
    assert "stop" not in str((await Whys(stage.store).explain.job(ALICE_CALLER, panda_id))["summary"])
