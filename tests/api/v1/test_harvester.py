"""API v1, module harvester, with what a Harvester 0.7.5 sends."""

from __future__ import annotations

from typing import Any

import pytest

from pandad.api.v1.harvester import LONGEST_NAME, LONGEST_ROW
from pandad.spec.errors import StoreUnavailable

WORKER = {
    "workerID": 11, "batchID": "77.0", "queueName": "Q-harvester", "status": "running", "computingSite": "Q", "nCore": 8,
    "nodeID": "node1", "submitTime": "datetime/2026-01-02 03:04:05.000006", "jobType": "user", "resourceType": "SCORE",
    "diagMessage": "fine", "nJobs": 1, "pandaid_list": [1, 2], "stdOut": "https://h/out"}


def said(api: Any, call: str, **body: Any) -> Any:
    return api.active.as_pilot(f"/api/v1/harvester/{call}", {"harvester_id": "h", **body}).json


def test_workers(api: Any) -> None:
    """Each is told whether it is stored; a bad one spoils no other, and all that was said is kept with it."""
    rows = [WORKER, {"status": "ready"}, {"workerID": "12", "status": "submitted", "nCore": "x"}]
    got = said(api, "update_workers", workers=rows)
    assert (got["success"], got["data"], got["message"]) == (True, [True, False, True], "workers[1].workerID: is missing")
    (verb, harvester, (first, second)), = api.workers.asked
    assert (verb, harvester) == ("update", "h")
    assert (first.worker_id, first.status, first.queue, first.node, first.diag, first.jobs) == (
        11, "running", "Q", "node1", "fine", [1, 2])
    assert first.told == WORKER and second.worker_id == 12


@pytest.mark.parametrize("odd", [{"x": "a\0b"}, {"x": "\ud800"}, {"x": "y" * LONGEST_ROW}])
def test_what_cannot_be_kept(api: Any, odd: Any) -> None:
    """The worker's state is not lost for something beside it."""
    assert said(api, "update_workers", workers=[{"workerID": 1, "status": "failed", **odd}])["data"] == [True]
    (_, _, (word,)), = api.workers.asked
    assert (word.status, word.told) == ("failed", {})


def test_counts(api: Any) -> None:
    """As text of JSON, as Harvester sends it, or as an object; what is no table of counts is refused by its place."""
    for counts in ('{"user": {"SCORE": {"running": 5}}}', {"user": {"SCORE": {"running": 5}}}, "{}"):
        assert said(api, "report_worker_statistics", panda_queue="Q", statistics=counts)["success"]
    assert api.workers.asked[0] == api.workers.asked[1] == ("count", "h", "Q", {"user": {"SCORE": {"running": 5}}})
    for bad in ("[]", '{"user": 5}', '{"user": {"SCORE": 5}}', '{"user": {"SCORE": {"running": "many"}}}',
                '{"user": {"SCORE": {"running": -1}}}', '{"user": {"SCORE": {"running": 99999999999}}}', '{"a\\u0000": {}}'):
        got = said(api, "report_worker_statistics", panda_queue="Q", statistics=bad)
        assert not got["success"] and got["message"].startswith("statistics"), bad
    assert api.active.get("/api/v1/harvester/get_worker_statistics", dn="/CN=x").json["data"]["Q"]["h"]


def test_notes(api: Any) -> None:
    """That it lives, messages, measures; keys that a database would not take are refused."""
    assert said(api, "heartbeat", data={"startTime": "datetime/2026-01-02 03:04:05.0", "sw_version": "0.7.5"})["success"]
    assert said(api, "heartbeat")["success"]
    assert said(api, "add_dialogs", dialogs=[{"diagID": 5, "diagMessage": "x"}])["success"]
    assert said(api, "update_service_metrics", metrics=[["2026-01-02 03:04:05.0", "host", {"cpu_pc": 5}]])["success"]
    assert [asked[0] for asked in api.workers.asked] == ["beat", "beat", "dialogs", "metrics"]
    assert api.workers.asked[2][2] == {"5": {"diagID": 5, "diagMessage": "x"}}
    assert api.workers.asked[3][2] == {"host": {"at": "2026-01-02 03:04:05.0", "metrics": {"cpu_pc": 5}}}
    assert "metrics[0]" in said(api, "update_service_metrics", metrics=[{}])["message"]
    assert "limit" in said(api, "heartbeat", harvester_id="h" * (LONGEST_NAME + 1))["message"]


def test_commands(api: Any) -> None:
    """In Harvester's words, and what was acknowledged; a sweep is told in its words too."""
    assert said(api, "acquire_commands", n_commands=10)["data"] == [
        {"command_id": 3, "command": "KILL_WORKERS:Q", "params": {"status": "ALL"}, "ack_requested": True,
         "creation_date": "2026-01-02T00:00:00"}]
    assert api.active.as_pilot("/api/v1/harvester/acknowledge_commands", {"command_ids": [3]}).json["success"]
    got = api.active.post("/api/v1/harvester/add_sweep_command", dn="/CN=op", roles="production",
                          json={"panda_queue": "Q", "status_list": ["submitted"], "ce_list": [], "submission_host_list": []})
    assert got.json["message"] == "told to 2 Harvesters with workers at Q"
    assert api.workers.asked[-1] == ("sweep", "Q", {"status": ["submitted"], "computingElement": "ALL", "submissionHost": "ALL"})
    assert api.active.as_pilot("/api/v1/harvester/add_sweep_command", {"panda_queue": "Q"}).json["success"] is False


def test_last_worker(api: Any) -> None:
    """A number."""
    got = api.active.get("/api/v1/harvester/get_current_worker_id?harvester_id=h", dn="/CN=pilot", roles="pilot")
    assert got.json == {"success": True, "message": "", "data": 7}


def test_who_may(api: Any, alice: str) -> None:
    """Neither a user nor a limited proxy, which a job has."""
    body = {"harvester_id": "h", "workers": []}
    for headers in ({}, {"x-limited": "1"}):
        got = api.active.post("/api/v1/harvester/update_workers", json=body, dn=alice, roles="pilot" if headers else "",
                              headers=headers).json
        assert not got["success"] and "Harvesters (role pilot" in got["message"]
    api.workers.trouble = StoreUnavailable("no database")
    assert api.active.as_pilot("/api/v1/harvester/update_workers", body).status == 503
