"""Reading the facts: queues and counts from the store, where the input lies from the data service."""

from __future__ import annotations

from collections.abc import Awaitable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Protocol, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as WaitTimeout
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from pandad import metrics
from pandad.brokerage.snapshot import Snapshot
from pandad.config import BrokerageConfig
from pandad.spec.errors import PandadError
from pandad.spec.facts import Link, Scouting, Space, Usage, Whereabouts
from pandad.spec.file import FileName
from pandad.spec.job import JobSpec
from pandad.taskbuffer import brakes, carriage, facts, scouts, sites
from pandad.taskbuffer.store import Store, Transaction

T = TypeVar("T")
NAMES = 2000  # files in one question


class Locator(Protocol):
    """What brokerage asks of the data service. ``moves``: whether it brings files to where a job needs them."""

    moves: bool

    async def locate(self, names: Sequence[FileName]) -> Whereabouts:
        """Where these files are."""
        ...

    async def space(self, endpoints: Sequence[str]) -> Mapping[str, Space]:
        """The room at those endpoints."""
        ...


class Look:
    """Takes snapshots."""

    log = Logger()

    def __init__(self, store: Store, config: BrokerageConfig, clock: IReactorTime, data: Locator) -> None:
        self._store, self._config, self._clock, self._data = store, config, clock, data
        self._patience_s = config.locate_s

    async def queues(self) -> Snapshot:
        """What is known of the queues now."""
        snapshot = replace(await self._store.read("brokerage_facts", _read, self._config), moves=self._data.moves)
        endpoints = sorted({queue.endpoint_out for queue in snapshot.queues if queue.endpoint_out})
        space = await self._ask(self._data.space(endpoints)) if self._config.least_free_gb and endpoints else None
        return replace(snapshot, space=space or {})

    async def jobs(self, snapshot: Snapshot, jobs: Collection[JobSpec]) -> Snapshot:
        """And what is known of these jobs: a catalogue that is down leaves it open where their input is."""
        names = list({FileName.of(file) for job in jobs for file in job.inputs})
        tasks = {job.jediTaskID for job in jobs if job.jediTaskID}
        where = await self._locate(names)
        sources = {endpoint for copies in where.copies.values() for endpoint in copies} if where is not None else set()
        usage, sent, links = await self._store.read("brokerage_jobs", _read_of_jobs, tasks, sources, snapshot, self._config)
        return replace(snapshot, where=where, usage=usage, scouts=sent, links=links)

    async def _locate(self, names: Sequence[FileName]) -> Whereabouts | None:
        copies: dict[FileName, Mapping[str, int]] = {}
        silent: dict[str, str] = {}
        deadline = self._clock.seconds() + self._patience_s
        for start in range(0, len(names), NAMES):
            found = await self._ask(self._data.locate(names[start:start + NAMES]), deadline)
            if found is None:
                return None
            copies.update(found.copies)
            silent.update(found.silent)
        return Whereabouts(copies, silent)

    async def _ask(self, question: Awaitable[T], deadline: float | None = None) -> T | None:
        """The answer of the data service, None if it does not know in time: then brokerage goes on without."""
        patience_s = self._patience_s if deadline is None else max(deadline - self._clock.seconds(), 0)
        try:
            return await Deferred.fromCoroutine(_plain(question)).addTimeout(patience_s, self._clock)
        except (PandadError, WaitTimeout) as error:
            metrics.DATA_UNKNOWN.add()
            self.log.warn("brokerage decides without the data service: {error}", error=str(error) or "no answer in time")
            return None


async def _plain(question: Awaitable[T]) -> T:
    return await question


async def _read(txn: Transaction, config: BrokerageConfig) -> Snapshot:
    return Snapshot(
        await sites.find_all(txn), await facts.counts(txn), ends=await facts.ends(txn, config.brake_s),
        pilots=await facts.pilots(txn, config.nopilot_s) if config.nopilot_s else {},
        endpoints=await sites.endpoints(txn), brakes=await brakes.find_all(txn))


_OfJobs = tuple[dict[int, Usage], dict[int, Scouting], dict[tuple[str, str], Link]]


async def _read_of_jobs(txn: Transaction, tasks: Collection[int], sources: Collection[str],
                        snapshot: Snapshot, config: BrokerageConfig) -> _OfJobs:
    usage = await facts.usage(txn, tasks) if tasks else {}
    sent = await scouts.find(txn, tasks, config.scout_s) if tasks and config.scouts else {}
    if not sources:
        return usage, sent, {}
    site_of = {name: snapshot.endpoints[name].site for name in {*sources, *snapshot.read_from} if name in snapshot.endpoints}
    found = await sites.links(txn, {*sources, *(site_of[name] for name in sources if name in site_of)})
    if not found:
        return usage, sent, {}
    coming = await carriage.coming(txn) if snapshot.moves else {}
    return usage, sent, _busy(_between(found, site_of, sources, snapshot.read_from), coming)


def _between(found: Mapping[tuple[str, str], Link], site_of: Mapping[str, str], sources: Collection[str],
             goals: Collection[str]) -> dict[tuple[str, str], Link]:
    """The links between endpoints; where there is none that is named by them, that of their sites."""
    links = {}
    for source in sources:
        for goal in goals:
            link = found.get((source, goal)) or found.get((site_of.get(source, ""), site_of.get(goal, "")))
            if link is not None:
                links[source, goal] = link
    return links


def _busy(links: dict[tuple[str, str], Link], coming: Mapping[str, tuple[int, int]]) -> dict[tuple[str, str], Link]:
    """With what is on its way to their ends already: where it comes from is for others to choose, so it counts on every way."""
    for (source, goal), link in links.items():
        files, size_bytes = coming.get(goal, (0, 0))
        if files:
            links[source, goal] = replace(link, backlog_files=link.backlog_files + files,
                                          backlog_bytes=link.backlog_bytes + size_bytes)
    return links
