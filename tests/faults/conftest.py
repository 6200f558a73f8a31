"""What tests of lives share."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from pytest_twisted import async_yield_fixture
from twisted.internet import reactor

from pandad.config import DatabaseConfig
from pandad.embedded.pilotsettings import queue_description
from pandad.spec.site import queue_from_description
from pandad.taskbuffer import sites
from pandad.taskbuffer.store import Store

from .lives import Place
from .stand import ENDPOINT, QUEUE, SITE
from .stored import observe


@async_yield_fixture
async def place(store: Store, database: DatabaseConfig, tmp_path: Path) -> AsyncIterator[Place]:
    """A database with a queue, and a storage."""
    clock: Any = reactor
    await store.transact("queue", sites.put, queue_from_description(queue_description(QUEUE, SITE, ENDPOINT)), "test")
    observer = await observe(clock, database)
    storage = tmp_path / "storage"
    storage.mkdir()
    yield Place(clock, database, storage, observer)
    observer.close()
    shutil.rmtree(storage)
