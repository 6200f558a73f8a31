"""API v1, module metaconfig."""

from __future__ import annotations

from typing import Any


def test_resource_types(api: Any) -> None:
    """Harvester gets the classes of jobs, with all limits, null where open."""
    types = api.passive.get("/api/v1/metaconfig/get_resource_types").json["data"]
    assert types[0] == {
        "resource_name": "SCORE", "mincore": 1, "maxcore": 1, "minrampercore": None, "maxrampercore": 2000}
    assert len(types) == 4
