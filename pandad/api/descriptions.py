"""What pilots and Harvester are told of queues and storage endpoints, as JSON texts, key for key as their sources have it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from pandad.taskbuffer import sites
from pandad.taskbuffer.store import Store


class Descriptions:
    """Reads them from the store, those of all endpoints only when one changed: a pilot gets some megabytes, and asks once in its
    life.

    :param of_backend: the endpoints of the data management system itself, by name; an imported one of that name goes before.
    """

    def __init__(self, store: Store, of_backend: Callable[[], Mapping[str, Mapping[str, Any]]]) -> None:
        self._store, self._of_backend = store, of_backend
        self._version: object = None
        self._endpoints = "{}"

    async def queue(self, name: str) -> str:
        """One queue.

        :raise NotFound: there is no such queue.
        """
        return await self._store.read("queue_description", sites.served, name)

    async def queues(self) -> str:
        """All of them by name."""
        return _table(await self._store.read("queue_descriptions", sites.served_all))

    async def endpoints(self) -> str:
        """All storage endpoints by name."""
        version = await self._store.read("endpoints_version", sites.endpoints_version)
        if version != self._version:
            imported = await self._store.read("endpoint_descriptions", sites.served_endpoints)
            own = {name: json.dumps(description) for name, description in self._of_backend().items()}
            self._endpoints, self._version = _table({**own, **imported}), version
        return self._endpoints


def _table(texts: Mapping[str, str]) -> str:
    entries = ",".join(f"{json.dumps(name)}:{text}" for name, text in sorted(texts.items()))
    return f"{{{entries}}}"
