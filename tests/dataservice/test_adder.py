"""Outputs are checked before a job is called finished, and no report can stop the loop."""

from __future__ import annotations

import json
from typing import Any

import pytest
from factories import a_file, a_job
from hypothesis import given
from hypothesis import strategies as st

from pandad.dataservice.adder import Outcome, conclude
from pandad.dataservice.copies import Copies, name_of
from pandad.dataservice.ddm import DDMUnavailable, Replica, UnknownEndpoint
from pandad.spec import errorcodes
from pandad.spec.file import FileSpec
from pandad.spec.jobstatus import Event, JobStatus
from pandad.taskbuffer.worklists import Reported

from .reports import ADLER, CONTENT, DISK, GOOD, LOG, OUT, UNREADABLE, entry

GIVE_UP_S = 100.0


def held(*files: FileSpec) -> dict[str, Copies | Exception]:
    return {DISK: {name_of(f): Replica(name_of(f), DISK, len(CONTENT), ADLER) for f in files}}


def concluded(
    report: Any = GOOD, outcome: JobStatus = JobStatus.FINISHED, copies: Any = None, age_s: float = 0, **but: Any
) -> Outcome:
    job = a_job(
        **{"jobStatus": JobStatus.HOLDING, "Files": [a_file(type="input"), a_file(), a_file(lfn="log.tgz", type="log")], **but}
    )
    text = report if isinstance(report, str) else json.dumps(report)
    return conclude(Reported(job, outcome, text, age_s), held(OUT, LOG) if copies is None else copies, GIVE_UP_S)


def test_finished_as_reported() -> None:
    """With every output and the log where and what the report says, the job is completed, its outputs counted and their sizes
    added up, and the files say what lies there."""
    outcome = concluded()
    assert outcome.event is Event.COMPLETED
    assert outcome.values == {"nOutputDataFiles": 1, "outputFileBytes": len(CONTENT)}
    assert [(f.lfn, f.status, f.GUID, f.fsize, f.checksum) for f in outcome.files] == [
        ("out.root", "ready", "A-GUID", len(CONTENT), f"ad:{ADLER}"),
        ("log.tgz", "ready", "A-GUID", len(CONTENT), f"ad:{ADLER}"),
    ]


def test_sizes_as_text() -> None:
    """The form dialect sends sizes as text; they count the same."""
    assert concluded({name: entry(fsize=str(len(CONTENT))) for name in GOOD}).event is Event.COMPLETED
    assert concluded({**GOOD, "out.root": entry(fsize="12")}).event is Event.FAILED


@pytest.mark.parametrize(
    "checksum", [{"adler32": ADLER.upper()}, {"adler32": ADLER.lstrip("0")}, {"adler32": None, "md5sum": "d41d8cd9"}]
)
def test_checksums_in_other_clothes(checksum: dict[str, Any]) -> None:
    """Upper case, dropped leading zeros and another kind of checksum are no difference."""
    assert concluded({**GOOD, "out.root": entry(**checksum)}).event is Event.COMPLETED


@pytest.mark.parametrize("lfn", ["out.root", "log.tgz"])
@pytest.mark.parametrize(
    ("but", "words"),
    [
        ({"fsize": 10}, "has 11 bytes, expected 10"),
        ({"adler32": "00000001"}, "expected 00000001"),
        ({"fsize": None}, "did not report its size"),
        ({"fsize": "many"}, "did not report its size"),
        ({"fsize": -11}, "did not report its size"),
        ({"fsize": 10**30}, "did not report its size"),
        ({"fsize": "1" * 5000}, "did not report its size"),
    ],
)
def test_outputs_that_are_not_as_reported(lfn: str, but: dict[str, Any], words: str) -> None:
    """One output, or the log, of another size or checksum than reported fails the job: it says which file and how it differs."""
    outcome = concluded({**GOOD, lfn: entry(**but)})
    assert (outcome.event, outcome.values["ddmErrorCode"]) == (Event.FAILED, errorcodes.DDM_ADDER)
    assert outcome.why is not None and lfn in outcome.why and words in outcome.why
    assert {f.lfn: f.status for f in outcome.files} == {name: "failed" if name == lfn else "ready" for name in GOOD}


@pytest.mark.parametrize(
    ("report", "here", "words"),
    [
        ({"log.tgz": entry()}, (OUT, LOG), "out.root: the pilot did not report its size"),
        (GOOD, (LOG,), "out.root: it is not at TEST_DISK"),
        ({"log.tgz": entry()}, (LOG,), "out.root: the pilot did not report it, and it is not at TEST_DISK"),
        (GOOD, (OUT,), "log.tgz: it is not at TEST_DISK"),
        ("", (), "out.root: the pilot did not report it"),
    ],
)
def test_outputs_that_are_missing(report: Any, here: tuple[FileSpec, ...], words: str) -> None:
    """An output that is not reported, or not there, fails the job with the reason: what was not checked is not finished."""
    outcome = concluded(report, copies=held(*here))
    assert outcome.event is Event.FAILED
    assert outcome.why is not None and words in outcome.why


def test_no_outputs_are_soon_checked() -> None:
    """A job without outputs and log is completed by its word; the report of one is empty."""
    outcome = concluded("", Files=[])
    assert (outcome.event, outcome.values) == (Event.COMPLETED, {"nOutputDataFiles": 0, "outputFileBytes": 0})


def test_outputs_without_an_endpoint() -> None:
    """An output that nobody gave a place cannot be finished."""
    outcome = concluded({"out.root": entry()}, Files=[a_file(destinationSE=None)])
    assert outcome.event is Event.FAILED
    assert outcome.why == "out.root: it is not at any endpoint"


def test_long_problems_fit() -> None:
    """However many outputs are missing, the diagnosis fits its column."""
    outcome = concluded({}, Files=[a_file(lfn=f"out.{number}") for number in range(100)])
    assert len(str(outcome.values["ddmErrorDiag"])) == 500


@pytest.mark.parametrize(
    ("diags", "why"),
    [
        ({}, "the pilot reports a failure"),
        ({"exeErrorDiag": "bad input"}, "bad input"),
        ({"pilotErrorDiag": "killed by signal", "exeErrorDiag": "bad input"}, "killed by signal"),
    ],
)
def test_a_failed_job_fails_as_reported(diags: dict[str, Any], why: str) -> None:
    """A failure that the pilot reports stays its own: no error of the data service is added, missing outputs do not matter."""
    outcome = concluded({}, JobStatus.FAILED, held(), **diags)
    assert (outcome.event, outcome.why, dict(outcome.values)) == (Event.FAILED, why, {})


def test_a_failed_job_keeps_its_log() -> None:
    """The log of a failed job is kept, checked as any other, and is what people want next."""
    outcome = concluded({"log.tgz": entry()}, JobStatus.FAILED, held(LOG))
    assert [(f.lfn, f.status) for f in outcome.files] == [("out.root", "failed"), ("log.tgz", "ready")]


def test_a_killed_job_is_cancelled() -> None:
    """A job that somebody killed ends so, whether its pilot did what it was told or was through before it heard."""
    killed: dict[str, Any] = {
        "commandToPilot": "tobekilled",
        "taskBufferErrorDiag": "killed by alice",
        "pilotErrorDiag": "panda kill",
    }
    outcome = concluded({"log.tgz": entry()}, JobStatus.FAILED, held(LOG), **killed)
    assert (outcome.event, outcome.why) == (Event.KILLED, "killed by alice")
    assert concluded(**killed).event is Event.KILLED
    assert concluded("no report", **killed).event is Event.KILLED


@pytest.mark.parametrize("outcome", [JobStatus.FINISHED, JobStatus.FAILED])
def test_an_outage_is_waited_for(outcome: JobStatus) -> None:
    """While the storage does not answer nothing is concluded, until patience ends; then the job fails with that reason."""
    out = {DISK: DDMUnavailable("TEST_DISK does not answer")}
    assert concluded(outcome=outcome, copies=out, age_s=GIVE_UP_S - 1).event is None
    late = concluded(outcome=outcome, copies=out, age_s=GIVE_UP_S)
    assert late.event is Event.FAILED
    assert {f.status for f in late.files} == {"failed"}
    assert outcome is JobStatus.FAILED or late.why == "TEST_DISK does not answer; TEST_DISK does not answer"


def test_an_outage_elsewhere_does_not_matter() -> None:
    """Only the endpoints of the job's own outputs are waited for."""
    assert concluded(copies={**held(OUT, LOG), "OTHER": DDMUnavailable("out")}).event is Event.COMPLETED


def test_an_unknown_endpoint_is_not_waited_for() -> None:
    """An endpoint that does not exist will not answer tomorrow: the job fails now."""
    outcome = concluded(copies={DISK: UnknownEndpoint("there is no storage endpoint TEST_DISK")})
    assert outcome.event is Event.FAILED
    assert outcome.why is not None and "there is no storage endpoint TEST_DISK" in outcome.why


@pytest.mark.parametrize("report", UNREADABLE, ids=lambda report: report[:20])
@pytest.mark.parametrize("outcome", [JobStatus.FINISHED, JobStatus.FAILED])
def test_unreadable_reports_fail_the_job(report: str, outcome: JobStatus) -> None:
    """A report that cannot be read fails its job and says that this is why."""
    said = concluded(report, outcome)
    assert said.event is Event.FAILED
    assert said.why is not None and said.why.startswith("the pilot's output report is not readable: ")
    assert said.values["ddmErrorCode"] == errorcodes.DDM_ADDER


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=80),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=5,
)
entries = st.fixed_dictionaries({}, optional=dict.fromkeys(("guid", "fsize", "adler32", "surl", "endpoint"), json_values))


@given(st.dictionaries(st.sampled_from(["out.root", "log.tgz", "x"]), entries | json_values) | st.text(max_size=50))
def test_whatever_a_pilot_reports(report: Any) -> None:
    """No report raises; and none that is not right about size and checksum of every output finishes its job."""
    outcome = concluded(report)
    if outcome.event is Event.COMPLETED:
        assert all(int(report[name]["fsize"]) == len(CONTENT) for name in GOOD)
        assert all(
            not report[name].get("adler32") or str(report[name]["adler32"]).lower().rjust(8, "0") == ADLER for name in GOOD
        )
    assert all(len(f.GUID or "") <= 64 for f in outcome.files)
    assert "\0" not in f"{outcome.why}{outcome.values}{outcome.files}"
