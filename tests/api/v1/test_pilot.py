"""API v1, module pilot."""

from __future__ import annotations

from typing import Any

import pytest

from pandad.spec.errors import Conflict, StoreUnavailable
from pandad.spec.job import ClaimedJob

HARVESTER = {
    "site_name": "Q", "node": "vm", "prod_source_label": "managed", "computing_element": "ce", "n_jobs": "3",
    "scheduler_id": "harvester-h", "resourceType": "SCORE", "unknown": 1}


def test_acquire(api: Any) -> None:
    """Jobs come in a list; what Harvester asks arrives in its types, whichever way it spells it."""
    api.dispatcher.jobs = [ClaimedJob(PandaID=5, attemptNr=1)]
    data = api.active.as_pilot("/api/v1/pilot/acquire_jobs", HARVESTER).json["data"]
    assert data["StatusCode"] == 0
    assert (data["jobs"][0]["PandaID"], data["jobs"][0]["attemptNr"]) == (5, 1)
    (_, asked), = api.dispatcher.asked
    assert (asked.n_jobs, asked.resource_type, asked.scheduler_id) == (3, "SCORE", "harvester-h")


def test_no_jobs(api: Any) -> None:
    """No jobs is a refusal without data."""
    got = api.active.as_pilot("/api/v1/pilot/acquire_jobs", HARVESTER)
    assert (got.status, got.json) == (200, {"success": False, "message": "no jobs in PanDA", "data": None})


def test_acquire_without_a_database(api: Any) -> None:
    """Asking for work in vain is no HTTP error."""
    api.dispatcher.trouble = StoreUnavailable("no database")
    got = api.active.as_pilot("/api/v1/pilot/acquire_jobs", HARVESTER)
    assert (got.status, got.json["success"], got.json["message"]) == (200, False, "no database")


def test_update(api: Any) -> None:
    """The command is always a text."""
    got = api.active.as_pilot("/api/v1/pilot/update_job", {"job_id": 1, "job_status": "running"})
    assert got.json == {"success": True, "message": "", "data": {"StatusCode": 0, "command": "NULL"}}


def test_update_refused(api: Any, alice: str) -> None:
    """Refusals are envelopes that name the rule or the key; what was not stored is a 503."""
    body = {"job_id": 1, "job_status": "running"}
    worker = {"worker_id": 7, "harvester_id": "h", "status": "started"}
    refused = api.active.post("/api/v1/pilot/update_worker_status", json=worker, dn=alice).json["message"]
    assert "pilots (role pilot, production or admin)" in refused
    assert alice in refused
    assert "no identity" in api.active.post("/api/v1/pilot/update_job", json=body).json["message"]
    assert api.active.as_pilot("/api/v1/pilot/update_job", {"job_id": 1}).json["message"] == "job_status: is missing"
    api.heartbeat.trouble = StoreUnavailable("no database")
    got = api.active.as_pilot("/api/v1/pilot/update_job", body)
    assert (got.status, got.json["success"]) == (503, False)


def test_bulk(api: Any) -> None:
    """Each row of a bulk has its own envelope, in order, and a bad one spoils no other."""
    api.heartbeat.troubles = {2: Conflict("too late"), 3: StoreUnavailable("no database"), 4: ZeroDivisionError()}
    rows = [{"job_id": i, "job_status": "running"} for i in (1, 2, 3, 4, 5)] + [{"job_id": "x"}]
    got = api.active.as_pilot("/api/v1/pilot/update_jobs_bulk", {"job_list": rows, "harvester_id": "h"})
    assert got.json["success"] is True
    replies = got.json["data"]
    assert [reply["success"] for reply in replies] == [True, False, False, False, True, False]
    assert replies[0]["data"] == {"StatusCode": 0, "command": "NULL"}
    assert [replies[1]["message"], replies[2]["message"]] == ["too late", "no database"]
    assert "internal error" in replies[3]["message"]
    assert replies[5]["message"].startswith("job_id: ")


@pytest.mark.parametrize("rows", [[], "[]"])
def test_empty_bulk(api: Any, rows: object) -> None:
    """Nothing to say is fine, and the list may come as JSON text."""
    assert api.active.as_pilot("/api/v1/pilot/update_jobs_bulk", {"job_list": rows}).json["data"] == []


@pytest.mark.parametrize("port", ["active", "passive"])
def test_get_job_status(api: Any, port: str) -> None:
    """Anybody may read states on either port, in the order asked."""
    got = getattr(api, port).get("/api/v1/pilot/get_job_status?job_ids=9&job_ids=1&timeout=60")
    assert got.json["data"] == [
        {"job_id": 9, "status": "notfound", "attempt_number": 0}, {"job_id": 1, "status": "running", "attempt_number": 2}]


def test_worker_status(api: Any) -> None:
    """A pilot's beginning reaches its room."""
    got = api.active.as_pilot("/api/v1/pilot/update_worker_status", {"worker_id": "7", "harvester_id": "h", "status": "started"})
    assert got.json == {"success": True, "message": "", "data": None}
    (_, status), = api.workers.asked
    assert (status.worker_id, status.harvester_id, status.status) == (7, "h", "started")
