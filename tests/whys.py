"""The rooms that say why, joined as the daemon joins them, on a store and a clock of the test's own."""

from __future__ import annotations

from typing import Any

from fakes.ddm import FakeDDM
from replyshapes import checked
from twisted.internet.task import Clock

from pandad.brokerage.advisor import Advisor
from pandad.brokerage.suitability import Suitability
from pandad.config import BrokerageConfig, LoopsConfig, SharesConfig, TimeoutsConfig
from pandad.dataservice.inputs import Inputs
from pandad.jobdispatcher.order import Order
from pandad.taskbuffer.store import Store
from pandad.userinterface.dryrun import DryRun
from pandad.userinterface.explain import Explain
from pandad.userinterface.queuewhy import QueueWhy
from pandad.userinterface.standing import Sources

DISK = "TEST_DISK"


class ToldExplain(Explain):
    """Whatever it says is of the shape that its call gives."""

    async def told(self, *asked: Any) -> dict[str, Any]:
        """See there."""
        return dict(checked("/api/v1/job/why", await super().told(*asked)))


class ToldQueueWhy(QueueWhy):
    """Likewise."""

    async def told(self, *asked: Any) -> dict[str, Any]:
        """See there."""
        return dict(checked("/api/v1/queue/why", await super().told(*asked)))


class ToldDryRun(DryRun):
    """Likewise."""

    async def where(self, *asked: Any) -> list[dict[str, Any]]:
        """See there."""
        return list(checked("/api/v1/job/try_brokerage", await super().where(*asked)))


class Whys:
    """``explain``, ``queues`` and ``dry_run`` answer; ``clock`` and ``ddm`` are theirs to be moved and filled."""

    def __init__(self, store: Store, shares: SharesConfig | None = None, brokerage: BrokerageConfig | None = None) -> None:
        self.clock, self.ddm = Clock(), FakeDDM(DISK)
        shares = shares or SharesConfig(user_cap=0)
        data: Any = self.ddm
        self.sources = Sources(
            advisor=Advisor(store, brokerage or BrokerageConfig(), self.clock, data), suitability=Suitability(store, self.clock),
            order=Order(store, self.clock, shares), inputs=Inputs(data))
        self.explain = ToldExplain(store, self.sources, shares, TimeoutsConfig(), LoopsConfig())
        self.queues, self.dry_run = ToldQueueWhy(store, self.sources.advisor), ToldDryRun(store, self.sources)
