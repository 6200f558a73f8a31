"""The errors that stand on a job."""

from __future__ import annotations

import pytest
from factories import a_job
from hypothesis import given
from hypothesis import strategies as st

from pandad.spec.failure import EXIT_CODE, SOURCES, Failure, cause_of, failures_of
from pandad.spec.job import JOB_ATTRIBUTES


def test_every_source_is_read() -> None:
    """Each pair of code and text that a job carries is a failure of its source, and so is the payload's exit code."""
    pairs = {a.name.removesuffix("ErrorCode") for a in JOB_ATTRIBUTES if a.name.endswith("ErrorCode")}
    assert set(SOURCES) == pairs | {EXIT_CODE} and len(SOURCES) == len(pairs) + 1
    broken = a_job(
        transExitCode="3",
        **{f"{source}ErrorCode": 7 for source in pairs},
        **{f"{source}ErrorDiag": f"of {source}" for source in pairs},
    )
    assert failures_of(broken)[0] == Failure(EXIT_CODE, 3, "3")
    assert set(failures_of(broken)[1:]) == {Failure(source, 7, f"of {source}") for source in pairs}


def test_no_code_is_no_failure() -> None:
    """Texts without a code are not errors."""
    assert failures_of(a_job(transExitCode="0", ddmErrorDiag="waited for input", pilotErrorCode=0)) == []


def test_a_pilots_minus_is_no_part_of_its_code() -> None:
    """A pilot asks for a new attempt by the sign; the code stays what it is."""
    assert failures_of(a_job(pilotErrorCode=-1305)) == [Failure("pilot", 1305, "")]


@pytest.mark.parametrize(("exit_code", "number"), [("65", 65), ("-9", 9), ("--5", 0), ("SIGKILL", 0), ("²", 0), (" 1", 0)])
def test_exit_codes_may_be_words(exit_code: str, number: int) -> None:
    """An exit code is a text: what is no number is kept as it is and counts as 0."""
    assert failures_of(a_job(transExitCode=exit_code)) == [Failure(EXIT_CODE, number, exit_code)]


@given(st.text(max_size=128))
def test_any_exit_code(exit_code: str) -> None:
    """Whatever a pilot sends can be read."""
    assert all(f.code >= 0 for f in failures_of(a_job(transExitCode=exit_code)))


@pytest.mark.parametrize(("errors", "cause"), [
    ({"transExitCode": "65", "pilotErrorCode": -1305, "ddmErrorCode": 200}, "pilot:1305"),
    ({"transExitCode": "65", "exeErrorCode": 40}, "transExitCode:65"),
    ({"supErrorCode": 2, "jobDispatcherErrorCode": 100}, "jobDispatcher:100"),
    ({}, "pilot:0"),
])
def test_an_attempt_is_counted_by_one_error(errors: dict[str, object], cause: str) -> None:
    """The pilot's if there is one, else the nearest to the payload; without any it is still a failure."""
    assert cause_of(a_job(**errors)) == cause
