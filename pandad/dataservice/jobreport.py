"""The job report of a production payload (metaData), beside what its pilot says of the same files. Pure.

PanDA has the outputs of managed jobs in it, each with its number of events and its GUID; a payload that writes no such report is
not asked for one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from pandad.spec import errorcodes
from pandad.spec.file import FileSpec
from pandad.spec.job import JobSpec
from pandad.spec.share import MANAGED

WITHOUT_EVENTS = ("TXT", "NTUP", "HIST")  # names of files that have none begin so (PanDA: adder plugin)


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with an output, and the ddmErrorCode that says so."""

    text: str
    code: int = errorcodes.DDM_ADDER

    def __str__(self) -> str:
        return self.text


def contradictions(job: JobSpec, described: list[FileSpec]) -> list[Problem]:
    """How the job report and the pilot's differ on these outputs."""
    reported = outputs_of(job.metadata) if job.prodSourceLabel == MANAGED else None
    if reported is None:
        return []
    outputs = [file for file in described if file.type == "output"]
    return [problem for file in outputs for problem in _problems(file, reported.get(file.lfn or "", {}))]


def outputs_of(text: str | None) -> dict[str, Mapping[str, Any]] | None:
    """What it says of each output, by lfn; None if it does not speak of outputs: {"files": {"output": [{"subFiles": [{"name":
    lfn, "nentries": events, "file_guid": GUID}]}]}}."""
    try:
        listed = orjson.loads(text or "null")["files"]["output"]
        return {str(entry["name"]): entry for entry in _entries(listed)}
    except (ValueError, TypeError, LookupError):
        return None


def _entries(listed: Any) -> Iterator[Mapping[str, Any]]:
    for stream in listed:
        yield from (entry for entry in stream["subFiles"] if isinstance(entry, dict) and "name" in entry)


def _problems(file: FileSpec, entry: Mapping[str, Any]) -> Iterator[Problem]:
    events, guid = entry.get("nentries"), entry.get("file_guid")
    if not str(events).isdecimal() and not (file.lfn or "").startswith(WITHOUT_EVENTS):
        yield Problem(f"nevents is missing in jobReport for {file.lfn}", errorcodes.DDM_MISSING_NUM_EVENTS)
    if _plain(guid) != _plain(file.GUID):
        yield Problem(f"GUID is inconsistent between jobReport and pilot report for {file.lfn}", errorcodes.DDM_INCONSISTENT_GUID)


def _plain(guid: object) -> str:
    return str(guid or "").replace("-", "").lower()
