"""What statements counted as they ran is added up, now and then noted for pictures over time, and what is too old goes."""

from __future__ import annotations

from pandad.taskbuffer import past, tallies
from pandad.taskbuffer.store import Store

BATCH = 10_000  # rows in one round: it lasts some tens of milliseconds


class Tally:
    """Keeps what has to be read beside the totals short."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def run_once(self) -> bool:
        """Add up what has come; True if there may be more."""
        folded = await self._store.once("tally_fold", tallies.fold, BATCH)
        await self._store.once("tally_drop", tallies.drop)
        await self._store.once("tally_sample", past.sample)
        return folded == BATCH
