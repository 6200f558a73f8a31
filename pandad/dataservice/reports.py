"""What a pilot reports of outputs, read with suspicion, and what may become of a reported job. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from pandad.spec import errorcodes
from pandad.spec.file import FileSpec
from pandad.spec.job import JobSpec
from pandad.spec.jobstatus import Event

MAX_DIGITS = 18  # of a size: more would not fit its column
DIAG_LENGTH = 500  # of ddmErrorDiag

Report = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of a reported job. No event: look again later. ``entered``: the catalogue has files of its outputs' names."""

    job: JobSpec
    event: Event | None
    why: str | None = None
    files: Sequence[FileSpec] = ()
    values: Mapping[str, object] = field(default_factory=dict)
    entered: bool = False


def failed(job: JobSpec, seen: Sequence[FileSpec], why: str, code: int = errorcodes.DDM_ADDER) -> Outcome:
    """The data service fails the job."""
    return Outcome(job, Event.FAILED, why, seen, {"ddmErrorCode": code, "ddmErrorDiag": why[:DIAG_LENGTH]})


def as_reported(job: JobSpec, seen: Sequence[FileSpec]) -> Outcome:
    """The job fails as its pilot says."""
    return Outcome(job, Event.FAILED, job.pilotErrorDiag or job.exeErrorDiag or "the pilot reports a failure", seen)


def counted(job: JobSpec, event: Event, seen: Sequence[FileSpec]) -> Outcome:
    """All its files are right; its outputs are counted."""
    outputs = [f for f in seen if f.type == "output"]
    return Outcome(job, event, files=seen, values={
        "nOutputDataFiles": len(outputs), "outputFileBytes": sum(f.fsize or 0 for f in outputs)})


def parsed(report: str) -> Report:
    """The output report: {lfn: {guid, fsize, adler32 or md5sum, surl, endpoint}}; an empty text is an empty report.

    A NUL would be refused by the database when the files are stored, and one job must not stop the others.

    :raise ValueError: it cannot be read.
    """
    if "\\u0000" in report:
        raise ValueError("it holds a NUL character")
    said = orjson.loads(report) if report.strip() else {}
    if not isinstance(said, dict) or not all(isinstance(entry, dict) for entry in said.values()):
        raise ValueError("not a table of file entries")
    return said


def unreadable(error: ValueError) -> str:
    """Why a report is none."""
    return f"the pilot's output report is not readable: {error}"


def claimed(file: FileSpec, entry: Mapping[str, Any]) -> FileSpec:
    """The file as the pilot describes it."""
    adler32, guid = entry.get("adler32"), entry.get("guid")
    return replace(file, GUID=str(guid)[:64] if guid else file.GUID, fsize=_size(entry.get("fsize")),
                   checksum=f"ad:{adler32}" if adler32 else None)


def _size(value: object) -> int | None:
    """A size in bytes, which may come as text (form dialect); None for what is none."""
    digits = str(value)
    return int(digits) if digits.isdecimal() and len(digits) <= MAX_DIGITS else None
