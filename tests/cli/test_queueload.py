"""``pandad queue load`` against a server with canned answers."""

from __future__ import annotations

import json

import pytest

from pandad.cli.main import main

from .conftest import Panda


def test_load(panda: Panda, capsys: pytest.CaptureFixture[str]) -> None:
    """A line for each queue; the states that there are, as a job goes through them."""
    jobs = {"B": {"running": 2, "activated": 5}, "A": {"running": 1}}
    panda.answers["statistics/active_job_stats_by_site"] = lambda asked: jobs
    assert main(["queue", "load"]) == 0
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["queue", "activated", "running", "jobs"], ["A", "0", "1", "1"], ["B", "5", "2", "7"]]
    assert main(["queue", "load", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["B"] == {"running": 2, "activated": 5}
    jobs.clear()
    assert main(["queue", "load"]) == 0
    assert capsys.readouterr().out == "no queue has jobs\n"
