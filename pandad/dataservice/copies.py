"""Where the copies of jobs' files are, and whether they are what they should be."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from pandad.dataservice.ddm import IDDM, DDMUnavailable, FileName, Replica, UnknownEndpoint
from pandad.spec.file import FileSpec

Copies = Mapping[FileName, Replica]
LISTED = 3  # names in a message; the rest is counted


def name_of(file: FileSpec) -> FileName:
    """The file's name in the data management system."""
    return FileName.of(file)


async def locate(ddm: IDDM, wanted: Iterable[tuple[str | None, FileSpec]]) -> dict[str, Copies | Exception]:
    """Per endpoint the copies there of the files wanted there, or why that is not known. One question per endpoint."""
    names: dict[str, set[FileName]] = defaultdict(set)
    for endpoint, file in wanted:
        if endpoint:
            names[endpoint].add(name_of(file))
    found: dict[str, Copies | Exception] = {}
    for endpoint, here in names.items():
        try:
            found[endpoint] = await ddm.replicas(endpoint, sorted(here, key=str))
        except (DDMUnavailable, UnknownEndpoint) as error:
            found[endpoint] = error
    return found


def differs(file: FileSpec, copy: Replica) -> str | None:
    """How a copy is not what the file should be; None if it is, as far as size and checksum are known."""
    if file.fsize is not None and file.fsize != copy.size_bytes:
        return f"{file.lfn} at {copy.endpoint} has {copy.size_bytes} bytes, expected {file.fsize}"
    if file.checksum and file.checksum.startswith("ad:") and file.checksum[3:].lower().rjust(8, "0") != copy.adler32:
        return f"{file.lfn} at {copy.endpoint} has adler32 {copy.adler32}, expected {file.checksum[3:]}"
    return None


def listed(files: Sequence[FileSpec]) -> str:
    """The first few of them."""
    more = f" and {len(files) - LISTED} more" if len(files) > LISTED else ""
    return ", ".join(str(name_of(f)) for f in files[:LISTED]) + more
