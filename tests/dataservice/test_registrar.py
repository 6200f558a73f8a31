"""What of a report is entered in the catalogue, and what becomes of the job; no report raises."""

from __future__ import annotations

import json
from typing import Any

import pytest
from factories import a_file, a_job
from hypothesis import given
from hypothesis import strategies as st

from pandad.dataservice.ddm import DDMRefused, DDMUnavailable, FileDiffers, NoQuota, NotAllowed, UnknownEndpoint
from pandad.dataservice.registrar import Claim, claim, concluded
from pandad.spec import errorcodes
from pandad.spec.jobstatus import Event, JobStatus
from pandad.taskbuffer.worklists import Reported

from .reports import ADLER, CONTENT, DISK, GOOD, UNREADABLE, entry

GIVE_UP_S = 100.0


def claimed(report: Any = GOOD, outcome: JobStatus = JobStatus.FINISHED, age_s: float = 0.0, wish: str | None = None,
            **but: Any) -> Claim:
    token = f"dst:{wish}" if wish else None
    files = [a_file(type="input", row_ID=1), a_file(row_ID=2, destinationDBlockToken=token),
             a_file(lfn="log.tgz", type="log", row_ID=3)]
    job = a_job(**{"jobStatus": JobStatus.HOLDING, "PandaID": 1, "Files": files, **but})
    return claim(Reported(job, outcome, report if isinstance(report, str) else json.dumps(report), age_s))


def test_a_good_job() -> None:
    """All its outputs are entered as reported; then it is finished, or on its way."""
    made = claimed()
    assert [(f.lfn, f.fsize, f.checksum, f.destinationSE) for f in made.files] == [
        (name, len(CONTENT), f"ad:{ADLER}", DISK) for name in ("out.root", "log.tgz")]
    assert concluded(made, None, GIVE_UP_S).event is Event.COMPLETED
    moving = concluded(claimed(wish="TAPE"), None, GIVE_UP_S)
    assert (moving.event, [f.status for f in moving.files]) == (Event.TRANSFER_STARTED, ["transferring", "ready"])


def test_where_the_pilot_had_to_write() -> None:
    """The endpoint of the report counts; one that is none does not."""
    made = claimed({**GOOD, "out.root": entry(endpoint="OTHER"), "log.tgz": entry(endpoint=7)})
    assert [f.destinationSE for f in made.files] == ["OTHER", DISK]


@pytest.mark.parametrize("report", [{}, {**GOOD, "out.root": entry(fsize=None)}, {**GOOD, "out.root": entry(adler32=None)}])
def test_an_output_that_is_not_right(report: Any) -> None:
    """Then only the log is entered, and the job fails."""
    made = claimed(report)
    assert {f.type for f in made.files} <= {"log"}
    assert concluded(made, None, GIVE_UP_S).event is Event.FAILED


@pytest.mark.parametrize("but", [{"outcome": JobStatus.FAILED}, {"commandToPilot": "tobekilled"}])
def test_failed_and_killed(but: dict[str, Any]) -> None:
    """Only the log is entered, and nothing goes anywhere."""
    made = claimed(wish="TAPE", **but)
    assert [f.type for f in made.files] == ["log"]
    outcome = concluded(made, None, GIVE_UP_S)
    assert outcome.event in (Event.FAILED, Event.KILLED) and [f.status for f in outcome.files] == ["failed", "ready"]


@pytest.mark.parametrize("outcome", [JobStatus.FINISHED, JobStatus.FAILED])
def test_trouble(outcome: JobStatus) -> None:
    """What passes is waited for so long; what does not fails a good job with its code, and leaves a failed one its own reason."""
    away = DDMUnavailable("no answer")
    assert concluded(claimed(outcome=outcome, age_s=GIVE_UP_S - 1), away, GIVE_UP_S).event is None
    codes: list[tuple[DDMUnavailable | DDMRefused, int]] = [
        (away, errorcodes.DDM_ADDER), (FileDiffers("x"), errorcodes.DDM_ADDER), (UnknownEndpoint("x"), errorcodes.DDM_RSE),
        (NotAllowed("x"), errorcodes.DDM_LOCATION), (NoQuota("x"), errorcodes.DDM_LOCATION)]
    for trouble, code in codes:
        ended = concluded(claimed(outcome=outcome, age_s=GIVE_UP_S), trouble, GIVE_UP_S)
        assert (ended.event, ended.values.get("ddmErrorCode")) == (
            Event.FAILED, code if outcome is JobStatus.FINISHED else None)


@pytest.mark.parametrize("report", UNREADABLE, ids=lambda report: report[:20])
@pytest.mark.parametrize("outcome", [JobStatus.FINISHED, JobStatus.FAILED])
def test_unreadable_reports(report: str, outcome: JobStatus) -> None:
    """They fail their job and say so."""
    ended = concluded(claimed(report, outcome), None, GIVE_UP_S)
    assert ended.event is Event.FAILED and "not readable" in (ended.why or "")


values = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=300) | st.lists(st.integers(), max_size=2)
entries = st.fixed_dictionaries({}, optional=dict.fromkeys(("guid", "fsize", "adler32", "surl", "endpoint"), values))


@given(st.dictionaries(st.sampled_from(["out.root", "log.tgz", "x"]), entries | values) | st.text(max_size=50))
def test_whatever_a_pilot_reports(report: Any) -> None:
    """No report raises, and what is entered has a size, an adler32 and an endpoint."""
    made = claimed(report)
    concluded(made, None, GIVE_UP_S)
    for file in made.files:
        assert file.fsize is not None and 3 < len(file.checksum or "") <= 11 and file.destinationSE
        assert "\0" not in f"{file.destinationSE}{file.GUID}"
