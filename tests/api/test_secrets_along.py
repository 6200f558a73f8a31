"""What goes along with jobs and with answers to updates, in both dialects."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

from pandad.spec.job import ClaimedJob

ACCEPT_JSON = {"accept": "application/json"}
GET_JOB, UPDATE = "/server/panda/getJob", "/server/panda/updateJob"


def test_with_a_job(api: Any) -> None:
    """Secrets stand in the definition of the job that owns them, and of no other."""
    api.dispatcher.jobs = [ClaimedJob(PandaID=7), ClaimedJob(PandaID=8, secrets=["token"])]
    api.job_secrets.extra = {8: {"secrets": '{"token":"x&y"}'}}
    v1 = api.active.as_pilot("/api/v1/pilot/acquire_jobs", {"site_name": "Q", "n_jobs": 2}).json["data"]["jobs"]
    legacy = api.active.as_pilot(GET_JOB, {"siteName": "Q", "nJobs": 2}, headers=ACCEPT_JSON).json["jobs"]
    for jobs in (v1, legacy):
        assert [job.get("secrets") for job in jobs] == [None, '{"token":"x&y"}']
    api.dispatcher.jobs = [ClaimedJob(PandaID=8, secrets=["token"])]
    assert parse_qs(api.active.as_pilot(GET_JOB, {"siteName": "Q"}).text)["secrets"] == ['{"token":"x&y"}']


def test_with_an_update(api: Any) -> None:
    """A pilot that is told to debug gets what it needs for that, and no other."""
    for command, told in (("debug", '{"login":"x"}'), ("NULL", None)):
        api.heartbeat.command = command
        v1 = api.active.as_pilot("/api/v1/pilot/update_job", {"job_id": 1, "job_status": "running"}).json["data"]
        legacy = api.active.as_pilot(UPDATE, {"jobId": 1, "state": "running"}, headers=ACCEPT_JSON).json
        assert [reply.get("pilotSecrets") for reply in (v1, legacy)] == [told, told]


def test_jobs_that_have_none_are_not_looked_up(api: Any) -> None:
    """A job whose owner has no secrets, and which is not debugged, costs no look at them; one in debug mode does."""
    api.dispatcher.jobs = [ClaimedJob(PandaID=n, specialHandling=tags) for n, tags in enumerate((None, "us", "us,dm"), 7)]
    api.job_secrets.extra = {n: {"pilotSecrets": "{}"} for n in (7, 8, 9)}
    got = api.active.as_pilot("/api/v1/pilot/acquire_jobs", {"site_name": "Q", "n_jobs": 3}).json["data"]["jobs"]
    assert [job.get("pilotSecrets") for job in got] == [None, None, "{}"]
