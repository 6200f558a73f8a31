"""Demand: the work that pilots could take now, by queue and resource type, for Harvester and for autoscalers.

What a cap holds back is no demand: a pilot that came for it would get nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from math import inf
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from pandad.config import SharesConfig
from pandad.spec.account import People
from pandad.spec.facts import Demand as Activated
from pandad.spec.facts import Pilots
from pandad.spec.jobstatus import JobStatus
from pandad.spec.share import Capped, CapsOf, caps_by
from pandad.taskbuffer import claims, demand, facts, lines
from pandad.taskbuffer.demand import COUNT_MOST, Head, States
from pandad.taskbuffer.store import Store, Transaction

FRESH_S = 1.0
FRESH_TIMES = 20  # and so many times as long as it took to read, so that nobody can keep the database busy with it
WINDOW_S = 900  # of what pilots asked
S = JobStatus


@dataclass(slots=True)
class Demanded:
    """What one queue has for pilots of one resource type.

    :param activated: jobs that wait for a pilot. :param takeable: those of them that no cap holds back; cores: of those.
    :param oldest_wait_s: of the jobs that go next.
    :param approximate: a line that a cap may hold back is longer than was counted.
    """

    queue: str
    resource_type: str
    activated: int = 0
    takeable: int = 0
    cores: int = 0
    oldest_wait_s: float = 0.0
    approximate: bool = False


@dataclass(frozen=True)
class Published:
    """One reading. ``states``: jobs by queue, resource type, label and state. ``pilots``: by queue, over WINDOW_S."""

    at: datetime | None
    demand: Sequence[Demanded]
    states: States
    pilots: Mapping[str, Pilots] = field(default_factory=dict)

    @cached_property
    def counts(self) -> dict[str, dict[str, int]]:
        """Jobs by queue and state."""
        return {queue: dict(_added(by_type.values())) for queue, by_type in self.states.items()}

    def rows(self) -> list[dict[str, Any]]:
        """By queue: its demand by resource type, what runs there, and the pilots that asked and got nothing."""
        found: dict[str, dict[str, Any]] = {}
        for each in self.demand:
            mine = found.setdefault(each.queue, self._queue(each.queue))
            mine["demand"][each.resource_type] = {
                "activated": each.activated, "takeable": each.takeable, "held_by_caps": each.activated - each.takeable,
                "cores": each.cores, "oldest_wait_s": round(each.oldest_wait_s), "approximate": each.approximate}
        for queue in sorted(set(self.counts) | set(self.pilots)):
            if queue:
                found.setdefault(queue, self._queue(queue))
        return [found[queue] for queue in sorted(found)]

    def _queue(self, queue: str) -> dict[str, Any]:
        counts, pilots = self.counts.get(queue, {}), self.pilots.get(queue, Pilots(WINDOW_S))
        starting = counts.get(S.SENT, 0) + counts.get(S.STARTING, 0)
        return {"queue": queue, "demand": {}, "running": counts.get(S.RUNNING, 0), "starting": starting,
                "pilots": {"window_s": WINDOW_S, "asked": pilots.asked, "served": pilots.served,
                           "unserved": sum(pilots.refused.values()), "refused": dict(pilots.refused), "last": pilots.last}}


class Demand:
    """Reads it when somebody asks, for all who ask in the same second."""

    def __init__(self, store: Store, clock: IReactorTime, config: SharesConfig, people: People | None = None) -> None:
        self._store, self._clock = store, clock
        self._config, self._people = config, people or People()
        self._found: Published | None = None
        self._until = -inf
        self._asking: list[Deferred[Published]] | None = None

    async def published(self) -> Published:
        """As of a second ago at the most; on a database that is slow, somewhat longer.

        :raise StoreUnavailable: try later.
        """
        if self._found is not None and self._clock.seconds() < self._until:
            return self._found
        if self._asking is not None:
            waits: Deferred[Published] = Deferred()
            self._asking.append(waits)
            return await waits
        return await self._read()

    async def _read(self) -> Published:
        began, self._asking = self._clock.seconds(), []
        asked = Deferred.fromCoroutine(self._fetched())
        asked.addBoth(self._tell)
        self._found = await asked
        took_s = self._clock.seconds() - began
        self._until = self._clock.seconds() + max(FRESH_S, FRESH_TIMES * took_s)
        return self._found

    async def _fetched(self) -> Published:
        caps_of = caps_by(self._config.user_cap, self._config.group_caps, self._people.directory)
        return await self._store.read("demand", _published, caps_of)

    def _tell(self, result: Any) -> Any:
        waiting, self._asking = self._asking or [], None
        for each in waiting:
            each.callback(result)  # a failure goes its own way
        return result


async def _published(txn: Transaction, caps_of: CapsOf) -> Published:
    heads, now = await demand.everywhere(txn)
    there = await facts.demand(txn)
    rooms = await _rooms(txn, heads, caps_of)
    counts = await demand.counts(txn, tight(heads, rooms, there, caps_of))
    return Published(now, demanded(heads, counts, rooms, there, caps_of, now), await demand.states(txn),
                     await facts.pilots(txn, WINDOW_S))


async def _rooms(txn: Transaction, heads: Sequence[Head], caps_of: CapsOf) -> dict[Capped, int]:
    """Cores to the cap of those who have one and jobs that wait."""
    rooms = {cap: cap.cores for head in heads for cap in caps_of(head.line)}
    if rooms:
        usage = await claims.usage(txn)
        for line in await lines.find(txn, list(usage)):
            for cap in caps_of(line):
                if cap in rooms:
                    rooms[cap] -= usage[line.id]
    return rooms


def tight(heads: Sequence[Head], rooms: Mapping[Capped, int], there: Sequence[Activated], caps_of: CapsOf) -> list[Head]:
    """The lines of which a cap may hold some back: all the jobs of their kind at the queue might be their own. Pure."""
    most: Counter[tuple[str, str]] = Counter()
    for each in there:
        most[each.queue, each.resource_type] += each.cores
    return [head for head in heads if any(rooms[cap] < most[head.queue, head.line.resource_type]
                                          for cap in caps_of(head.line))]


def demanded(heads: Sequence[Head], counts: Mapping[tuple[str, int], int], rooms: Mapping[Capped, int],
             there: Sequence[Activated], caps_of: CapsOf, now: datetime | None) -> list[Demanded]:
    """By queue and resource type. The room below a cap is given out once at each queue: any of them may get it. Pure.

    :param counts: of the lines that a cap may hold back. :param there: all activated jobs, as the counters have them.
    """
    found: dict[tuple[str, str], Demanded] = {}
    for kind in there:
        each = found.setdefault((kind.queue, kind.resource_type), Demanded(kind.queue, kind.resource_type))
        each.activated, each.takeable, each.cores = each.activated + kind.jobs, each.takeable + kind.jobs, each.cores + kind.cores
    left: dict[tuple[str, Capped], int] = {}
    for queue, line, since in heads:
        each = found.setdefault((queue, line.resource_type), Demanded(queue, line.resource_type))
        if now is not None:
            each.oldest_wait_s = max(each.oldest_wait_s, (now - since).total_seconds())
        jobs = counts.get((queue, line.id))
        if jobs is None:
            continue
        caps = [(queue, cap) for cap in caps_of(line)]
        going = max(min(jobs, *(left.setdefault(key, rooms[key[1]]) // line.cores for key in caps)), 0)
        for key in caps:
            left[key] -= going * line.cores
        each.takeable = max(each.takeable - (jobs - going), 0)
        each.cores = max(each.cores - (jobs - going) * line.cores, 0)
        each.approximate = each.approximate or jobs == COUNT_MOST
    return list(found.values())


def _added(by_label: Iterable[Mapping[str, Mapping[str, int]]]) -> Counter[str]:
    """By state, over all labels."""
    total: Counter[str] = Counter()
    for labels in by_label:
        for states in labels.values():
            total.update(states)
    return total
