"""Processes that are killed and a database that goes away, in the middle of everything."""

from __future__ import annotations

import asyncio
import time
from random import Random

from pandad.embedded.daemon import DaemonProcess

from .campaign import Campaign, settled
from .crowd import Crowd

LOAD_S = (0.2, 1.2)  # before the fault strikes
BOTH = 0.1           # share of cycles in which all daemons die at once
AWAY_S = (0.0, 0.7)


class Kill9(Campaign):
    """One of the daemons is killed at a random moment, at times all of them, and started again by its supervisor."""

    name, cycles = "kill9", 20

    async def cycle(self, crowd: Crowd, dice: Random) -> None:
        """Kill, and wait until they work again."""
        await asyncio.sleep(dice.uniform(*LOAD_S))
        daemons = self.stand.daemons
        doomed = daemons if dice.random() < BOTH else [dice.choice(daemons)]
        for daemon in doomed:
            daemon.kill()
        for daemon in doomed:
            self._note(ready_s=round(await self._back(daemon), 1))

    async def _back(self, daemon: DaemonProcess) -> float:
        """How long it took."""
        began, starts = time.monotonic(), daemon.starts
        while daemon.starts == starts or daemon.pid is None:
            await asyncio.sleep(0.02)
        await settled(self.stand.ready(daemon))
        return time.monotonic() - began


class DatabaseStop(Campaign):
    """PostgreSQL stops at once, as in a crash, and comes back; no daemon is started again for that."""

    name, cycles = "dbstop", 20

    async def cycle(self, crowd: Crowd, dice: Random) -> None:
        """Stop, wait, start, and wait until all daemons work again."""
        await asyncio.sleep(dice.uniform(*LOAD_S))
        pids = [daemon.pid for daemon in self.stand.daemons]
        await settled(self.stand.postgres.stop("immediate"))
        await asyncio.sleep(dice.uniform(*AWAY_S))
        await settled(self.stand.postgres.start())
        for daemon in self.stand.daemons:
            self._note(ready_s=round(await settled(self.stand.ready(daemon)), 1))
        assert [daemon.pid for daemon in self.stand.daemons] == pids, "a daemon did not outlive its database"
