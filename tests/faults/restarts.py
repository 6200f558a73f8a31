"""Rolling restarts: one daemon after the other is stopped as by systemd and started again, and no caller may notice."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from random import Random

from .campaign import Campaign, settled
from .crowd import Crowd, Habits
from .manager import ManagedStand
from .stand import Stand

LOAD_S = (0.1, 1.0)
STOP_LIMIT_S = 10.0


class Restarts(Campaign):
    """Two daemons on the sockets of one manager. Not one call may fail, and no stop may take long."""

    name, cycles = "restarts", 20
    daemons, jobs_per_cycle = 2, 60
    habits = Habits(patience_s=20.0)

    def build(self, directory: Path) -> Stand:
        """See Campaign."""
        return ManagedStand(self._reactor, directory, self.daemons)

    async def cycle(self, crowd: Crowd, dice: Random) -> int:
        """One restart."""
        await asyncio.sleep(dice.uniform(*LOAD_S))
        daemon = self.stand.daemons[dice.randrange(self.daemons)]
        began = time.monotonic()
        await settled(daemon.stop())
        self._note(stop_s=round(time.monotonic() - began, 2))
        await settled(daemon.start())
        self._note(restart_s=round(time.monotonic() - began, 2))
        return 1

    async def complaints(self, crowd: Crowd, after: int) -> list[str]:
        """See Campaign."""
        failed = {f"{call}: {outcome}": n for (call, outcome), n in crowd.history.outcomes.items()
                  if outcome == "no answer" or outcome.startswith("HTTP 5")}
        found = [f"{n} calls failed: {what}" for what, n in sorted(failed.items())]
        return found + ([f"a stop took {self.figures['stop_s']} s"] if self.figures["stop_s"] >= STOP_LIMIT_S else [])
