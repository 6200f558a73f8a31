"""Killing jobs: at once, or, where a pilot has the job, by telling the pilot at its next heartbeat."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from pandad.spec.act import doer
from pandad.spec.caller import Caller
from pandad.spec.errors import BadRequest
from pandad.spec.jobstatus import FINAL, IN_SLOT, TRANSITIONS, Actor, Event
from pandad.spec.killcode import KILL_CODES, KillCode
from pandad.spec.pilotcommand import KILL
from pandad.taskbuffer import audit, control, moves
from pandad.taskbuffer.control import Controlled
from pandad.taskbuffer.moves import Change
from pandad.taskbuffer.store import Transaction
from pandad.userinterface.authority import may_kill, refuse_code, why_not_kill

NOTE = "kill asked"  # in the history of a job whose pilot is to be told


@dataclass(frozen=True, slots=True)
class KillAnswer:
    """What became of one request.

    :param taken: the job is ended, or its pilot will be told and it will end as killed, whatever the pilot still reports.
    """

    panda_id: int
    taken: bool
    reason: str


def code_of(caller: Caller, number: int | None) -> KillCode:
    """The kill code of that number.

    :raise BadRequest: there is none. :raise Forbidden: it is not for this caller.
    """
    code = KILL_CODES.get(number)
    if code is None:
        known = ", ".join(str(n) for n in KILL_CODES if n is not None)
        raise BadRequest("code", f"{number} is not a kill code; leave it out, or send one of {known}")
    refuse_code(caller, number, code)
    return code


async def kill(txn: Transaction, caller: Caller, ids: Sequence[int], number: int | None) -> list[KillAnswer]:
    """Kill those jobs as far as the caller may; an answer per id, in order.

    A job is locked before its state is looked at. So a pilot gets it before, and is told, or never; and whoever brings news of it
    comes before or after, and is heard in the state that is then.

    :raise BadRequest, Forbidden: see `code_of`.
    """
    code = code_of(caller, number)
    answers: dict[int, KillAnswer] = {}
    known = await control.look(txn, ids)
    for job in known.values():
        if not may_kill(caller, job, code):
            answers[job.panda_id] = KillAnswer(job.panda_id, False, why_not_kill(caller, job))
    locked = await control.lock(txn, [i for i in known if i not in answers])
    verdicts = await _killed(txn, list(locked.values()), caller, code, number)
    taken = [str(i) for i, (is_taken, _) in verdicts.items() if is_taken]
    if taken:
        await audit.note(txn, doer(caller)("kill", f"jobs {', '.join(taken)}", code.meaning))
    answers |= {i: KillAnswer(i, taken, reason) for i, (taken, reason) in verdicts.items()}
    return [answers.get(i) or _not_there(i, known.get(i)) for i in ids]


def _not_there(panda_id: int, known: Controlled | None) -> KillAnswer:
    """Nobody's, or in the archive."""
    return KillAnswer(panda_id, False, f"has ended: {known.status}" if known else "there is no such job")


async def _killed(txn: Transaction, found: Sequence[Controlled], caller: Caller, code: KillCode,
                  number: int | None) -> dict[int, tuple[bool, str]]:
    """Do it to locked jobs: (taken, reason) of each."""
    assert caller.identity is not None
    verdicts: dict[int, tuple[bool, str]] = {}
    by_event: dict[Event | None, list[Change]] = defaultdict(list)
    for job in found:
        event = code.event(job.status)
        verdicts[job.panda_id] = _verdict(job, event)
        if verdicts[job.panda_id][0] and not (event is None and job.command == KILL):  # told before: once is enough
            by_event[event].append(_change(job, caller, code, number))
    for event, changes in by_event.items():
        if event is None:
            moved = await moves.touch(txn, NOTE, changes, IN_SLOT, actor=Actor.USER, who=caller.identity.subject)
        else:
            moved = await moves.move(txn, event, changes, actor=Actor.USER, who=caller.identity.subject)
        assert len(moved) == len(changes), "a locked job changed its state"
    return verdicts


def _verdict(job: Controlled, event: Event | None) -> tuple[bool, str]:
    if job.status in FINAL:
        return False, f"has ended: {job.status}"
    if event is None:
        return True, "its pilot is told to stop at its next heartbeat"
    return True, f"is {TRANSITIONS[event].target} now"


def _change(job: Controlled, caller: Caller, code: KillCode, number: int | None) -> Change:
    """A pilot that has the job hears of it, even if the job ends at once; who asks on its behalf (Harvester) reads it too."""
    values = code.values(caller.name, job.status, job.since)
    why = f"{values['taskBufferErrorDiag']}" + (f" (code {number})" if number is not None else "")
    return Change(job.panda_id, {**values, "commandToPilot": KILL if job.status in IN_SLOT else None}, why=why)
