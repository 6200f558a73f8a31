"""The main job, as a newcomer starts it, with and without disasters on the way; PanDA's usual ports are taken meanwhile."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pytest_twisted import ensureDeferred

from clients.demos import Demo, commands_of
from clients.waiting import until
from pandad.embedded.pilot import missing_requirements

lacking = missing_requirements()
pytestmark = [pytest.mark.skipif(bool(lacking), reason="; ".join(lacking)), pytest.mark.last]

EXIT_CODE = 42  # of the payload that fails on purpose


async def ended(demo: Demo) -> list[dict[str, Any]]:
    """The report of a demo that ended well."""

    async def over() -> bool:
        return demo.exit_code is not None

    await until(over, "the demo to end")
    assert demo.exit_code == 0, demo.progress + demo.report
    report: list[dict[str, Any]] = json.loads(demo.report)
    return report


def as_promised(report: list[dict[str, Any]]) -> None:
    """Nine jobs finished and wrote what they should; the one that was to fail failed with its payload's exit code."""
    assert sorted(job["jobStatus"] for job in report) == ["failed"] + ["finished"] * 9
    for job in report:
        assert job["problem"] is None
        if job["jobStatus"] == "failed":
            assert str(job["transExitCode"]) == str(EXIT_CODE)
        else:
            assert Path(job["output"]).read_text().startswith("THIS IS INPUT.")


@pytest.mark.parametrize("kind", ["plain", "faulty"])
@ensureDeferred
async def test_ends_as_promised(demos: Mapping[str, Demo], kind: str) -> None:
    """The demo exits with 0 and reports what it promised, also when daemon and database die on the way; nothing runs any more."""
    demo = demos[kind]
    as_promised(await ended(demo))
    assert commands_of(demo.directory) == []
    assert ("FAULT" in demo.progress) == (kind == "faulty")


@ensureDeferred
async def test_no_job_runs_twice(demos: Mapping[str, Demo]) -> None:
    """No disaster makes a job start its payload twice."""
    for job in await ended(demos["faulty"]):
        assert [event["event"] for event in job["timeline"]].count("running") <= 1
