"""Where the input of a job is, and what each queue lacks of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from pandad.spec.facts import Usage, Whereabouts
from pandad.spec.file import FileName, FileSpec
from pandad.spec.job import JobSpec

EXACT_BELOW = 1_000_000  # bytes
FIGURES = 2
NOWHERE: Mapping[str, int] = {}


class Lack(NamedTuple):
    """What an endpoint does not have of a job's input."""

    files: int = 0
    size_bytes: int = 0


NOTHING = Lack()


@dataclass(frozen=True, slots=True)
class Inputs:
    """The input of jobs that are alike in it.

    :param files, size_bytes: all of it; bytes of a megabyte and more are rounded up to two figures, so that many jobs are alike.
    :param held: by endpoint what it has of them. :param at: the same as a mapping.
    :param silent: endpoints of which that is not known.
    """

    files: int = 0
    size_bytes: int = 0
    held: tuple[tuple[str, Lack], ...] = ()
    silent: frozenset[str] = frozenset()
    at: Mapping[str | None, Lack] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "at", dict(self.held))

    @classmethod
    def of(cls, wanted: Iterable[FileSpec], where: Whereabouts, tapes: Collection[str] = ()) -> Inputs:
        """By what is known of the copies. A size that the job does not say is that of a copy.

        :param tapes: endpoints where files are, but cannot be read before they are staged: they are not there.
        """
        files, size_bytes = 0, 0
        here: dict[str, tuple[int, int]] = {}
        for file in wanted:
            copies = where.copies.get(FileName.of(file), NOWHERE)
            size = file.fsize or max(copies.values(), default=0)
            files, size_bytes = files + 1, size_bytes + size
            for endpoint in copies if not tapes else copies.keys() - tapes:
                files_there, bytes_there = here.get(endpoint, NOTHING)
                here[endpoint] = files_there + 1, bytes_there + size
        told = {had: Lack(had[0], rounded(had[1])) for had in set(here.values())}
        held = tuple([(endpoint, told[here[endpoint]]) for endpoint in sorted(here)])
        return cls(files, rounded(size_bytes), held, frozenset(where.silent))

    def lack(self, endpoint: str | None) -> Lack:
        """What is not there; nothing, where it is not known: a catalogue that is down counts as ready."""
        if endpoint in self.silent:
            return NOTHING
        here = self.at.get(endpoint, NOTHING)
        return Lack(self.files - here.files, max(self.size_bytes - here.size_bytes, 0))

    def is_whole_at(self, endpoints: Collection[str]) -> bool:
        """Whether one of them has all of it, or may have."""
        return any(name in endpoints and lack.files == self.files for name, lack in self.held) or any(
            name in endpoints for name in self.silent)

    @property
    def sources(self) -> list[str]:
        """Endpoints that have some of it."""
        return [name for name, _ in self.held]


@dataclass(frozen=True, slots=True)
class Work:
    """A job with what was found out about it.

    :param inputs: None: there is none, or the data service is away.
    :param usage: what jobs of its task used. None: not known yet.
    """

    job: JobSpec
    inputs: Inputs | None = None
    usage: Usage | None = None


def rounded(size_bytes: int) -> int:
    """Bytes as they are told: exact when few, else rounded up to two figures."""
    if size_bytes < EXACT_BELOW:
        return size_bytes
    step: int = 10 ** (len(str(size_bytes)) - FIGURES)
    return -(-size_bytes // step) * step


def told(size_bytes: int) -> str:
    """Bytes for a person."""
    for unit, size in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size_bytes >= size:
            return f"{size_bytes / size:.3g} {unit}"
    return f"{size_bytes} B"
