"""What pilots report of outputs, right and wrong."""

from __future__ import annotations

import zlib
from typing import Any

from factories import a_file

DISK = "TEST_DISK"
CONTENT = b"some events"
ADLER = f"{zlib.adler32(CONTENT):08x}"
OUT, LOG = a_file(), a_file(lfn="log.tgz", type="log")


def entry(**but: Any) -> dict[str, Any]:
    """One file of a report."""
    return {"guid": "A-GUID", "fsize": len(CONTENT), "adler32": ADLER, "surl": "file:///x", "endpoint": DISK, **but}


GOOD = {"out.root": entry(), "log.tgz": entry()}


UNREADABLE = [
    "{",
    "[]",
    "7",
    "null",
    '"text"',
    '{"out.root": 7}',
    '{"out.root": null}',
    "<xml/>",
    '{"a": {"guid": "\\u0000"}}',
    '{"a": {"guid": "\\ud800"}}',
    "[" * 5000,
    '{"a":' * 3000,
]
