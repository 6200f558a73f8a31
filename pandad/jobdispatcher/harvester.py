"""Harvesters, and their workers: what they say, what pilots say of the workers they are, and what operators have them do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pandad.jobdispatcher.requests import WorkerStatus
from pandad.spec.caller import Caller
from pandad.taskbuffer import harvesters, workers
from pandad.taskbuffer.harvesters import DIALOG, METRIC, Command, Counts
from pandad.taskbuffer.store import Store
from pandad.taskbuffer.workers import WorkerWord

KILL_WORKERS = "KILL_WORKERS"  # Harvester's word, with the queue behind it


class Workers:
    """Keeps the state of workers, and what is said around them. All of it may be said again; all raise StoreUnavailable."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def update_status(self, caller: Caller, said: WorkerStatus) -> None:
        """Note that a worker began or ended."""
        await self._store.once(
            "update_worker", workers.put, said.harvester_id, said.worker_id, said.status, said.site, said.node_id)

    async def update(self, harvester_id: str, told: Sequence[WorkerWord]) -> None:
        """Note what a Harvester says of its workers."""
        if told:
            await self._store.once("update_workers", workers.put_all, harvester_id, told)

    async def last(self, harvester_id: str) -> int:
        """The highest number of its workers: one that lost its database goes on from there."""
        return await self._store.read("last_worker", workers.last, harvester_id)

    async def beat(self, harvester_id: str, told: Mapping[str, Any]) -> None:
        """A Harvester lives."""
        await self._store.once("harvester_beat", harvesters.beat, harvester_id, told)

    async def count(self, harvester_id: str, queue: str, counts: Counts) -> None:
        """How many workers it has at a queue."""
        await self._store.transact("count_workers", harvesters.count, harvester_id, queue, counts)

    async def counts(self) -> dict[str, Any]:
        """By queue, Harvester, type of job, resource type and status."""
        return await self._store.read("worker_counts", harvesters.counts)

    async def dialogs(self, harvester_id: str, notes: Mapping[str, object]) -> None:
        """What it says to operators, by its own numbers."""
        await self._store.once("harvester_dialogs", harvesters.note, harvester_id, DIALOG, notes)

    async def metrics(self, harvester_id: str, notes: Mapping[str, object]) -> None:
        """How its hosts are, the newest of each."""
        await self._store.once("harvester_metrics", harvesters.note, harvester_id, METRIC, notes)

    async def sweep(self, queue: str, which: Mapping[str, object]) -> int:
        """Have workers at a queue killed, by every Harvester that has some there; how many Harvesters that are."""
        return await self._store.once(
            "sweep", harvesters.sweep, queue, f"{KILL_WORKERS}:{queue}", {"computingSite": [queue], **which})

    async def commands(self, harvester_id: str, most: int) -> list[Command]:
        """What it is to do; it is told again after an hour, if it does not say that it has it."""
        return await self._store.once("harvester_commands", harvesters.tell, harvester_id, most)

    async def acknowledge(self, ids: Sequence[int]) -> None:
        """It has them."""
        await self._store.once("harvester_done", harvesters.done, ids)
