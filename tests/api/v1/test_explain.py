"""API v1: the calls that give reasons."""

from __future__ import annotations

from typing import Any

from pandad.spec.errors import NotFound

from .test_job import job_state


def test_why_a_job(api: Any, alice: str) -> None:
    """By the last decision, or, if asked for, by what is so now; not without an identity."""
    assert api.active.get("/api/v1/job/why?job_id=5", dn=alice).json["data"] == {"PandaID": 5, "reason": "no-queue-ever"}
    api.active.get("/api/v1/job/why?job_id=6&now=true", dn=alice)
    assert [asked[1:] for asked in api.why.asked] == [(5, False), (6, True)]
    assert not api.active.get("/api/v1/job/why?job_id=5").json["success"]


def test_why_a_queue(api: Any, alice: str) -> None:
    """By its name; one that is not there is said so."""
    assert api.active.get("/api/v1/queue/why?queue=Q", dn=alice).json["data"] == {"queue": "Q", "problems": []}
    assert api.active.get("/api/v1/queue/why", dn=alice).json["message"] == "queue: is missing"
    api.why.trouble = NotFound("queue", "X")
    assert api.active.get("/api/v1/queue/why?queue=X", dn=alice).json["message"] == "there is no queue X"


def test_dry_run(api: Any, alice: str) -> None:
    """Jobs as for a submission; the room decides, and nothing is submitted."""
    got = api.active.post("/api/v1/job/try_brokerage", json={"jobs": [job_state(jobName="n")]}, dn=alice).json
    assert got["data"] == [{"jobName": "n", "queue": "Q"}]
    assert not api.jobs.asked
    got = api.active.post("/api/v1/job/try_brokerage", json={"jobs": [job_state(maxWalltime="long")]}, dn=alice).json
    assert got["message"].startswith("jobs[0].maxWalltime: 'long'")
