"""The legacy dialect."""

from __future__ import annotations

import ast
import json
from typing import Any
from urllib.parse import parse_qs

import pytest

from pandad.jobdispatcher.lending import NotLent
from pandad.spec.caller import Role
from pandad.spec.errors import Forbidden, StoreUnavailable
from pandad.spec.job import ClaimedJob
from pandad.spec.pilotcredential import Kind

ACCEPT_JSON = {"accept": "application/json"}


def test_no_job(api: Any) -> None:
    """No job is a 200 with StatusCode 20, in both encodings."""
    assert api.active.as_pilot("/server/panda/getJob", {"siteName": "Q"}).text.startswith("StatusCode=20&")
    got = api.active.as_pilot("/server/panda/getJob", {"siteName": "Q"}, headers=ACCEPT_JSON)
    assert got.json == {"StatusCode": 20, "errorDialog": "no jobs in PanDA"}
    assert got.text[0] + got.text[-1] == "{}"


def test_jobs(api: Any) -> None:
    """Who says how many jobs he wants gets a list, in a form as JSON text; who does not gets one job flat."""
    api.dispatcher.jobs = [ClaimedJob(PandaID=5), ClaimedJob(PandaID=6)]
    asked = {"siteName": "Q", "nJobs": 2}
    got = api.active.as_pilot("/server/panda/getJob", asked, headers=ACCEPT_JSON).json
    assert (got["StatusCode"], [job["PandaID"] for job in got["jobs"]]) == (0, [5, 6])
    form = parse_qs(api.active.as_pilot("/server/panda/getJob", asked).text)
    assert [job["PandaID"] for job in json.loads(form["jobs"][0])] == [5, 6]


@pytest.mark.parametrize(("trouble", "code"), [(StoreUnavailable("no database"), 20), (Forbidden("role needed"), 60)])
def test_get_job_in_trouble(api: Any, trouble: Exception, code: int) -> None:
    """In trouble, too, getJob is a 200 with a StatusCode."""
    api.dispatcher.trouble = trouble
    got = api.active.as_pilot("/server/panda/getJob", {"siteName": "Q"}, headers=ACCEPT_JSON)
    assert (got.status, got.json["StatusCode"], got.json["errorDialog"]) == (200, code, str(trouble))


def test_get_job_refused(api: Any, alice: str) -> None:
    """Without identity or queue, getJob is still a 200; a user without a role gets through to the dispatcher."""
    assert api.active.post("/server/panda/getJob", json={"siteName": "Q"}, headers=ACCEPT_JSON).json["StatusCode"] == 60
    missing = api.active.as_pilot("/server/panda/getJob", {"node": "x"}, headers=ACCEPT_JSON).json
    assert (missing["StatusCode"], missing["errorDialog"]) == (30, "siteName: is missing")
    api.active.post("/server/panda/getJob", json={"siteName": "Q"}, dn=alice)
    (caller, _), = api.dispatcher.asked
    assert caller.roles == frozenset()


def test_command(api: Any) -> None:
    """The command of the heartbeat reaches the pilot."""
    api.heartbeat.command = "debug,tobekilled"
    got = api.active.as_pilot("/server/panda/updateJob", {"jobId": 1, "state": "running"}, headers=ACCEPT_JSON)
    assert got.json == {"StatusCode": 0, "command": "debug,tobekilled"}


def test_update_not_stored(api: Any) -> None:
    """An update that was not stored is a 503 that says when to come again."""
    api.heartbeat.trouble = StoreUnavailable("no database")
    got = api.active.as_pilot("/server/panda/updateJob", {"jobId": 1, "state": "finished"}, headers=ACCEPT_JSON)
    assert got.status == 503
    assert got.headers["retry-after"].isdigit()


@pytest.mark.parametrize(("dn", "roles", "body", "status"), [
    (None, "", {"jobId": 1, "state": "running"}, 403), ("forged", "", {"jobId": 1, "state": "running"}, 403),
    ("/CN=p", "pilot", {"state": "running"}, 400), ("/CN=p", "pilot", {"jobId": "x", "state": "running"}, 400),
    ("/CN=p", "pilot", {"jobId": 1, "state": "running", "attemptNr": "x"}, 400),
])
def test_update_refused(api: Any, dn: str | None, roles: str, body: dict[str, Any], status: int) -> None:
    """An update that is not accepted never gets a 200."""
    got = api.active.post("/server/panda/updateJob", dn=dn, roles=roles, json=body)
    assert got.status == status
    assert got.text.startswith("ERROR : ")
    assert not api.heartbeat.asked


def test_update_of_a_stranger(api: Any, alice: str) -> None:
    """Whether a job is the caller's to report, its room says; that is a 403."""
    api.heartbeat.trouble = Forbidden("job 1 was not given to it")
    got = api.active.post("/server/panda/updateJob", dn=alice, json={"jobId": 1, "state": "running"})
    assert (got.status, got.text) == (403, "ERROR : job 1 was not given to it")


@pytest.mark.parametrize("role", ["", *Role])
def test_who_may_update(api: Any, role: str) -> None:
    """Pilots, production and admins may report, and a user's own pilot."""
    assert api.active.post("/server/panda/updateJob", dn="/CN=x", roles=role, json={"jobId": 1, "state": "running"}).status == 200


def test_bad_clock(api: Any) -> None:
    """A heartbeat is not lost for values that make no sense."""
    body = {"jobId": "1", "state": "running", "startTime": "NaN", "endTime": "soon", "maxRSS": "-", "stdout": "a\0b"}
    assert api.active.as_pilot("/server/panda/updateJob", body).status == 200
    (_, update), = api.heartbeat.asked
    assert (update.start_time, update.end_time, update.max_rss, update.stdout) == (None, None, None, "ab")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_get_status(api: Any, method: str) -> None:
    """States come as a form whatever is accepted, joined by a plus, in the order asked."""
    got = api.passive.call(method, "/server/panda/getStatus?ids=2,1,9", headers=ACCEPT_JSON)
    assert parse_qs(got.text) == {"StatusCode": ["0"], "status": ["cancelled+running+notfound"], "attemptNr": ["1+2+0"]}


def test_is_alive(api: Any) -> None:
    """Old monitors look for these words."""
    assert api.passive.get("/server/panda/isAlive").text == "alive=yes"


def test_worker_status(api: Any) -> None:
    """A worker without its id is refused; whatever else is missing is not missed."""
    body = {"workerID": 7, "harvesterID": "h", "status": "finished"}
    assert api.active.as_pilot("/server/panda/updateWorkerPilotStatus", body, headers=ACCEPT_JSON).json == {"StatusCode": 0}
    refused = api.active.as_pilot("/server/panda/updateWorkerPilotStatus", {"status": "finished"})
    assert (refused.status, refused.text) == (400, "ERROR : workerID: is missing")


def test_access_token(api: Any) -> None:
    """Why there is no token, the pilot must be able to read as a Python literal even if it accepts no JSON."""
    api.lending.trouble = NotLent(Kind.TOKEN, "pilot_server")
    got = api.active.get("/server/panda/get_access_token?client_name=pilot_server&token_key=K", dn="/CN=p", roles="pilot")
    assert got.status == 200
    reply = ast.literal_eval(got.text)
    assert reply["StatusCode"] != 0
    assert reply["errorDialog"]


def test_resource_types(api: Any) -> None:
    """In a form the classes are a Python literal, in JSON a list."""
    literal = parse_qs(api.active.as_pilot("/server/panda/getResourceTypes").text)["ResourceTypes"][0]
    in_json = api.active.as_pilot("/server/panda/getResourceTypes", headers=ACCEPT_JSON).json["ResourceTypes"]
    assert ast.literal_eval(literal) == in_json
    assert [each["resource_name"] for each in in_json] == ["SCORE", "MCORE", "SCORE_HIMEM", "MCORE_HIMEM"]
