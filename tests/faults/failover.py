"""The primary database is lost for good under load; its synchronous standby takes over, and gets a new standby."""

from __future__ import annotations

import asyncio
import time
from enum import StrEnum
from pathlib import Path
from random import Random

from .campaign import Campaign, settled
from .crowd import Crowd, Habits
from .manners import dropped, tracebacks
from .pair import Pair

LOAD_S = (0.3, 1.2)     # before it strikes
NOTICED_S = (0.0, 1.0)  # until somebody promotes the standby
ALONE_S = (1.0, 9.0)    # longer than a daemon waits for a commit


class Loss(StrEnum):
    """How the primary is lost."""

    STOPPED = "stopped"
    FROZEN = "frozen"     # it hangs, as a host without power: its connections stay, and nothing answers
    STARVED = "starved"   # its standby had been cut off for a while, so that no commit could be acknowledged; then it stopped


LOSSES = (Loss.STOPPED, Loss.STOPPED, Loss.FROZEN, Loss.STARVED)


class Failover(Campaign):
    """The primary ends, hangs, or had lost sight of its standby, which is promoted. No daemon is started again, none is told."""

    name, cycles, jobs_per_cycle = "failover", 6, 80
    habits = Habits(patience_s=20.0)
    stand: Pair

    def build(self, directory: Path) -> Pair:
        """Two databases."""
        return Pair(self._reactor, directory, self.daemons)

    async def cycle(self, crowd: Crowd, dice: Random) -> int:
        """One fail-over; then a new standby is made from the new primary, under load."""
        await asyncio.sleep(dice.uniform(*LOAD_S))
        pids = [daemon.pid for daemon in self.stand.daemons]
        lost, loss = self.stand.primary, dice.choice(LOSSES)
        if loss is Loss.STARVED:
            await self._starve(dice.uniform(*ALONE_S))
        began = time.monotonic()
        if loss is Loss.FROZEN:
            lost.freeze()
        else:
            await settled(lost.bury())
        self.stand.standby.thaw()
        await asyncio.sleep(dice.uniform(*NOTICED_S))
        await settled(self.stand.take_over())
        promoted = time.monotonic()
        await crowd.served()
        served = time.monotonic()
        if loss is Loss.FROZEN:
            await settled(lost.bury())
        await settled(self.stand.follow())
        self._note(**{f"{loss}_s": round(served - began, 1), f"{loss}_after_promotion_s": round(served - promoted, 1),
                      "new_standby_s": round(time.monotonic() - served, 1)})
        assert [daemon.pid for daemon in self.stand.daemons] == pids, "a daemon did not outlive the fail-over"
        return 1

    async def _starve(self, for_s: float) -> None:
        self.stand.standby.freeze()
        await asyncio.sleep(for_s)

    async def complaints(self, crowd: Crowd, after: int) -> list[str]:
        """Calls without an answer, and tracebacks."""
        return [*dropped(crowd.history), *tracebacks(self.stand.logs)]
