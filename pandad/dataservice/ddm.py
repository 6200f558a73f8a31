"""The seam to the data management system. Every implementation passes tests/contracts/test_ddm.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from pandad.spec.errors import PandadError, Unavailable
from pandad.spec.facts import Space, Whereabouts
from pandad.spec.file import FileName as FileName
from pandad.spec.obstacle import Obstacle


@dataclass(frozen=True, slots=True)
class Replica:
    """A copy of a file. ``size_bytes`` and ``adler32`` (8 lower-case hex digits) are those of the copy itself."""

    name: FileName
    endpoint: str
    size_bytes: int
    adler32: str


class DDMUnavailable(Unavailable):
    """The system did not answer; asking again later is right. ``obstacle``: what has to pass first, if it has a name."""

    obstacle: Obstacle | None = None


class NotNow(DDMUnavailable):
    """The system answered, and cannot do this now. It may be able to do a part of it: one file can be the reason."""


class NoQuota(NotNow):
    """There is no room for the account of pandad; until somebody makes some, or gives it more."""

    obstacle = Obstacle.QUOTA


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

    def give_up(self) -> None:
        """The daemon stops: who waits for the system hears DDMUnavailable at once."""
        ...


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
