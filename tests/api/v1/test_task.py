"""API v1, module task: shapes and codes as panda-client reads them."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest

from pandad.spec.errors import BadRequest, Conflict, Forbidden, NotFound, StoreUnavailable
from pandad.userinterface.tasksubmission import Code, TaskReceipt

VERBS = ["kill", "finish", "pause", "resume", "reactivate", "reload_input"]
READS = ["get_status", "get_task_parameters", "get_details", "get_detailed_info", "get_job_ids", "get_job_descriptions",
         "get_datasets_and_files", "get_history", "why"]


def test_submit(api: Any, alice: str) -> None:
    """The number is the data and stands in the message, where prun looks for it; parameters may come as text."""
    for given in ({"taskName": "x"}, json.dumps({"taskName": "x"})):
        got = api.active.post("/api/v1/task/submit", json={"task_parameters": given, "parent_tid": None}, dn=alice).json
        assert got == {"success": True, "message": "succeeded. new jediTaskID=10000001", "data": 10000001}
    assert [asked[2:] for asked in api.tasks.asked] == [({"taskName": "x"}, None)] * 2


@pytest.mark.parametrize(("code", "data", "success"), [(Code.ALIVE, 2, False), (Code.TOO_MANY, 10, False), (Code.AGAIN, 7, True)])
def test_submit_twice(api: Any, alice: str, code: Code, data: int, success: bool) -> None:
    """A name that has a live task: no success, and PanDA's code; one that is set going again: its number."""
    api.tasks.receipt = TaskReceipt(code, 7, "jediTaskID=7 ...")
    got = api.active.post("/api/v1/task/submit", json={"task_parameters": {"taskName": "x"}}, dn=alice).json
    assert (got["success"], got["data"]) == (success, data)


def test_bad_parameters(api: Any, alice: str) -> None:
    """Said by key; what is no object is refused before any room is asked."""
    assert api.active.post("/api/v1/task/submit", json={}, dn=alice).json["message"] == "task_parameters: is missing"
    odd = api.active.post("/api/v1/task/submit", json={"task_parameters": [1]}, dn=alice).json
    assert "is not a JSON object" in odd["message"]
    assert not api.tasks.asked
    api.tasks.trouble = BadRequest("task_parameters.nFiles", "is odd")
    got = api.active.post("/api/v1/task/submit", json={"task_parameters": {"taskName": "x"}}, dn=alice).json
    assert got == {"success": False, "message": "task_parameters.nFiles: is odd", "data": None}


@pytest.mark.parametrize("verb", VERBS)
def test_verbs(api: Any, alice: str, verb: str) -> None:
    """Done: code 0. Refused: PanDA's code beside the reason; nothing stored: a status that clients retry."""
    path = f"/api/v1/task/{verb}"
    assert api.active.post(path, json={"task_id": 5}, dn=alice).json == {
        "success": True, "message": f"{verb} is registered", "data": 0}
    for trouble, code in ((NotFound("task", 5), 2), (Forbidden("not yours"), 3), (Conflict("not now"), 4)):
        api.tasks.trouble = trouble
        got = api.active.post(path, json={"task_id": 5}, dn=alice).json
        assert got == {"success": False, "message": str(trouble), "data": code}
    api.tasks.trouble = StoreUnavailable("away")
    assert api.active.post(path, json={"task_id": 5}, dn=alice).status == 503
    assert "no identity" in api.active.post(path, json={"task_id": 5}).json["message"]


def test_finish_and_increase(api: Any, alice: str) -> None:
    """What else they say gets to the room."""
    api.active.post("/api/v1/task/finish", json={"task_id": 5, "soft": True}, dn=alice)
    api.active.post("/api/v1/task/increase_attempts", json={"task_id": 5, "increase": 2}, dn=alice)
    assert [(asked[0], *asked[2:]) for asked in api.tasks.asked] == [("finish", 5, True), ("increase_attempts", 5, 2)]


def test_retry(api: Any, alice: str) -> None:
    """pbook takes 0 for a good answer, and 3 where it sent new parameters, as an object or as text."""
    path = "/api/v1/task/retry"
    assert api.active.post(path, json={"task_id": 5, "new_parameters": None}, dn=alice).json["data"] == 0
    for new in ({"nFiles": 3}, '{"nFiles": 3}'):
        assert api.active.post(path, json={"task_id": 5, "new_parameters": new}, dn=alice).json["data"] == 3
    odd = api.active.post(path, json={"task_id": 5, "new_parameters": "x"}, dn=alice).json
    assert odd["message"].startswith("new_parameters: ")
    api.tasks.trouble = Conflict("not now")
    assert api.active.post(path, json={"task_id": 5}, dn=alice).json == {"success": False, "message": "not now", "data": 4}


@pytest.mark.parametrize("read", READS)
def test_reads(api: Any, alice: str, read: str) -> None:
    """For anybody with an identity, as jobs are; nobody else."""
    got = api.active.get(f"/api/v1/task/{read}?task_id=10000001", dn=alice).json
    assert got["success"] and got["data"]
    assert not api.active.get(f"/api/v1/task/{read}?task_id=10000001").json["success"]


def test_metadata(api: Any, alice: str) -> None:
    """What payloads told, by PandaID."""
    got = api.active.get("/api/v1/job/get_metadata_for_analysis_jobs?task_id=10000001", dn=alice).json
    assert got == {"success": True, "message": "", "data": {"1": {"events": 5}}}


def test_details(api: Any, alice: str) -> None:
    """Status and command only if asked for."""
    base = "/api/v1/task/get_details?task_id=10000001"
    assert "status" not in api.active.get(base, dn=alice).json["data"]
    got = api.active.get(f"{base}&include_parameters=True&include_status=True", dn=alice).json["data"]
    assert (got["status"], got["cliParams"]) == ("running", "prun x")


def test_parent(api: Any, alice: str) -> None:
    """A task without one says so."""
    got = api.active.get("/api/v1/task/get_parent_detailed_info?task_id=10000001", dn=alice).json
    assert got["message"] == "there is no parent of task 10000001"


def test_lists(api: Any, alice: str) -> None:
    """As pbook asks: filters as JSON text, values as text; times as PanDA writes them; all attributes are there."""
    filters = quote(json.dumps({"jediTaskID": "10000001"}))
    (task,) = api.active.get(f"/api/v1/task/get_tasks_detailed_info_since?n_tasks=3&filters={filters}", dn=alice).json["data"]
    assert api.task_views.asked[-1][2:] == ({"jediTaskID": "10000001"}, None, 3)
    assert (task["jediTaskID"], task["reqID"], task["status"], task["superStatus"]) == (10000001, 10000001, "running", "running")
    figures = ("pctFinished", "pctFailed", "nFiles", "nFilesFinished", "nFilesFailed")
    assert [task[name] for name in figures] == [75, 25, 4, 3, 1]
    assert task["creationDate"] == {"__datetime__": "2026-01-02T03:04:05"} and "splitRule" in task
    bad = api.active.get("/api/v1/task/get_tasks_detailed_info_since?filters=x", dn=alice).json
    assert bad["message"].startswith("filters: ")
    found = api.active.get("/api/v1/task/get_tasks_modified_since?since=2026-01-01%2000:00:00&dn=None&full=True&min_task_id=None"
                           "&prod_source_label=user", dn=alice).json["data"]
    assert found["10000001"]["taskName"] == "user.alice.x/"
