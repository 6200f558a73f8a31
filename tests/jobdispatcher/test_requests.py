"""What pilots say, against what jobs have."""

from __future__ import annotations

from dataclasses import fields

from pandad.jobdispatcher.requests import AcquireJobs, JobUpdate, WorkerStatus
from pandad.spec.job import JOB_ATTRIBUTES

# What the form of updateJob has beside the attributes (legacy updateJob; panda-server 0.8.1): addressing, texts of their own,
# and what no attribute keeps.
APART = {
    "jobId",
    "state",
    "attemptNr",
    "xml",
    "metaData",
    "stdout",
    "siteName",
    "computingElement",
    "pilotLog",
    "meanCoreCount",
    "corruptedFiles",
}


def test_reported_values_land_on_attributes() -> None:
    """Each reported value has an attribute of a job to land in, and no two have the same."""
    landed = [f.metadata["attribute"] for f in fields(JobUpdate) if "attribute" in f.metadata]
    assert set(landed) <= {a.name for a in JOB_ATTRIBUTES}
    assert len(landed) == len(set(landed))


def test_nothing_that_pilots_report_is_lost() -> None:
    """Every field of a pilot's update lands on the job or is known to go elsewhere."""
    apart = {f.metadata.get("legacy") or f.name for f in fields(JobUpdate) if "attribute" not in f.metadata}
    camel = {
        "attempt_nr": "attemptNr",
        "meta_data": "metaData",
        "site_name": "siteName",
        "computing_element": "computingElement",
        "pilot_log": "pilotLog",
        "mean_core_count": "meanCoreCount",
        "corrupted_files": "corruptedFiles",
    }
    assert {camel.get(name, name) for name in apart} == APART


def test_silence_says_nothing() -> None:
    """What a pilot does not say is None, which excludes nothing and overwrites nothing; only a report is empty instead."""
    update = JobUpdate(job_id=1, job_status="running")
    assert {f.name for f in fields(update) if getattr(update, f.name) is not None} == {
        "job_id",
        "job_status",
        "job_output_report",
    }
    wanted = AcquireJobs(site_name="Q")
    assert {f.name for f in fields(wanted) if getattr(wanted, f.name) is not None} == {"site_name"}
    said = WorkerStatus(worker_id=1, harvester_id="h", status="started")
    assert (said.site, said.node_id) == (None, None)
