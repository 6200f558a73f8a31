"""Jobs that no queue took: when they are looked at again.

After a minute, and, as long as the reason stays the same, after twice as long each time, up to a bound. Where queues are merely
full it stays a minute, for room there goes to who is there. When a queue changes all are looked at, some in each round.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from pandad.brokerage.criterion import No
from pandad.spec.criterion import SCOUT
from pandad.spec.job import JobSpec
from pandad.spec.jobstatus import JobStatus
from pandad.taskbuffer import deferrals
from pandad.taskbuffer.deferrals import Place
from pandad.taskbuffer.store import Store, Transaction

RETRY_S = 60.0
# Criteria of what may be otherwise in a minute.
PASSING = frozenset({"cap", JobStatus.TRANSFERRING.value, "links_full", "badsite", SCOUT})
MOST = 1000  # in a round: each may be of a kind of its own, and a round has others to look at


def is_passing(refusals: Iterable[No | None]) -> bool:
    """Whether a queue may take jobs that are refused for these reasons in a minute, and then those that are there first."""
    return any(no is not None and no.criterion in PASSING for no in refusals)


def longest_s(refusals: Iterable[No | None], most_s: float) -> float:
    """The longest pause before jobs are looked at again that are refused for these reasons."""
    return RETRY_S if is_passing(refusals) else max(most_s, RETRY_S)


@dataclass(frozen=True, slots=True)
class _Sweep:
    """A look at all of them, since queues have changed.

    :param changes: how often they had. :param since: when it began. :param place: how far it has come; None: to the end.
    """

    changes: int
    since: datetime
    place: Place | None


class PutOff:
    """Whose turn it is."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._sweep: _Sweep | None = None
        self._next: _Sweep | None = None  # when the jobs that were taken have been looked at

    @property
    def is_under_way(self) -> bool:
        """Whether there are more to look at since the queues changed."""
        return self._sweep is not None and self._sweep.place is not None

    async def take(self, most: int) -> list[JobSpec]:
        """Jobs whose pause is over, or for which something may have changed; no more than that, nor MOST."""
        jobs, self._next = await self._store.read("brokerage_put_off", self._take, min(most, MOST))
        return jobs

    def taken(self) -> None:
        """They were looked at; else they are met again."""
        self._sweep = self._next

    async def _take(self, txn: Transaction, most: int) -> tuple[list[JobSpec], _Sweep]:
        found = {job.PandaID: job for job in await deferrals.due(txn, most)}
        now, changes = await deferrals.changes(txn)
        sweep = self._sweep
        if sweep is None or sweep.place is None and changes != sweep.changes:
            sweep = _Sweep(changes, now, Place(now))
        if sweep.place is not None and len(found) < most:
            jobs, place = await deferrals.after(txn, sweep.place, sweep.since, most - len(found))
            found.update((job.PandaID, job) for job in jobs)
            sweep = replace(sweep, place=place)
        return list(found.values()), sweep
