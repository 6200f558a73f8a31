"""API v1, module statistics: how many jobs are where, and what pilots could take now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pandad.api.access import PUBLIC
from pandad.api.exposition import exposition, gauges
from pandad.api.load import Urgency
from pandad.api.numbers import as_openmetrics
from pandad.api.replies.server import QueueDemand
from pandad.api.route import GET, PLAIN, Route
from pandad.spec.caller import Caller

if TYPE_CHECKING:
    from pandad.userinterface.demand import Demand

HELD = {
    "activated": "Jobs that wait for a pilot.", "takeable": "Jobs that wait for a pilot, and that no cap holds back.",
    "cores": "Cores that takeable jobs ask for.", "oldest_wait_s": "How long the jobs that go next have waited."}


class Statistics:
    """One method per call. What they say is a second old at the most, however many ask."""

    def __init__(self, demand: Demand) -> None:
        self._demand = demand

    @Route("/api/v1/statistics/active_job_stats_by_site", GET, access=PUBLIC, gives=dict[str, dict[str, int]], passive=True)
    async def active_job_stats_by_site(self, caller: Caller) -> dict[str, dict[str, int]]:
        """{queue: {state: jobs}}, as Harvester asks it; a server without jobs has {}, which is a success."""
        return (await self._demand.published()).counts

    @Route("/api/v1/statistics/active_job_detailed_stats_by_site", GET, access=PUBLIC,
           gives=dict[str, dict[str, dict[str, dict[str, int]]]], passive=True)
    async def active_job_detailed_stats_by_site(self, caller: Caller) -> Any:
        """{queue: {resource type: {label: {state: jobs}}}}."""
        return (await self._demand.published()).states

    @Route("/api/v1/statistics/demand", GET, access=PUBLIC, gives=list[QueueDemand], passive=True)
    async def demand(self, caller: Caller) -> list[dict[str, Any]]:
        """Per queue what pilots could take now, by resource type, and what its pilots asked for in vain."""
        return (await self._demand.published()).rows()

    @Route("/metrics/demand", GET, PLAIN, access=PUBLIC, gives=bytes, passive=True, urgency=Urgency.ALWAYS, encode=as_openmetrics)
    async def demand_metrics(self, caller: Caller) -> bytes:
        """The same as metrics for autoscalers; apart from those of this process, for every process would tell them."""
        published = await self._demand.published()
        rows = published.rows()
        return exposition([
            *(gauges(f"demand_{name}", meaning, ["queue", "resource_type"], {
                (each.queue, each.resource_type): float(getattr(each, name)) for each in published.demand})
              for name, meaning in HELD.items()),
            gauges("queue_running", "Jobs that run.", ["queue"], {(row["queue"],): float(row["running"]) for row in rows}),
            gauges("queue_pilots_unserved", "Requests of pilots that got nothing lately.", ["queue"],
                   {(row["queue"],): float(row["pilots"]["unserved"]) for row in rows})])
