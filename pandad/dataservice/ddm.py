"""The seam to the data management system. Every implementation passes tests/contracts/test_ddm.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pandad.spec.errors import PandadError, Unavailable
from pandad.spec.facts import Space, Whereabouts
from pandad.spec.file import FileName as FileName


@dataclass(frozen=True, slots=True)
class Replica:
    """A copy of a file. ``size_bytes`` and ``adler32`` (8 lower-case hex digits) are those of the copy itself."""

    name: FileName
    endpoint: str
    size_bytes: int
    adler32: str


class DDMUnavailable(Unavailable):
    """The system did not answer; asking again later is right."""


class UnknownEndpoint(PandadError):
    """There is no such storage endpoint; asking again will not help."""


class IDDM(Protocol):
    """What pandad needs of a data management system.

    ``moves``: whether it brings files to where a job needs them; else a job can only go where its input is.
    """

    moves: bool

    async def replicas(self, endpoint: str, names: Sequence[FileName]) -> Mapping[FileName, Replica]:
        """The copies of these files at an endpoint; a file without one is left out.

        :raise DDMUnavailable: not known now. :raise UnknownEndpoint: no such endpoint.
        """
        ...

    async def locate(self, names: Sequence[FileName]) -> Whereabouts:
        """Where these files are, over all endpoints: many at once, and cheaper than `replicas`, for checksums are not wanted.

        :raise DDMUnavailable: nothing is known now.
        """
        ...

    async def space(self, endpoints: Sequence[str]) -> Mapping[str, Space]:
        """The room at those endpoints; one of which it is not known is left out.

        :raise DDMUnavailable: nothing is known now.
        """
        ...

    def endpoints(self) -> Mapping[str, Mapping[str, Any]]:
        """Descriptions of the endpoints, by name, in the form that pilots read (CRIC ddmendpoints JSON)."""
        ...
