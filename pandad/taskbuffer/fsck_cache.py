"""Invariants of uploads."""

from __future__ import annotations

from pandad.taskbuffer.invariant import Severity, invariant

_UUID = "[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"

CACHE = (
    invariant(
        "cache-name", "the name of an upload has a UUID in it, so that nobody guesses it", Severity.ERROR, f"""
        SELECT name, 'whoever tries it may have the file' FROM cache_file WHERE name !~ '{_UUID}'""",
        "delete the row and the file in the folder of [cache]"),
    invariant(
        "cache-owner", "an upload is somebody's", Severity.ERROR, """
        SELECT name, concat('it is of ', subject, ' from ', anchor) FROM cache_file WHERE anchor = '' OR subject = ''""",
        "delete the row; the loop cache then removes the file, and its owner uploads it again"),
)
