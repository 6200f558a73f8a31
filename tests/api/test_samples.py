"""Requests as real pilots and clients send them, byte for byte."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from pandad.spec.job import ClaimedJob


def identified(request: bytes, roles: bytes) -> bytes:
    """The request with an identity, which in reality comes from TLS."""
    head, _, rest = request.partition(b"\r\n")
    return head + b"\r\nx-dn: /CN=somebody\r\nx-roles: " + roles + b"\r\n" + rest


def played(api: Any, samples: Path, name: str, roles: bytes = b"pilot") -> Any:
    return api.active.raw(identified((samples / f"{name}.http").read_bytes(), roles))


@pytest.fixture
def job(api: Any) -> ClaimedJob:
    """The one job that there is."""
    job = ClaimedJob(PandaID=12345, jediTaskID=777, transformation="http://panda.test/trf/user/hello.sh", jobParameters="-a b")
    api.dispatcher.jobs = [job]
    return job


def test_pilot_311_gets_a_form(api: Any, samples: Path, job: ClaimedJob) -> None:
    """A 3.11 pilot, which accepts nothing in particular, gets its job as a form, and its numbers arrive as numbers."""
    got = played(api, samples, "pilot_3.11_getJob")
    assert got.status == 200
    reply = parse_qs(got.text)
    assert (reply["StatusCode"], reply["PandaID"], reply["taskID"]) == (["0"], ["12345"], ["777"])
    _, asked = api.dispatcher.asked[0]
    assert (asked.site_name, asked.prod_source_label, asked.memory, asked.disk_space, asked.worker_id) == (
        "TEST_PQ", "user", 24105.56, 20000, 7)
    assert asked.working_group is None
    assert asked.n_jobs is None


def test_pilot_37_gets_json(api: Any, samples: Path, job: ClaimedJob) -> None:
    """A 3.7 pilot, which accepts JSON, gets its job so, and asks the same from its form as others do in JSON."""
    assert played(api, samples, "pilot_3.7_getJob").json["PandaID"] == 12345
    played(api, samples, "pilot_3.11_getJob")
    assert api.dispatcher.asked[0] == api.dispatcher.asked[1]


def test_update_in_both_encodings(api: Any, samples: Path) -> None:
    """The final report of one job says the same in gzip'd JSON and in a form."""
    in_json, in_form = played(api, samples, "pilot_3.11_updateJob_finished"), played(api, samples, "pilot_3.7_updateJob_finished")
    assert in_json.text == "StatusCode=0&command=NULL"
    assert in_form.json == {"StatusCode": 0, "command": "NULL"}
    (_, first), (_, second) = api.heartbeat.asked
    assert first == second
    assert (first.job_id, first.job_status, first.attempt_nr, first.trans_exit_code) == (12345, "finished", 1, "0")
    assert first.start_time == datetime(2026, 11, 23, 0, 23, 19, 295940, UTC)
    assert first.mean_core_count == 1.0


def test_starting(api: Any, samples: Path) -> None:
    """A first heartbeat is understood, with empty text as nothing."""
    assert played(api, samples, "pilot_3.11_updateJob_starting").status == 200
    _, update = api.heartbeat.asked[0]
    assert (update.job_status, update.job_output_report, update.meta_data) == ("starting", "", None)


def test_worker_status(api: Any, samples: Path) -> None:
    """A pilot that Harvester started reports its beginning."""
    assert played(api, samples, "pilot_3.11_updateWorkerPilotStatus").text == "StatusCode=0"
    _, status = api.workers.asked[0]
    assert (status.worker_id, status.harvester_id, status.status, status.node_id) == (7, "h1", "started", "vm")


def test_client_submits(api: Any, samples: Path) -> None:
    """Client.submitJobs of panda-client: JSON in JSON, attributes and files in their order, times as objects."""
    got = played(api, samples, "panda_client_2.2.0_submit", roles=b"")
    assert got.json == {"success": True, "message": "", "data": [[101, 7, {"jobsetID": 8}]]}
    _, (job,) = api.jobs.asked[0]
    assert job.creationTime == datetime(2026, 11, 23, 0, 23, 19, 250000, UTC)
    assert (job.VO, job.minRamCount, job.destinationSE, job.jobName) == ("wlcg", 2000, "TEST_DISK", "user.ann.test")
    assert [(f.type, f.lfn, f.fsize) for f in job.Files] == [
        ("input", "in.root", 1234), ("output", "out.root", None), ("log", "job.log.tgz", None)]


def test_client_describes(api: Any, samples: Path) -> None:
    """Client.getJobStatus of panda-client gets all attributes, and null for a job that is not there."""
    known, unknown = played(api, samples, "panda_client_2.2.0_get_description", roles=b"").json["data"]
    assert known["PandaID"] == 1
    assert known["Files"][0]["lfn"] == "in.root"
    assert unknown is None


def test_client_hello(api: Any, samples: Path) -> None:
    """Client.hello of panda-client needs no identity."""
    assert api.passive.raw((samples / "panda_client_2.2.0_is_alive.http").read_bytes()).json["success"] is True


def test_call_that_is_not_there(api: Any, samples: Path) -> None:
    """A client that calls what this server does not have gets PanDA's 403, not a crash."""
    got = played(api, samples, "panda_client_2.2.0_relay_idds_command")
    assert (got.status, got.text) == (403, "ERROR : method relay_idds_command is forbidden")
