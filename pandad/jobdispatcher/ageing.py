"""Ageing: jobs of users that wait for days come forward, so that nobody starves behind a stream of newer ones."""

from __future__ import annotations

from pandad.spec.share import ANALYSIS_LABELS
from pandad.taskbuffer import turns
from pandad.taskbuffer.store import Store

BATCH = 1000


class Ageing:
    """Raises priorities."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def run_once(self) -> bool:
        """Look at jobs that have waited a day since the last look; True if there may be more."""
        return await self._store.once("ageing", turns.age, sorted(ANALYSIS_LABELS), BATCH) == BATCH
