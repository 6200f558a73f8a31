"""API v1, module statistics: on both ports, for everybody."""

from __future__ import annotations

from typing import Any

import pytest

from pandad.spec.errors import StoreUnavailable

PORTS = pytest.mark.parametrize("port", ["active", "passive"])


@PORTS
def test_harvesters_counts(api: Any, port: str) -> None:
    """Jobs by queue and state, and with resource type and label between."""
    site = getattr(api, port)
    assert site.get("/api/v1/statistics/active_job_stats_by_site").json == {
        "success": True, "message": "", "data": {"Q": {"activated": 3, "running": 1}}}
    assert site.get("/api/v1/statistics/active_job_detailed_stats_by_site").json["data"] == {
        "Q": {"SCORE": {"user": {"activated": 3, "running": 1}}}}


@PORTS
def test_demand(api: Any, port: str) -> None:
    """Per queue what its pilots could take, what runs, and what was asked in vain."""
    (row,) = getattr(api, port).get("/api/v1/statistics/demand").json["data"]
    assert row["queue"] == "Q"
    assert row["demand"] == {"SCORE": {
        "activated": 3, "takeable": 2, "held_by_caps": 1, "cores": 2, "oldest_wait_s": 60, "approximate": False}}
    assert (row["running"], row["pilots"]["unserved"]) == (1, 0)


def test_metrics(api: Any) -> None:
    """The same for autoscalers, as Prometheus reads it, and its own parser does."""
    lines = api.passive.get("/metrics/demand").text.splitlines()
    assert "# TYPE pandad_demand_takeable gauge" in lines
    assert 'pandad_demand_takeable{queue="Q",resource_type="SCORE"} 2.0' in lines
    assert 'pandad_queue_running{queue="Q"} 1.0' in lines


def test_database_away(api: Any) -> None:
    """Nobody takes silence for no demand."""
    api.demand.trouble = StoreUnavailable("no database")
    assert api.passive.get("/api/v1/statistics/demand").status == 503
    assert api.passive.get("/metrics/demand").status != 200 or "pandad_demand" not in api.passive.get("/metrics/demand").text
