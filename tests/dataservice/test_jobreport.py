"""A production payload's job report beside the pilot's: where they differ the job fails with PanDA's code for it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from factories import a_file, a_job
from hypothesis import given
from hypothesis import strategies as st

from pandad.dataservice.jobreport import contradictions, outputs_of
from pandad.dataservice.registrar import claim, concluded
from pandad.spec import errorcodes
from pandad.spec.job import JobSpec
from pandad.spec.jobstatus import Event, JobStatus
from pandad.taskbuffer.worklists import Reported

from .reports import GOOD, entry

GUID = "0A1B2C3D-1111-2222-3333-444455556666"
RIGHT: dict[str, Any] = {"name": "out.root", "nentries": 100, "file_guid": GUID.lower().replace("-", "")}


def report(*entries: dict[str, Any]) -> str:
    return json.dumps({"files": {"output": [{"type": "AOD", "subFiles": [each]} for each in entries]}})


def a_production_job(metadata: str | None, **but: Any) -> JobSpec:
    files = [a_file(row_ID=2), a_file(lfn="log.tgz", type="log", row_ID=3)]
    usual: dict[str, Any] = {"jobStatus": JobStatus.HOLDING, "PandaID": 1, "prodSourceLabel": "managed", "Files": files}
    return a_job(**{**usual, "metadata": metadata, **but})


def ending(job: JobSpec) -> tuple[Event | None, object]:
    """What becomes of it, and its code."""
    said = json.dumps({**GOOD, "out.root": entry(guid=GUID)})
    outcome = concluded(claim(Reported(job, JobStatus.FINISHED, said, 0.0)), None, 100.0)
    return outcome.event, outcome.values.get("ddmErrorCode")


@pytest.mark.parametrize(("metadata", "code"), [
    (report(RIGHT), None),
    (report({**RIGHT, "nentries": "100"}), None),
    (report({**RIGHT, "nentries": None}), errorcodes.DDM_MISSING_NUM_EVENTS),
    (report({**RIGHT, "nentries": "UNDEFINED"}), errorcodes.DDM_MISSING_NUM_EVENTS),
    (report(), errorcodes.DDM_MISSING_NUM_EVENTS),
    (report({**RIGHT, "name": "other.root"}), errorcodes.DDM_MISSING_NUM_EVENTS),
    (report({**RIGHT, "file_guid": "0" * 32}), errorcodes.DDM_INCONSISTENT_GUID),
    (report({"name": "out.root", "nentries": 100}), errorcodes.DDM_INCONSISTENT_GUID),
    (None, None), ("", None), ("<POOLFILECATALOG/>", None), ('{"exitCode": 0}', None), ('{"files": {"output": 7}}', None),
])
def test_managed_jobs(metadata: str | None, code: int | None) -> None:
    """An output without its number of events is 204, one with another GUID 205; without such a report there is nothing to ask."""
    assert ending(a_production_job(metadata)) == ((Event.FAILED, code) if code else (Event.COMPLETED, None))


def test_others_are_not_asked() -> None:
    """Neither a user's job, nor files that have no events, nor logs."""
    assert ending(a_production_job(report({**RIGHT, "nentries": None}), prodSourceLabel="user"))[0] is Event.COMPLETED
    hist, log = a_file(lfn="HIST.1.root", GUID=GUID), a_file(lfn="log.tgz", type="log", GUID=GUID)
    job = a_production_job(report({"name": "HIST.1.root", "file_guid": GUID}))
    assert contradictions(job, [hist, log]) == []


def test_no_endpoint() -> None:
    """An output that is nowhere, as far as anybody says, is 203."""
    files = [a_file(row_ID=2, destinationSE=None)]
    job = a_production_job(None, Files=files)
    said = json.dumps({"out.root": entry(endpoint=None)})
    outcome = concluded(claim(Reported(job, JobStatus.FINISHED, said, 0.0)), None, 100.0)
    assert (outcome.event, outcome.values["ddmErrorCode"]) == (Event.FAILED, errorcodes.DDM_LOCATION)


keys = st.sampled_from(["files", "output", "subFiles", "name", "nentries", "x"])
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3))


@given(json_values | st.text(max_size=20))
def test_whatever_a_payload_reports(said: Any) -> None:
    """Nothing raises."""
    outputs_of(said if isinstance(said, str) else json.dumps(said))
