"""The registry itself."""

from __future__ import annotations

from dataclasses import is_dataclass
from typing import Any

import pytest

from pandad.api.access import IDENTIFIED, PUBLIC, Access
from pandad.api.route import Route, declared

PASSIVE = {
    "/api/v1/openapi.json", "/docs",
    "/api/v1/system/is_alive", "/api/v1/pilot/get_job_status", "/api/v1/job/get_status", "/api/v1/metaconfig/get_resource_types",
    "/server/panda/isAlive", "/server/panda/getStatus", "/server/panda/getResourceTypes",
    "/cache/schedconfig/<queue>.all.json", "/cache/schedconfig/pandaqueues.json", "/cache/ddmendpoints.json",
    "/cache/<path:name>", "/trf/<path:name>",
    "/api/v1/statistics/active_job_stats_by_site", "/api/v1/statistics/active_job_detailed_stats_by_site",
    "/api/v1/statistics/demand",
    "/healthz", "/startupz", "/readyz", "/metrics", "/metrics/demand",
}


def test_no_route_without_a_rule() -> None:
    """A route that does not say who may call it, or what it gives, cannot be made, nor one that says it with something else."""
    with pytest.raises(TypeError):
        Route("/api/v1/job/kill", gives=None)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="gives"):
        Route("/api/v1/job/kill", access=PUBLIC)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="not an access rule"):
        Route("/api/v1/job/kill", access="everybody", gives=None)  # type: ignore[arg-type]


def test_passive_is_public() -> None:
    """What the port without TLS serves cannot ask for an identity: nobody has one there."""
    with pytest.raises(TypeError, match="nobody has an identity"):
        Route("/x", access=IDENTIFIED, gives=None, passive=True)
    Route("/x", access=PUBLIC, gives=None, passive=True)


def test_what_is_passive(api: Any) -> None:
    """Exactly the reads that need no identity are served without TLS."""
    assert {route.path for route, _ in declared(api.handlers) if route.passive} == PASSIVE


def test_every_route_is_complete(api: Any) -> None:
    """Every route has a rule and a documented handler, every request a dataclass, and no path is declared twice."""
    routes = list(declared(api.handlers))
    assert len({route.path for route, _ in routes}) == len(routes)
    for route, handler in routes:
        assert isinstance(route.access, Access)
        assert handler.__doc__, route.path
        assert route.takes is None or is_dataclass(route.takes)


def test_what_anybody_may_call(api: Any) -> None:
    """Whatever needs no identity is a read: nothing active is public."""
    assert {route.path for route, _ in declared(api.handlers) if route.access is PUBLIC} == PASSIVE
