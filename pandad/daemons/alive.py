"""Each process says that it lives, so that time in which none did counts against no pilot and no job."""

from __future__ import annotations

from twisted.logger import Logger

from pandad.taskbuffer import outages
from pandad.taskbuffer.store import Store

SILENCE_PERIODS = 3


class Alive:
    """One word each round. Runs in every process: there is no outage while one of them lives."""

    log = Logger()

    def __init__(self, store: Store, period_s: float) -> None:
        self._store, self._silence_s = store, SILENCE_PERIODS * period_s

    async def run_once(self) -> bool:
        """Say it; log the outage that this ends, if any.

        :raise StoreUnavailable: it was not heard, and that is the beginning of an outage.
        """
        outage = await self._store.once("alive", outages.live, self._silence_s)
        if outage is not None:
            self.log.warn("no pandad from {began} to {ended}: this time counts against no job",
                          began=outage.began, ended=outage.ended)
        return False
