"""The seam to the data management system. Every implementation passes tests/contracts/test_ddm.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from pandad.spec.errors import PandadError, Unavailable


@dataclass(frozen=True, slots=True)
class FileName:
    """What names a file in the data management system."""

    scope: str
    lfn: str

    def __str__(self) -> str:
        return f"{self.scope}:{self.lfn}"


@dataclass(frozen=True, slots=True)
class Replica:
    """A copy of a file. ``size_bytes`` and ``adler32`` (8 lower-case hex digits) are those of the copy itself."""

    name: FileName
    endpoint: str
    size_bytes: int
    adler32: str


class DDMUnavailable(Unavailable):
    """The system did not answer; asking again later is right."""


class DDMRefused(PandadError):
    """The system will not do this; asking again will not help."""


class UnknownEndpoint(DDMRefused):
    """There is no such storage endpoint."""


class UnknownData(DDMRefused):
    """There is no such file, dataset, scope or rule."""


class FileDiffers(DDMRefused):
    """A file of that name is known, with another size or checksum."""


class DatasetClosed(DDMRefused):
    """It takes no more files."""


class NotAllowed(DDMRefused):
    """The account of pandad may not do this."""


class NoQuota(DDMRefused):
    """There is no room left for the account of pandad."""


@runtime_checkable
class Refreshed(Protocol):
    """A data management system that has to look up now and then what it is asked for all the time.

    ``period_s``: how often `run_once` is to run.
    """

    period_s: float

    async def run_once(self) -> bool:
        """Loop body."""
        ...

    def complaint(self) -> str | None:
        """What is wrong between pandad and the system, None if nothing: a sentence for the operator."""
        ...


class IDDM(Protocol):
    """What pandad needs of a data management system."""

    async def replicas(self, endpoint: str, names: Sequence[FileName]) -> Mapping[FileName, Replica]:
        """The copies of these files at an endpoint; a file without one is left out.

        :raise DDMUnavailable: not known now. :raise UnknownEndpoint: no such endpoint.
        """
        ...

    def endpoints(self) -> Mapping[str, Mapping[str, Any]]:
        """Descriptions of the endpoints, by name, in the form that pilots read (CRIC ddmendpoints JSON)."""
        ...
