"""Lists of jobs, for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from twisted.internet.interfaces import IReactorTime

from pandad.spec.failure import cause_of
from pandad.spec.job import JobSpec
from pandad.spec.jobstatus import FINAL
from pandad.taskbuffer import joblist
from pandad.taskbuffer.joblist import Place, Wish
from pandad.taskbuffer.store import Store
from pandad.userinterface.kept import Kept

_BY_COLUMN = {name.lower(): name for name in JobSpec.__dataclass_fields__}


@dataclass(frozen=True, slots=True)
class Listed:
    """``jobs``: each by column, with the cause of its failure if it has one. ``read``: how many were looked at to find these.

    ``next``: where to go on; None: that is all.
    """

    jobs: Sequence[Mapping[str, Any]]
    read: int
    next: Place | None


class JobLists:
    """Finds jobs by what they ask for."""

    def __init__(self, store: Store, clock: IReactorTime) -> None:
        self._store = store
        self._listed: Kept[Listed] = Kept(clock)

    async def find(self, wish: Wish) -> Listed:
        """The latest first. See joblist.Wish."""
        return await self._listed.of(wish, lambda: self._read(wish))

    async def _read(self, wish: Wish) -> Listed:
        found = await self._store.read("job_list", joblist.find, wish)
        return Listed([{**row, "cause": _cause(row)} for row in found.jobs], found.read, found.next)


def _cause(row: Mapping[str, Any]) -> str | None:
    """As failures are counted; of what did not end badly there is none."""
    job = JobSpec(**{_BY_COLUMN[column]: value for column, value in row.items() if column in _BY_COLUMN})
    codes = [value for column, value in row.items() if column.endswith("errorcode")]
    return cause_of(job) if job.jobStatus in FINAL and (any(codes) or job.transExitCode not in (None, "", "0")) else None
