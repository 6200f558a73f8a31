"""Ended jobs make room: they leave the hot tables some time after their end."""

from __future__ import annotations

from pandad.config import HistoryConfig
from pandad.taskbuffer import history
from pandad.taskbuffer.store import Store


class Historian:
    """Fills the archive, and makes its partitions ahead of time."""

    def __init__(self, store: Store, config: HistoryConfig) -> None:
        self._store, self._config = store, config

    async def run_once(self) -> bool:
        """Move the jobs that ended long enough ago; True if there may be more."""
        await self._store.once("archive_months", history.make_months)
        moved = await self._store.once("archive", history.archive, self._config.keep_s, self._config.batch)
        return moved == self._config.batch
