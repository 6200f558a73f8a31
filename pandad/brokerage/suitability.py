"""Whether any registered queue could ever take a job, whatever its load and status: the same rules, without what passes."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from operator import attrgetter

from twisted.internet.interfaces import IReactorTime

from pandad.brokerage.criterion import No
from pandad.brokerage.rules import READ, RULES
from pandad.pace import Pace
from pandad.spec import sitewish
from pandad.spec.criterion import Kind, Never, kind_of
from pandad.spec.job import JobSpec
from pandad.spec.site import Queue
from pandad.taskbuffer import deferrals, sites
from pandad.taskbuffer.store import Store, Transaction

FRESH_S = 5.0  # the queues are read again after this
KEPT = 10_000  # kinds of jobs whose answer is known

# All that the rules read of a job, apart from its files: jobs alike in this get the same answer.
PINNED = ("relocationFlag", "computingSite")
_READ = attrgetter(*PINNED, *(name for name in READ if name != "inputFileBytes"))  # that counts by the MB


class Suitability:
    """Answers for many jobs at once; jobs with the same needs share an answer until a queue changes."""

    def __init__(self, store: Store, clock: IReactorTime) -> None:
        self._store, self._clock = store, clock
        self._queues: Sequence[Queue] = ()
        self._changes, self._until = -1, -inf
        self._known: dict[tuple[object, ...], Never | None] = {}

    async def never(self, jobs: Sequence[JobSpec]) -> list[Never | None]:
        """Per job why no queue can ever take it; None: some queue can, if not now. A job is told so of the queues as they are.

        :raise StoreUnavailable: the queues cannot be read.
        """
        if self._clock.seconds() >= self._until:
            await self._read()
        found = await self._judge(jobs)
        if any(found) and await self._have_changed():
            await self._read()
            found = await self._judge(jobs)
        return found

    async def _judge(self, jobs: Sequence[JobSpec]) -> list[Never | None]:
        pace, found = Pace(self._clock), []
        for job in jobs:
            found.append(self._of(job))
            await pace.rest()
        return found

    async def unmatched(self, jobs: Sequence[JobSpec]) -> list[str]:
        """Names and patterns that these jobs were limited to or kept from, and that fit no registered queue.

        :raise StoreUnavailable: the queues cannot be read.
        """
        if self._clock.seconds() >= self._until:
            await self._read()
        return sitewish.unmatched(jobs, [queue.name for queue in self._queues])

    async def _read(self) -> None:
        self._changes, queues = await self._store.read("suitability", _queues)
        if queues != self._queues or len(self._known) > KEPT:
            self._known.clear()
        self._queues, self._until = queues, self._clock.seconds() + FRESH_S

    async def _have_changed(self) -> bool:
        _, changes = await self._store.read("suitability_changes", deferrals.changes)
        return changes != self._changes

    def _of(self, job: JobSpec) -> Never | None:
        needs = (*_READ(job), tuple(job.avoided), (job.inputFileBytes or 0) // 2**20, frozenset(file.type for file in job.Files))
        if needs not in self._known:
            self._known[needs] = never(job, self._queues)
        return self._known[needs]


async def _queues(txn: Transaction) -> tuple[int, Sequence[Queue]]:
    _, changes = await deferrals.changes(txn)
    return changes, await sites.find_all(txn)


def never(job: JobSpec, queues: Sequence[Queue]) -> Never | None:
    """See Suitability.never. Pure."""
    nearest: tuple[tuple[int, float], Queue, list[No]] | None = None
    for queue in queues:
        lacks = lacking(job, queue, len(nearest[2]) if nearest is not None else len(RULES))
        if not lacks:
            return None
        distance = (len(lacks), sum(map(shortfall, lacks)))
        if nearest is None or distance < nearest[0]:
            nearest = distance, queue, lacks
    if nearest is None:
        return Never(None, "", None, None, "", (), 0)
    _, queue, lacks = nearest
    first = lacks[0]
    lacking_all = tuple(no.criterion for no in lacks)
    return Never(queue.name, first.criterion, first.have, first.need, first.text, lacking_all, len(queues))


def lacking(job: JobSpec, queue: Queue, most: int) -> list[No]:
    """What the queue, as it is described, has not for the job; when it is more than so much, the rest is not looked for."""
    found: list[No] = []
    for rule in RULES:
        no = rule.check(job, queue)
        if no is not None and kind_of(no.criterion, no.text) is Kind.NEEDS:
            found.append(no)
            if len(found) > most:
                break
    return found


def shortfall(no: No) -> float:
    """How far a queue is from what it should have, as a part of it; 1 for what is no number."""
    if isinstance(no.have, int) and isinstance(no.need, int) and max(no.have, no.need) > 0:
        return abs(no.need - no.have) / max(no.have, no.need)
    return 1.0
