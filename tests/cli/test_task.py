"""``pandad task``, against a server of canned answers."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs

import pytest

from pandad.cli.main import main

TASK = {"jediTaskID": 10000001, "taskName": "user.alice.x/", "status": "running", "nFiles": 4, "nFilesFinished": 3,
        "nFilesFailed": 1, "modificationTime": {"__datetime__": "2026-01-02T03:04:05"}, "errorDialog": None}
ID = "10000001"


def test_ls(panda: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """One line each, of those in the states asked for."""
    panda.answers["task/get_tasks_detailed_info_since"] = lambda asked: [TASK]
    assert main(["task", "ls", "--status", "running", "pending", "--name", "user.*"]) == 0
    assert "user.alice.x/" in capsys.readouterr().out
    (filters,) = parse_qs(panda.asked[0][2])["filters"]
    assert json.loads(filters) == {"status": "running|pending", "taskName": "user.*"}
    panda.answers["task/get_tasks_detailed_info_since"] = lambda asked: []
    assert main(["task", "ls"]) == 0 and "no such tasks" in capsys.readouterr().out


def test_show_and_why(panda: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """What it is, its jobs, and what it waits for."""
    panda.answers = {
        "task/get_detailed_info": lambda asked: TASK, "task/get_job_ids": lambda asked: [7, 8],
        "task/why": lambda asked: {"jediTaskID": 10000001, "status": "running", "summary": "it waits for 2 jobs: 2 running"},
        "task/get_history": lambda asked: [{"at": "x", "event": "submitted", "became": "registered", "who": "alice"}]}
    assert main(["task", "show", ID]) == 0 and "2: 7 8" in capsys.readouterr().out
    assert main(["task", "show", ID, "--json"]) == 0 and json.loads(capsys.readouterr().out)[0]["jediTaskID"] == 10000001
    assert main(["task", "why", ID]) == 0
    assert capsys.readouterr().out == "task 10000001 is running: it waits for 2 jobs: 2 running\n"
    assert main(["task", "history", ID]) == 0 and "registered" in capsys.readouterr().out


@pytest.mark.parametrize("verb", ["kill", "finish", "retry", "pause", "resume"])
def test_verbs(panda: Any, capsys: pytest.CaptureFixture[str], verb: str) -> None:
    """Each of the tasks, and what was said of it; a refusal of one stops no other, and is no success."""
    def answer(asked: Any) -> Any:
        taken = asked["task_id"] == 10000001
        said = "done" if taken else "not yours"
        return 200, json.dumps({"success": taken, "message": said, "data": 0 if taken else 3}).encode()

    panda.answers[f"task/{verb}"] = answer
    assert main(["task", verb, ID]) == 0
    assert main(["task", verb, "10000002", ID]) == 1
    assert capsys.readouterr().out == "done\nnot yours\ndone\n"
    assert panda.asked[0][2] == {"task_id": 10000001, **({"soft": False} if verb == "finish" else {})}
