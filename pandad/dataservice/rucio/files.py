"""A file as Rucio writes it, and as it wants it written."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from pandad.dataservice.datasets import NewFile
from pandad.dataservice.ddm import FileName


def file_of(entry: Any) -> NewFile:
    """One of a list of files. Rucio does not know everything of each: some have no adler32, and few a number of events."""
    return NewFile(FileName(entry["scope"], entry["name"]), int(entry["bytes"] or 0), str(entry["adler32"] or ""),
                   guid_of(entry.get("guid")), entry.get("events"))


def described(file: NewFile) -> dict[str, Any]:
    """One that is to be registered."""
    said: dict[str, Any] = {
        "scope": file.name.scope, "name": file.name.lfn, "bytes": file.size_bytes, "adler32": file.adler32}
    guid = guid_of(file.guid)
    return {**said, "meta": {"guid": guid}} if guid else said


def guid_of(text: str | None) -> str | None:
    """A GUID, 32 lower-case hex digits; None for what is none: one that is wrong would have the whole call refused."""
    try:
        return UUID(text or "").hex
    except ValueError:
        return None
