"""Reported jobs: check the outputs against what the pilot says and what lies at the endpoint; finish, retry or fail the job."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from pandad.config import DataServiceConfig
from pandad.dataservice.copies import Copies, differs, locate, name_of
from pandad.dataservice.ddm import IDDM, DDMUnavailable
from pandad.spec import errorcodes
from pandad.spec.file import FileSpec
from pandad.spec.job import JobSpec
from pandad.spec.jobstatus import Actor, Event, JobStatus
from pandad.spec.pilotcommand import KILL
from pandad.spec.retry import RetryPolicy
from pandad.taskbuffer import files, moves, retries, worklists
from pandad.taskbuffer.retries import Failed
from pandad.taskbuffer.store import Store, Transaction
from pandad.taskbuffer.worklists import Reported

WHO = "adder"
MAX_DIGITS = 18  # of a size: more would not fit its column


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of a reported job. No event: look again later."""

    job: JobSpec
    event: Event | None
    why: str | None = None
    files: Sequence[FileSpec] = ()
    values: Mapping[str, object] = field(default_factory=dict)


class Adder:
    """Ends `holding` jobs whose pilot has reported, or has them tried again."""

    def __init__(self, store: Store, ddm: IDDM, config: DataServiceConfig, policy: RetryPolicy) -> None:
        self._store, self._ddm, self._config, self._policy = store, ddm, config, policy

    async def run_once(self) -> bool:
        """Check the jobs that are due; True if there may be more."""
        due = await self._store.read("adder_read", worklists.output_due, self._config.batch)
        if due:
            copies = await locate(self._ddm, [(f.destinationSE, f) for r in due for f in r.job.outputs])
            await self._store.transact("adder_write", self._write, [conclude(r, copies, self._config.give_up_s) for r in due])
        return len(due) == self._config.batch

    async def _write(self, txn: Transaction, outcomes: Sequence[Outcome]) -> None:
        by_event: dict[Event | None, list[Outcome]] = defaultdict(list)
        for outcome in outcomes:
            by_event[outcome.event].append(outcome)
        for event, group in by_event.items():
            if event is None:
                await moves.defer(txn, [_id(o) for o in group], JobStatus.HOLDING, self._config.missing_retry_s)
                continue
            if event is Event.FAILED:
                failed = [Failed(_id(o), event, o.why or "", o.job.attemptNr, o.values, o.files) for o in group]
                await retries.settle(txn, self._policy, failed, actor=Actor.DATASERVICE, who=WHO)
                continue
            changes = [moves.Change(_id(o), o.values, why=o.why) for o in group]
            moved = await moves.move(txn, event, changes, actor=Actor.DATASERVICE, who=WHO)
            ours = {m.panda_id for m in moved}
            await files.update(txn, [f for o in group if o.job.PandaID in ours for f in o.files])


def conclude(reported: Reported, copies: Mapping[str, Copies | Exception], give_up_s: float) -> Outcome:
    """Finished, failed, killed, or not known yet. Pure.

    :param give_up_s: how long after the report an unanswering storage is waited for.
    """
    job = reported.job
    killed = job.commandToPilot == KILL  # who killed it was told that it ends so, even if its pilot was through before it heard
    try:
        said = _parsed(reported.report)
    except ValueError as error:
        if not killed:
            return _failed(job, (), f"the pilot's output report is not readable: {error}")
        said = {}
    unknown = [c for f in job.outputs if isinstance(c := copies.get(f.destinationSE or ""), DDMUnavailable)]
    if unknown and reported.age_s < give_up_s:
        return Outcome(job, None, str(unknown[0]))
    checked = [_checked(f, said.get(f.lfn or ""), copies.get(f.destinationSE or "", {})) for f in job.outputs]
    seen = [f for f, _ in checked]
    if killed:
        return Outcome(job, Event.KILLED, job.taskBufferErrorDiag, seen)
    if reported.outcome is JobStatus.FAILED:
        return Outcome(job, Event.FAILED, job.pilotErrorDiag or job.exeErrorDiag or "the pilot reports a failure", seen)
    problems = [problem for _, problem in checked if problem]
    if problems:
        return _failed(job, seen, "; ".join(problems))
    outputs = [f for f in seen if f.type == "output"]
    return Outcome(job, Event.COMPLETED, files=seen, values={
        "nOutputDataFiles": len(outputs), "outputFileBytes": sum(f.fsize or 0 for f in outputs)})


def _failed(job: JobSpec, seen: Sequence[FileSpec], why: str) -> Outcome:
    return Outcome(job, Event.FAILED, why, seen, {"ddmErrorCode": errorcodes.DDM_ADDER, "ddmErrorDiag": why[:500]})


def _parsed(report: str) -> Mapping[str, Mapping[str, Any]]:
    """The output report: {lfn: {guid, fsize, adler32 or md5sum, surl, endpoint}}; an empty text is an empty report.

    A NUL would be refused by the database when the files are stored, and one job must not stop the others.
    """
    if "\\u0000" in report:
        raise ValueError("it holds a NUL character")
    said = orjson.loads(report) if report.strip() else {}
    if not isinstance(said, dict) or not all(isinstance(entry, dict) for entry in said.values()):
        raise ValueError("not a table of file entries")
    return said


def _checked(file: FileSpec, entry: Mapping[str, Any] | None, here: Copies | Exception) -> tuple[FileSpec, str | None]:
    """The file with what is known of it now, and what is wrong with it."""
    if isinstance(here, Exception):
        return replace(file, status="failed"), str(here)
    copy = here.get(name_of(file))
    if copy is None:
        missing = "the pilot did not report it, and it" if entry is None else "it"
        return replace(file, status="failed"), f"{file.lfn}: {missing} is not at {file.destinationSE or 'any endpoint'}"
    claimed = _claimed(file, entry or {})
    problem = differs(claimed, copy) if claimed.fsize is not None else f"{file.lfn}: the pilot did not report its size"
    status = "failed" if problem else "ready"
    return replace(claimed, status=status, fsize=copy.size_bytes, checksum=f"ad:{copy.adler32}"), problem


def _claimed(file: FileSpec, entry: Mapping[str, Any]) -> FileSpec:
    """The file as the pilot describes it."""
    adler32, guid = entry.get("adler32"), entry.get("guid")
    return replace(file, GUID=str(guid)[:64] if guid else file.GUID, fsize=_size(entry.get("fsize")),
                   checksum=f"ad:{adler32}" if adler32 else None)


def _size(value: object) -> int | None:
    """A size in bytes, which may come as text (form dialect); None for what is none."""
    digits = str(value)
    return int(digits) if digits.isdecimal() and len(digits) <= MAX_DIGITS else None


def _id(outcome: Outcome) -> int:
    assert outcome.job.PandaID is not None
    return outcome.job.PandaID
