"""Reported jobs: check the outputs against what the pilot says, and bring them home; finish, retry or fail the job."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pandad.config import DataServiceConfig
from pandad.dataservice import shipping
from pandad.dataservice.copies import Copies, differs, locate, name_of
from pandad.dataservice.ddm import IDDM, DDMUnavailable
from pandad.dataservice.registrar import Registrar
from pandad.dataservice.reports import Outcome as Outcome
from pandad.dataservice.reports import as_reported, claimed, counted, failed, parsed, unreadable
from pandad.spec.file import FileSpec
from pandad.spec.jobstatus import Actor, Event, JobStatus
from pandad.spec.pilotcommand import KILL
from pandad.spec.retry import RetryPolicy
from pandad.taskbuffer import files, moves, retries, worklists
from pandad.taskbuffer.retries import Failed
from pandad.taskbuffer.store import Store, Transaction
from pandad.taskbuffer.worklists import Reported

WHO = "adder"
HOLDING = frozenset({JobStatus.HOLDING})


class Adder:
    """Ends `holding` jobs whose pilot has reported, sends their outputs on, or has them tried again.

    :param registrar: enters outputs in a catalogue; None: there is none, and they are looked for where they should be.
    """

    def __init__(self, store: Store, ddm: IDDM, config: DataServiceConfig, policy: RetryPolicy,
                 registrar: Registrar | None = None) -> None:
        self._store, self._ddm, self._config, self._policy = store, ddm, config, policy
        self._registrar = registrar

    async def run_once(self) -> bool:
        """Check the jobs that are due; True if there may be more."""
        due = await self._store.read("adder_read", worklists.output_due, self._config.batch)
        if due:
            await self._store.transact("adder_write", self._write, await self._concluded(due))
        return len(due) == self._config.batch

    async def _concluded(self, due: Sequence[Reported]) -> list[Outcome]:
        if self._registrar is not None:
            return await self._registrar.conclude(due)
        copies = await locate(self._ddm, [(f.destinationSE, f) for r in due for f in r.job.outputs])
        return [conclude(r, copies, self._config.give_up_s) for r in due]

    async def _write(self, txn: Transaction, outcomes: Sequence[Outcome]) -> None:
        by_event: dict[Event | None, list[Outcome]] = defaultdict(list)
        for outcome in outcomes:
            by_event[outcome.event].append(outcome)
        for event, group in by_event.items():
            if event is None:
                await self._keep_holding(txn, group)
                continue
            if event is Event.FAILED:
                lost = [Failed(_id(o), event, o.why or "", o.job.attemptNr, _values(o), o.files, o.entered) for o in group]
                await retries.settle(txn, self._policy, lost, actor=Actor.DATASERVICE, who=WHO)
                continue
            changes = [moves.Change(_id(o), _values(o), why=o.why) for o in group]
            moved = {m.panda_id for m in await moves.move(txn, event, changes, actor=Actor.DATASERVICE, who=WHO)}
            ours = [o for o in group if o.job.PandaID in moved]
            await files.update(txn, [f for o in ours for f in o.files])
            if event is Event.TRANSFER_STARTED:
                await shipping.send(txn, ours, self._config)
        if self._registrar is not None:
            await self._registrar.note(txn, outcomes)

    async def _keep_holding(self, txn: Transaction, group: Sequence[Outcome]) -> None:
        """Look again later; what they wait for is said once."""
        pause_s = self._config.missing_retry_s
        told = [_id(o) for o in group if o.job.ddmErrorDiag]
        if told:
            await moves.defer(txn, told, JobStatus.HOLDING, pause_s)
        if len(told) < len(group):
            changes = [
                moves.Change(_id(o), failed(o.job, (), o.why or "").values, why=o.why, check_in_s=pause_s)
                for o in group if not o.job.ddmErrorDiag]
            await moves.touch(txn, "outputs wait", changes, HOLDING, actor=Actor.DATASERVICE, who=WHO)


def _values(outcome: Outcome) -> Mapping[str, object]:
    """What it waited for is over."""
    return {"ddmErrorCode": 0, "ddmErrorDiag": None, **outcome.values} if outcome.job.ddmErrorDiag else outcome.values


def conclude(reported: Reported, copies: Mapping[str, Copies | Exception], give_up_s: float) -> Outcome:
    """Finished, failed, killed, or not known yet. Pure.

    :param give_up_s: how long after the report an unanswering storage is waited for.
    """
    job = reported.job
    killed = job.commandToPilot == KILL  # who killed it was told that it ends so, even if its pilot was through before it heard
    try:
        said = parsed(reported.report)
    except ValueError as error:
        if not killed:
            return failed(job, (), unreadable(error))
        said = {}
    unknown = [c for f in job.outputs if isinstance(c := copies.get(f.destinationSE or ""), DDMUnavailable)]
    if unknown and reported.age_s < give_up_s:
        return Outcome(job, None, str(unknown[0]))
    checked = [_checked(f, said.get(f.lfn or ""), copies.get(f.destinationSE or "", {})) for f in job.outputs]
    seen = [f for f, _ in checked]
    if killed:
        return Outcome(job, Event.KILLED, job.taskBufferErrorDiag, seen)
    if reported.outcome is JobStatus.FAILED:
        return as_reported(job, seen)
    problems = [problem for _, problem in checked if problem]
    if problems:
        return failed(job, seen, "; ".join(problems))
    return counted(job, Event.COMPLETED, seen)


def _checked(file: FileSpec, entry: Mapping[str, Any] | None, here: Copies | Exception) -> tuple[FileSpec, str | None]:
    """The file with what is known of it now, and what is wrong with it."""
    if isinstance(here, Exception):
        return replace(file, status="failed"), str(here)
    copy = here.get(name_of(file))
    if copy is None:
        missing = "the pilot did not report it, and it" if entry is None else "it"
        return replace(file, status="failed"), f"{file.lfn}: {missing} is not at {file.destinationSE or 'any endpoint'}"
    described = claimed(file, entry or {})
    problem = differs(described, copy) if described.fsize is not None else f"{file.lfn}: the pilot did not report its size"
    status = "failed" if problem else "ready"
    return replace(described, status=status, fsize=copy.size_bytes, checksum=f"ad:{copy.adler32}"), problem


def _id(outcome: Outcome) -> int:
    assert outcome.job.PandaID is not None
    return outcome.job.PandaID
