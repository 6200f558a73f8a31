"""What one request of each call may take."""

from __future__ import annotations

import json
from math import inf
from pathlib import Path
from typing import Any

import pytest

from pandad.api.coerce import MAX_DEPTH, MAX_ITEMS
from pandad.api.route import KIB, MIB, SHALLOW, Route
from pandad.api.v1.pilot import MANY_JOBS
from pandad.cli.access import routes

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "limits.md"
USUAL = Route("/", access=next(routes()).access, gives=None)


def nested(levels: int) -> Any:
    """Lists in each other, so many."""
    return json.loads("[" * levels + "]" * levels)


@pytest.mark.parametrize(("path", "levels"), [
    ("/api/v1/job/kill", SHALLOW), ("/api/v1/pilot/update_job", MAX_DEPTH), ("/server/panda/updateJob", MAX_DEPTH)])
def test_levels(api: Any, path: str, levels: int) -> None:
    """As many as the call takes below its object are read, and one more is refused, with the number."""
    for more, refused in ((0, False), (1, True)):
        body = {"job_ids": [1], "job_id": 1, "jobId": 1, "job_status": "running", "state": "running",
                "metaData": nested(levels + more)}
        said = api.active.as_pilot(path, json=body).text
        assert (f"nested deeper than {levels} levels" in said) == refused, said


def test_items(api: Any) -> None:
    """Reports that come together are fewer than ids: each is work."""
    rows = [{"job_id": 1, "job_status": "running"}] * (MANY_JOBS + 1)
    refused = api.active.as_pilot("/api/v1/pilot/update_jobs_bulk", json={"job_list": rows}).json
    assert refused["message"] == f"job_list: {MANY_JOBS + 1} items are too many; send at most {MANY_JOBS} in one call"
    assert api.heartbeat.asked == []


def shown(route: Route) -> str:
    """A line of the page."""
    body = f"{route.body_limit_bytes // MIB} MiB" if route.body_limit_bytes >= MIB else f"{route.body_limit_bytes // KIB} KiB"
    answer = "`answer_s`" if route.answer_s == inf else f"{route.answer_s:g} s"
    return f"| `{route.path}` | {body} | {route.json_depth} | {route.items} | {answer} |"


def test_the_page() -> None:
    """It has every call that differs from the others, as it is declared."""
    limits = ("body_limit_bytes", "json_depth", "items", "answer_s")
    differing = [route for route in routes() if any(getattr(route, name) != getattr(USUAL, name) for name in limits)]
    wanted = "".join(f"{line}\n" for line in sorted(map(shown, differing)))
    assert wanted in PAGE.read_text("utf-8"), wanted
    assert (SHALLOW, MAX_ITEMS) == (16, 10_000)  # as its first line says
