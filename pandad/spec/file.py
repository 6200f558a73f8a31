"""FileSpec: one file of one job, with PanDA's attribute names in the order of its wire format.

The client sends the first 18; the server adds jediTaskID, datasetID, fileID and attemptNr (panda-client 2.2.0,
panda-server 1.0.4).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from pandad.spec.attribute import attributes_of, limited


@dataclass(slots=True, kw_only=True)
class FileSpec:
    """One file. ``type``: input, output, log or pseudo_input.

    ``status``: defined, ready, missing, corrupted (as its pilot says), transferring, finished, failed.
    """

    row_ID: int | None = None
    PandaID: int | None = None
    GUID: str | None = limited(64)
    lfn: str | None = limited(4000)  # logical file name, unique in its scope
    type: str | None = limited(20)
    dataset: str | None = limited(255)
    status: str | None = limited(64)
    prodDBlock: str | None = limited(255)  # dataset of an input
    prodDBlockToken: str | None = limited(250)  # "local": never read remotely
    dispatchDBlock: str | None = limited(255)
    dispatchDBlockToken: str | None = limited(250)
    destinationDBlock: str | None = limited(255)  # dataset of an output
    destinationDBlockToken: str | None = limited(250)  # space token of an output; "dst:ENDPOINT": where it is to be brought
    destinationSE: str | None = limited(250)
    fsize: int | None = None  # bytes
    md5sum: str | None = limited(36)
    checksum: str | None = limited(36)  # "ad:" + adler32 or "md:" + md5, lower-case hex
    scope: str | None = limited(30)
    jediTaskID: int | None = None
    datasetID: int | None = None
    fileID: int | None = None
    attemptNr: int | None = None


FILE_ATTRIBUTES = attributes_of(FileSpec)


class FileName(NamedTuple):
    """What names a file in the data management system."""

    scope: str
    lfn: str

    def __str__(self) -> str:
        return f"{self.scope}:{self.lfn}"

    @classmethod
    def of(cls, file: FileSpec) -> FileName:
        """The name of a job's file."""
        return cls(file.scope or "", file.lfn or "")
