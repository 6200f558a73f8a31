"""Looking into a job while it runs: debug mode, debug commands, and what its pilot answered."""

from __future__ import annotations

from pandad.spec import debugcommand, pilotcommand
from pandad.spec.act import doer
from pandad.spec.caller import Caller
from pandad.spec.errors import Conflict, Forbidden, NotAuthenticated, NotFound
from pandad.spec.jobstatus import BEFORE_PILOT, FINAL, IN_SLOT, LIVE, Actor
from pandad.spec.killcode import ORDINARY
from pandad.spec.pilotcommand import KILL
from pandad.spec.specialhandling import DEBUG_MODE, has_tag, with_tag, without_tag
from pandad.taskbuffer import audit, control, moves, outputs
from pandad.taskbuffer.control import Controlled
from pandad.taskbuffer.moves import Change
from pandad.taskbuffer.store import Store, Transaction
from pandad.userinterface.authority import may_debug, may_kill, why_not_debug, why_not_kill


class Debug:
    """What the owner of a job, and those who manage it, may ask of its pilot."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def set_mode(self, caller: Caller, panda_id: int, on: bool) -> None:
        """Switch debug mode: the pilot sends a heartbeat each minute, with the tail of its payload's output.

        It may be switched on before the job runs; its pilot hears of it at the next heartbeat, half an hour later at the worst.

        :raise NotFound, Forbidden: no such job, or not the caller's to debug. :raise Conflict: the payload is over.
        """
        _refuse_nobody(caller)
        await self._store.transact("set_debug_mode", self._set_mode, caller, panda_id, on)

    async def command(self, caller: Caller, panda_id: int, text: str) -> str:
        """Have the pilot of a job do a debug command; the command as the pilot will get it. Its output is kept with the job.

        :raise BadRequest: it is not allowed, see spec/debugcommand.py. :raise NotFound, Forbidden: as for `set_mode`.
        :raise Conflict: no pilot has the job.
        """
        _refuse_nobody(caller)
        command = debugcommand.debug_command(text)
        await self._store.transact("set_command", self._command, caller, panda_id, command)
        return command

    async def output(self, caller: Caller, panda_id: int) -> dict[str, object]:
        """What came back: PandaID, debug (whether the mode is on), stdout (the tail that came last), and commands, each with
        command, askedBy, asked, told, attemptNr, at, output. Readable after the end of the job too.

        :raise NotFound, Forbidden: as for `set_mode`.
        """
        _refuse_nobody(caller)
        return await self._store.transact("get_debug_output", self._output, caller, panda_id)

    async def _set_mode(self, txn: Transaction, caller: Caller, panda_id: int, on: bool) -> None:
        job = await self._locked(txn, caller, panda_id)
        if on:
            _refuse_unless(job, BEFORE_PILOT | IN_SLOT, "its payload is over")
        was_on, command = pilotcommand.parts(job.command)
        tags = (with_tag if on else without_tag)(job.special_handling, DEBUG_MODE)
        if was_on != on or has_tag(job.special_handling, DEBUG_MODE) != on:
            values = {"specialHandling": tags, "commandToPilot": pilotcommand.told(on, command)}
            await self._note(txn, caller, Change(panda_id, values), f"debug mode {'on' if on else 'off'}")

    async def _command(self, txn: Transaction, caller: Caller, panda_id: int, command: str) -> None:
        job = await self._locked(txn, caller, panda_id)
        if debugcommand.ends_the_payload(command) and not may_kill(caller, job, ORDINARY):
            raise Forbidden(f"after gdb a pilot kills its payload, and {why_not_kill(caller, job)}")
        _refuse_unless(job, IN_SLOT, "no pilot has it")
        debug, pending = pilotcommand.parts(job.command)
        if pending != command:  # the same again: its reply was lost, or somebody is impatient
            assert caller.identity is not None
            await outputs.ask(txn, panda_id, command, caller.identity.subject)
            await self._note(txn, caller, Change(panda_id, {"commandToPilot": pilotcommand.told(debug, command)}, why=command),
                             "debug command asked")

    async def _output(self, txn: Transaction, caller: Caller, panda_id: int) -> dict[str, object]:
        job = self._permitted(caller, panda_id, await control.look(txn, [panda_id]))
        asked = [{"command": o.command, "askedBy": o.asked_by, "asked": o.asked, "told": o.told, "attemptNr": o.attempt_nr,
                  "at": o.at, "output": o.output} for o in await outputs.of_job(txn, panda_id)]
        return {"PandaID": panda_id, "debug": pilotcommand.parts(job.command)[0], "stdout": await outputs.tail(txn, panda_id),
                "commands": asked}

    async def _locked(self, txn: Transaction, caller: Caller, panda_id: int) -> Controlled:
        """The job, which stays as it is until the transaction ends."""
        seen = self._permitted(caller, panda_id, await control.look(txn, [panda_id]))
        job = (await control.lock(txn, [panda_id])).get(panda_id, seen)
        if job.status in FINAL:
            raise Conflict(f"job {panda_id} has ended: {job.status}")
        if job.command == KILL:
            raise Conflict(f"job {panda_id} is being killed")
        return job

    def _permitted(self, caller: Caller, panda_id: int, found: dict[int, Controlled]) -> Controlled:
        job = found.get(panda_id)
        if job is None:
            raise NotFound("job", panda_id)
        if not may_debug(caller, job):
            raise Forbidden(why_not_debug(caller, job))
        return job

    @staticmethod
    async def _note(txn: Transaction, caller: Caller, change: Change, note: str) -> None:
        assert caller.identity is not None
        await moves.touch(txn, note, [change], LIVE, actor=Actor.USER, who=caller.identity.subject)
        await audit.note(txn, doer(caller)(note, f"job {change.panda_id}", change.why or ""))


def _refuse_unless(job: Controlled, states: frozenset[object], problem: str) -> None:
    if job.status not in states:
        raise Conflict(f"job {job.panda_id} is {job.status}: {problem}")


def _refuse_nobody(caller: Caller) -> None:
    if caller.identity is None:
        raise NotAuthenticated("this needs an identity: come with a certificate, a proxy or a token")
