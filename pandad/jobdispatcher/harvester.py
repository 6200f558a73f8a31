"""Harvester workers: what pilots say of the workers they are."""

from __future__ import annotations

from pandad.jobdispatcher.requests import WorkerStatus
from pandad.spec.caller import Caller
from pandad.taskbuffer import workers
from pandad.taskbuffer.store import Store


class Workers:
    """Keeps the state of workers."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def update_status(self, caller: Caller, said: WorkerStatus) -> None:
        """Note that a worker began or ended. Repeating it changes nothing.

        :raise StoreUnavailable: not stored.
        """
        await self._store.once(
            "update_worker", workers.put, said.harvester_id, said.worker_id, said.status, said.site, said.node_id)
