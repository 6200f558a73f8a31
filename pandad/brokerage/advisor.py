"""Where would these jobs go now, and why not elsewhere: the decision of a round, of which nothing is stored."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.interfaces import IReactorTime

from pandad.brokerage.broker import Decision, Round
from pandad.brokerage.look import Locator, Look
from pandad.brokerage.policy import policy_of
from pandad.brokerage.snapshot import Snapshot
from pandad.config import BrokerageConfig
from pandad.pace import Pace
from pandad.spec.job import JobSpec
from pandad.taskbuffer import deferrals
from pandad.taskbuffer.store import Store

FRESH_S = 2.0  # how old the facts on queues may be; what their operators say of them counts at once


class Advisor:
    """Decides as the next round would, were these jobs the only ones."""

    def __init__(self, store: Store, config: BrokerageConfig, clock: IReactorTime, data: Locator) -> None:
        self._look, self._clock = Look(store, config, clock, data), clock
        self._policy = policy_of(config)
        self._snapshot: Snapshot | None = None
        self._store, self._changes, self._until = store, -1, 0.0

    async def consider(self, jobs: Sequence[JobSpec]) -> list[Decision]:
        """A decision for each job in turn, as if those before it were placed.

        :raise StoreUnavailable: try later.
        """
        round_ = Round(await self._look.jobs(await self._queues(), jobs), self._policy)
        pace, made = Pace(self._clock), []
        for job in jobs:
            made.append(round_.decide(job))
            await pace.rest()
        return made

    async def _queues(self) -> Snapshot:
        _, changes = await self._store.read("advisor_changes", deferrals.changes)
        asked = self._clock.seconds()
        if self._snapshot is None or changes != self._changes or asked >= self._until:
            self._snapshot, self._changes, self._until = await self._look.queues(), changes, asked + FRESH_S
        return self._snapshot
