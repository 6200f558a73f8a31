"""API v1, module job."""

from __future__ import annotations

from typing import Any

import pytest

from pandad.spec.criterion import Never
from pandad.spec.errors import Forbidden, StoreUnavailable
from pandad.spec.job import JOB_ATTRIBUTES


def job_state(**values: Any) -> list[Any]:
    return [values.get(a.name, "NULL") for a in JOB_ATTRIBUTES] + [[]]


def test_submit(api: Any, alice: str) -> None:
    """Every job gets its ids; the third is the jobset for users' labels and the name for others. Text or list will do."""
    jobs = [job_state(prodSourceLabel="user"), job_state(prodSourceLabel="managed", jobName="n")]
    got = api.active.post("/api/v1/job/submit", json={"jobs": jobs}, dn=alice)
    assert got.json["data"] == [[101, 7, {"jobsetID": 8}], [102, 7, "n"]]
    (caller, _), = api.jobs.asked
    assert caller.identity.subject == alice


def test_submit_again(api: Any, alice: str) -> None:
    """Who submits the same once more gets the same answer, and is told in its message."""
    first, again = (
        api.active.post("/api/v1/job/submit", json={"jobs": [job_state()], "request_id": name}, dn=alice).json
        for name in ("first", "again")
    )
    assert first == {"success": True, "message": "", "data": again["data"]}
    assert again["success"] and again["message"].startswith("a repeat: these jobs were submitted at 2026-01-02 03:04:05")


def test_submit_refused(api: Any, alice: str) -> None:
    """A mistake is named by job and attribute; the room's own refusals and troubles get through."""
    bad = api.active.post("/api/v1/job/submit", json={"jobs": [job_state(maxWalltime="long")]}, dn=alice)
    assert bad.json["message"].startswith("jobs[0].maxWalltime: 'long'")
    assert api.active.post("/api/v1/job/submit", json={}, dn=alice).json["message"] == "jobs: is missing"
    assert "no identity" in api.active.post("/api/v1/job/submit", json={"jobs": [job_state()]}).json["message"]
    assert not api.jobs.asked
    api.jobs.trouble = Forbidden("managed jobs need the production role")
    assert api.active.post("/api/v1/job/submit", json={"jobs": [job_state()]}, dn=alice).json["message"] == str(api.jobs.trouble)
    api.jobs.trouble = StoreUnavailable("no database")
    assert api.active.post("/api/v1/job/submit", json={"jobs": [job_state()]}, dn=alice).status == 503


@pytest.mark.parametrize("method", ["get_description", "get_description_incl_archive"])
def test_description(api: Any, alice: str, method: str) -> None:
    """Descriptions can be asked for with GET and POST."""
    by_get = api.active.get(f"/api/v1/job/{method}?job_ids=1&job_ids=200", dn=alice).json
    by_post = api.active.post(f"/api/v1/job/{method}", json={"job_ids": [1, 200]}, dn=alice).json
    assert by_get == by_post
    assert by_get["data"][0]["PandaID"] == 1
    assert by_get["data"][0]["Files"][0]["lfn"] == "in.root"
    assert by_get["data"][1] is None


@pytest.mark.parametrize("port", ["active", "passive"])
def test_status(api: Any, port: str) -> None:
    """Harvester reads states and commands; of what is not known it ends the workers."""
    got = getattr(api, port).get("/api/v1/job/get_status?job_ids=1&job_ids=2&job_ids=9")
    assert got.json["data"] == [
        {"status": "running", "command": "NULL"}, {"status": "cancelled", "command": "tobekilled"},
        {"status": "unknown", "command": "tobekilled"}]


def test_kill(api: Any, alice: str) -> None:
    """Each job has its own answer, which clients read as true or false; the message, or objects if asked for, say why not."""
    got = api.active.post("/api/v1/job/kill", json={"job_ids": [1, 200]}, dn=alice).json
    assert (got["success"], got["message"], got["data"]) == (True, "job 200: there is no such job", [True, False])
    api.active.post("/api/v1/job/kill", json={"job_ids": ["1"], "code": "9", "kill_options": []}, dn=alice)
    assert [asked[1:] for asked in api.jobs.asked] == [([1, 200], None), ([1], 9)]
    got = api.active.post("/api/v1/job/kill", json={"job_ids": [1, 200], "with_reasons": True}, dn=alice).json
    assert got["data"] == [
        {"PandaID": 1, "killed": True, "reason": "is cancelled now"},
        {"PandaID": 200, "killed": False, "reason": "there is no such job"},
    ]


def test_many_refusals(api: Any, alice: str) -> None:
    """A message stays readable."""
    got = api.active.post("/api/v1/job/kill", json={"job_ids": list(range(100, 200))}, dn=alice).json
    assert got["message"].count("there is no such job") == 10 and got["message"].endswith("; and 90 more")


def test_debug(api: Any, alice: str) -> None:
    """Mode, command and output; panda-client prints the data, and takes any success for one."""
    for path, body, data in (
        ("set_debug_mode", {"job_id": 5, "mode": True}, "Succeeded"),
        ("set_command", {"job_id": 5, "command": "ps -ef"}, "ps -ef"),
    ):
        got = api.active.post(f"/api/v1/job/{path}", json=body, dn=alice).json
        assert (got["success"], got["data"]) == (True, data)
    assert api.active.get("/api/v1/job/get_debug_output?job_id=5", dn=alice).json["data"]["stdout"] == "x"
    assert [asked[1:] for asked in api.debug.asked] == [(5, True), (5, "ps -ef"), (5,)]


def test_debug_refused(api: Any, alice: str) -> None:
    """What is missing is named, an identity is needed, and the room's refusals get through."""
    assert api.active.post("/api/v1/job/set_debug_mode", json={"job_id": 5}, dn=alice).json["message"] == "mode: is missing"
    assert not api.active.post("/api/v1/job/set_command", json={"job_id": 5, "command": "ps -ef"}).json["success"]
    assert not api.debug.asked
    api.debug.trouble = Forbidden("not yours")
    got = api.active.post("/api/v1/job/set_debug_mode", json={"job_id": 5, "mode": False}, dn=alice).json
    assert (got["success"], got["message"]) == (False, "not yours")


def test_kill_refused(api: Any, alice: str) -> None:
    """Ids that are none are named; nobody kills without an identity."""
    assert api.active.post("/api/v1/job/kill", json={"job_ids": ["x"]}, dn=alice).json["message"].startswith("job_ids: 'x'")
    assert not api.active.post("/api/v1/job/kill", json={"job_ids": [1]}).json["success"]
    assert not api.jobs.asked


def test_hopeless_jobs(api: Any, alice: str) -> None:
    """Jobs that no queue can ever take are stored as any; the message and a list beside the data say which, and what is missing;
    the data has the form that clients know."""
    text = "the job needs 6000 MB of memory, the queue has 4000"
    api.jobs.never = Never("SITE_A", "lowmemory", 4000, 6000, text, ("lowmemory",), 3)
    got = api.active.post("/api/v1/job/submit", json={"jobs": [job_state(), job_state()]}, dn=alice).json
    assert got["success"] and [row[0] for row in got["data"]] == [101, 102]
    assert got["message"].startswith("stored, but they will wait in vain unless a queue changes: 2 jobs from 101 on: none of 3 ")
    assert got["message"].endswith(f"nearest SITE_A: lowmemory, {text}")
    assert [(w["PandaID"], w["reason"], w["nearest"], w["criterion"], w["have"], w["need"]) for w in got["warnings"]] == [
        (number, "no-queue-ever", "SITE_A", "lowmemory", 4000, 6000) for number in (101, 102)]


def test_list(api: Any, alice: str) -> None:
    """One's own jobs, by POST and by GET; a state that there is not, and too large a page, are named."""
    body = {"states": ["running", "failed"], "queue": "Q", "most": 5, "before": 9}
    got = api.active.post("/api/v1/job/list", json=body, dn=alice).json["data"]
    assert got["next"] == 7 and [job["PandaID"] for job in got["jobs"]] == [7]
    assert set(got["jobs"][0]) == {
        "PandaID", "jobName", "jobStatus", "computingSite", "attemptNr", "stateChangeTime", "jediTaskID", "currentPriority"}
    (_, wish), = api.jobs.asked
    assert (wish.states, wish.queue, wish.task, wish.before, wish.most) == (["running", "failed"], "Q", None, 9, 5)
    assert api.active.get("/api/v1/job/list?states=running&states=failed", dn=alice).json["success"]
    bad = ({"states": ["runing"]}, {"most": 0})
    refused = [api.active.post("/api/v1/job/list", json=body, dn=alice).json["message"] for body in bad]
    assert refused == ["states: 'runing' is no state of jobs; did you mean running?",
                       "most: is 0; write 1 to 1000, and ask again for the next page"]
    assert not api.active.post("/api/v1/job/list", json={}).json["success"]


def test_timeline(api: Any, alice: str) -> None:
    """How a job got where it is."""
    assert api.active.get("/api/v1/job/get_timeline?job_id=5", dn=alice).json["data"] == [{"event": "submitted"}]
    assert not api.active.get("/api/v1/job/get_timeline?job_id=5").json["success"]
