"""Replies that are cut, delayed and doubled between a client and a daemon that both go on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

from .campaign import Bounds, Campaign
from .crowd import Crowd, Habits
from .proxy import CallProxy, Fault, Plan, Proxy, TlsProxy
from .results import Result
from .wire import Door

MUTATING = ("submit", "acquire", "running", "finished", "failed", "kill")
AHEAD = 50      # jobs that users may hand in at any time
POLL_S = 0.05


class CutReply(Campaign):
    """Half of all calls meet a fault; all kinds of calls meet all kinds of faults equally often. A cycle is a fault."""

    name, cycles, round_cycles, jobs_per_cycle = "cutreply", 500, 1000, 0
    habits = Habits(pilots=32, users=6, in_flight=200, patience_s=1.0, killed=0.3, failing=0.4, oversleeping=0.0, vanishing=0.0)

    def __init__(self, reactor: Any, directory: Path, seed: int) -> None:
        super().__init__(reactor, directory, seed)
        self.plan = Plan(seed)
        self._proxies: dict[str, list[Proxy]] = {}

    def doors(self) -> dict[str, list[Door]]:
        """The proxies: two that see calls for each that sees bytes only."""
        return {user: [self._door(user, proxy) for proxy in (*proxies, *proxies[:-1])] for user, proxies in self._proxies.items()}

    async def open(self) -> None:
        """Proxies in front of every daemon."""
        await super().open()
        for user in ("alice", "pilot"):
            doors = self.stand.doors_for(user)
            through = [TlsProxy(replace(door, context=None), self.plan) for door in doors[:1]]
            self._proxies[user] = [*(CallProxy(door, self.plan) for door in doors), *through]
            for proxy in self._proxies[user]:
                await proxy.start()

    async def close(self) -> None:
        """Proxies first."""
        for proxies in self._proxies.values():
            for proxy in proxies:
                proxy.stop()
        await super().close()

    async def cycle(self, crowd: Crowd, dice: Random) -> int:
        """Let them work for a moment; the faults come by themselves."""
        before = self.plan.done.total()
        self.plan.on = True
        crowd.quota = crowd.submitted + AHEAD
        await asyncio.sleep(POLL_S)
        crowd.quota = crowd.submitted
        return self.plan.done.total() - before

    async def calm(self) -> None:
        """No faults from now on, and nothing held back."""
        self.plan.on = False
        for proxies in self._proxies.values():
            for proxy in proxies:
                await proxy.quiet()

    async def run(self, bounds: Bounds, commit: str, say: Callable[[str], None]) -> Result:
        """As all, and how evenly the faults fell."""
        found = await super().run(bounds, commit, say)
        least = min(self.plan.done[call, fault] for call in MUTATING for fault in Fault)
        return replace(found, figures={**found.figures, "least_of_a_kind": least})

    def _door(self, user: str, proxy: Proxy) -> Door:
        if isinstance(proxy, TlsProxy):
            return Door("localhost", proxy.port, self.stand.credentials(user))
        return Door("127.0.0.1", proxy.port)
