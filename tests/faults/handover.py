"""Loops change hands: who holds their leases is killed, or stopped and woken up again as a zombie."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from random import Random

from pandad.embedded.daemon import DaemonProcess

from .campaign import Campaign, settled
from .crowd import Crowd, Habits
from .outages import back

LOAD_S = (0.1, 0.6)
KILLED = 0.4        # share of the cycles; in the others the holder is stopped
ASLEEP_S = (0.0, 0.5)  # of a stopped holder, after others took all its loops over
LIMIT_S = 30.0
POLL_S = 0.05


class NotTakenOver(Exception):
    """A loop stayed with a process that cannot run it."""


class Handover(Campaign):
    """The process that holds most leases is killed or stopped under load; others must take every loop over."""

    name, cycles = "handover", 10
    daemons, jobs_per_cycle = 3, 60
    habits = Habits(patience_s=1.5)

    async def cycle(self, crowd: Crowd, dice: Random) -> int:
        """One hand-over; a stopped holder wakes up afterwards, in the middle of what it did."""
        await asyncio.sleep(dice.uniform(*LOAD_S))
        holder, loops = await self._holder()
        if dice.random() < KILLED:
            life = holder.starts
            holder.kill()
            self._note(after_kill_s=await self._taken_over(loops))
            self._note(ready_s=round(await back(self.stand, holder, life), 1))
            return 1
        assert holder.pid is not None
        os.kill(holder.pid, signal.SIGSTOP)
        try:
            self._note(after_stop_s=await self._taken_over(loops))
            await asyncio.sleep(dice.uniform(*ASLEEP_S))
        finally:
            os.kill(holder.pid, signal.SIGCONT)
        await settled(self.stand.ready(holder))
        return 1

    async def _holder(self) -> tuple[DaemonProcess, dict[str, tuple[str, int]]]:
        """The daemon that holds most leases, and these: holder and term by loop."""
        held: dict[int, dict[str, tuple[str, int]]] = {}
        while not held:
            await asyncio.sleep(POLL_S)
            for loop, (holder, term) in (await self._holders()).items():
                held.setdefault(_pid(holder), {})[loop] = (holder, term)
            held = {pid: loops for pid, loops in held.items() if pid in {d.pid for d in self.stand.daemons}}
        pid = max(held, key=lambda each: len(held[each]))
        return next(d for d in self.stand.daemons if d.pid == pid), held[pid]

    async def _taken_over(self, loops: dict[str, tuple[str, int]]) -> float:
        """Wait until all these loops are somebody else's, in a later term: how long it took, s.

        :raise NotTakenOver: one was not.
        """
        began = time.monotonic()
        while waiting := await self._unchanged(loops):
            if time.monotonic() - began > LIMIT_S:
                raise NotTakenOver(f"after {LIMIT_S:g} s nobody runs {', '.join(waiting)}")
            await asyncio.sleep(POLL_S)
        return round(time.monotonic() - began, 1)

    async def _unchanged(self, loops: dict[str, tuple[str, int]]) -> list[str]:
        now = await self._holders()
        return [name for name, (holder, term) in loops.items()
                if name not in now or now[name][0] == holder or now[name][1] <= term]

    async def _holders(self) -> dict[str, tuple[str, int]]:
        observer = await self._observer()
        try:
            return await settled(observer.holders())
        finally:
            observer.close()


def _pid(holder: str) -> int:
    """Of a holder's name, host:pid:mark."""
    return int(holder.rsplit(":", 2)[1])
