"""API v1, module metaconfig."""

from __future__ import annotations

from typing import Any


def test_resource_types(api: Any) -> None:
    """Harvester gets the classes of jobs, with all limits, null where open."""
    types = api.passive.get("/api/v1/metaconfig/get_resource_types").json["data"]
    assert types[0] == {
        "resource_name": "SCORE", "mincore": 1, "maxcore": 1, "minrampercore": None, "maxrampercore": 2000}
    assert len(types) == 4


def test_banned_users(api: Any) -> None:
    """Names for monitors, each with false, for anybody with an identity."""
    assert api.active.get("/api/v1/metaconfig/get_banned_users", dn="/CN=alice").json["data"] == {"eve": False}
    refused = api.active.get("/api/v1/metaconfig/get_banned_users").json
    assert not refused["success"] and "no identity came with it" in refused["message"]
