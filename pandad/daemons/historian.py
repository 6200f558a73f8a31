"""Ended jobs make room: they leave the hot tables some time after their end, and what they shared goes with the last of them."""

from __future__ import annotations

from pandad.config import HistoryConfig
from pandad.taskbuffer import decisions, history, lines
from pandad.taskbuffer.store import Store

LINES = 1000  # that one round removes
VERDICTS = 1000  # likewise


class Historian:
    """Fills the archive, makes its partitions ahead of time, and removes lines and verdicts that are not used any more."""

    def __init__(self, store: Store, config: HistoryConfig) -> None:
        self._store, self._config = store, config

    async def run_once(self) -> bool:
        """Move the jobs that ended long enough ago, remove lines and verdicts without jobs; True if there may be more."""
        await self._store.once("archive_months", history.make_months)
        moved = await self._store.once("archive", history.archive, self._config.keep_s, self._config.batch)
        removed = await self._store.once("remove_lines", lines.remove_unused, LINES)
        forgotten = await self._store.once("remove_verdicts", decisions.remove_unused, VERDICTS)
        return moved == self._config.batch or removed == LINES or forgotten == VERDICTS
