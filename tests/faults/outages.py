"""Processes that are killed and a database that goes away, in the middle of everything."""

from __future__ import annotations

import asyncio
import time
from random import Random

from pandad.embedded.daemon import DaemonProcess

from .campaign import Campaign, settled
from .crowd import Crowd
from .stand import Stand

LOAD_S = (0.2, 1.2)  # before the fault strikes
BOTH = 0.1           # share of cycles in which all daemons die at once
AWAY_S = (0.0, 0.7)


class Kill9(Campaign):
    """One of the daemons is killed at a random moment, at times all of them, and started again by its supervisor."""

    name, cycles = "kill9", 20

    async def cycle(self, crowd: Crowd, dice: Random) -> int:
        """Kill, and wait until they work again."""
        await asyncio.sleep(dice.uniform(*LOAD_S))
        daemons = self.stand.daemons
        doomed = daemons if dice.random() < BOTH else [dice.choice(daemons)]
        lives = [(daemon, daemon.starts) for daemon in doomed]
        for daemon in doomed:
            daemon.kill()
        for daemon, life in lives:
            self._note(ready_s=round(await back(self.stand, daemon, life), 1))
        return 1


async def back(stand: Stand, daemon: DaemonProcess, life: int) -> float:
    """Wait until a daemon that was killed in that life (`starts`) works again: how long it took, s."""
    began = time.monotonic()
    while daemon.starts == life or daemon.pid is None:
        await asyncio.sleep(0.02)
    await settled(stand.ready(daemon))
    return time.monotonic() - began


class DatabaseStop(Campaign):
    """PostgreSQL stops at once, as in a crash, and comes back; no daemon is started again for that."""

    name, cycles = "dbstop", 20

    async def cycle(self, crowd: Crowd, dice: Random) -> int:
        """Stop, wait, start, and wait until all daemons work again."""
        await asyncio.sleep(dice.uniform(*LOAD_S))
        pids = [daemon.pid for daemon in self.stand.daemons]
        await settled(self.stand.postgres.stop("immediate"))
        await asyncio.sleep(dice.uniform(*AWAY_S))
        await settled(self.stand.postgres.start())
        for daemon in self.stand.daemons:
            self._note(ready_s=round(await settled(self.stand.ready(daemon)), 1))
        assert [daemon.pid for daemon in self.stand.daemons] == pids, "a daemon did not outlive its database"
        return 1
