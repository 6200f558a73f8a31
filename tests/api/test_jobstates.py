"""The job states that panda-client submits."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pandad.api.jobstates import MAX_JOBS, job_specs
from pandad.spec.errors import BadRequest
from pandad.spec.file import FILE_ATTRIBUTES
from pandad.spec.job import JOB_ATTRIBUTES, JobSpec
from pandad.spec.jobstatus import JobStatus


def state(files: list[Any] | None = None, **values: Any) -> list[Any]:
    """A job state as the client makes it."""
    return [values.get(a.name, "NULL" if a.nullable else 0) for a in JOB_ATTRIBUTES] + [files or []]


def file_state(length: int = 18, **values: Any) -> list[Any]:
    """A file state with so many values, and the owner that clients add."""
    return [values.get(a.name, "NULL") for a in FILE_ATTRIBUTES[:length]] + [None]


def one(job: list[Any]) -> JobSpec:
    (spec,) = job_specs(json.dumps([job]))
    return spec


def refusal(jobs: object) -> str:
    with pytest.raises(BadRequest) as refused:
        job_specs(jobs)
    return str(refused.value)


def test_order_is_the_wire_format() -> None:
    """There are 126 job attributes and 22 of files, and their order is the wire's."""
    assert (len(JOB_ATTRIBUTES), len(FILE_ATTRIBUTES)) == (126, 22)
    assert (JOB_ATTRIBUTES[9].name, JOB_ATTRIBUTES[125].name, FILE_ATTRIBUTES[17].name) == (
        "transformation",
        "outputFileType",
        "scope",
    )


def test_unset() -> None:
    """A state that says nothing is a job with all defaults."""
    assert one(state()) == JobSpec()


def test_values() -> None:
    """Values land on their attributes, in their types."""
    job = one(
        state(
            transformation="http://x/runGen",
            minRamCount="2000",
            maxWalltime=3600.0,
            cpuConversion="1.5",
            creationTime={"_datetime_object": "2026-11-23 00:00:00.5"},
        )
    )
    assert (job.transformation, job.minRamCount, job.maxWalltime, job.cpuConversion) == ("http://x/runGen", 2000, 3600, 1.5)
    assert job.creationTime is not None
    assert job.creationTime.isoformat() == "2026-11-23T00:00:00.500000+00:00"


def test_fewer_values() -> None:
    """An older client's shorter state leaves the rest unset; its files are still the last."""
    job = one([*state(jobName="short")[:20], [file_state(lfn="a")]])
    assert (job.jobName, job.VO, job.Files[0].lfn) == ("short", None, "a")


@pytest.mark.parametrize("length", [18, 22])
def test_files(length: int) -> None:
    """Files come with 18 values from clients and with 22 from servers."""
    (file,) = one(state([file_state(length, lfn="a.root", type="input", fsize="12", scope="user.a")])).Files
    assert (file.lfn, file.type, file.fsize, file.scope, file.attemptNr) == ("a.root", "input", 12, "user.a", None)


def test_arguments_have_lines() -> None:
    """What is no name is kept as it is, line breaks and all: its pilot gets it so."""
    assert one(state(jobParameters="a\n\tb\x1b")).jobParameters == "a\n\tb\x1b"


def test_state_is_the_servers() -> None:
    """No submitter chooses the state of his job."""
    assert one(state(jobStatus="finished")).jobStatus is JobStatus.DEFINED


@pytest.mark.parametrize(
    ("jobs", "words"),
    [
        ("{", "jobs: is not JSON"),
        ({}, "jobs: must be a list"),
        ([], "jobs: holds no job"),
        ([5], "jobs[0]: must be a list"),
        ([["NULL", "NULL"]], "jobs[0]: must be a list"),
        ([state([5])], "jobs[0].Files[0]: must be a list"),
        ([state(), state(minRamCount="much")], "jobs[1].minRamCount: 'much' is not a number"),
        ([state([file_state(lfn="a"), file_state(fsize="x")])], "jobs[0].Files[1].fsize: 'x' is not a number"),
        ([state(transformation="x" * 251)], "jobs[0].transformation: is 251 characters long; the limit is 250"),
        ([state(jobName="a\0b")], "jobs[0].jobName: holds a NUL"),
        ([state(jobName="a\x1b[2Jb")], "jobs[0].jobName: holds the control or formatting character U+001B"),
        ([state([file_state(lfn="a\u202eb")])], "jobs[0].Files[0].lfn: holds the control or formatting character U+202E"),
        ([state(PandaID=2**64)], "jobs[0].PandaID: "),
        ([state([file_state(lfn="a,b")])], "jobs[0].Files[0].lfn: holds a comma"),
        ([state()] * (MAX_JOBS + 1), f"jobs: holds {MAX_JOBS + 1} jobs"),
    ],
)
def test_refusals(jobs: object, words: str) -> None:
    """A refusal names the job by its place, the file by its place, and the attribute."""
    assert refusal(jobs).startswith(words)


ANYTHING = st.recursive(
    st.none() | st.integers() | st.floats() | st.text(max_size=5), lambda i: st.lists(i, max_size=6), max_leaves=20
)


@given(ANYTHING)
def test_jobs_or_a_bad_request(jobs: object) -> None:
    """Whatever is submitted, there are jobs or a BadRequest."""
    with suppress(BadRequest):
        assert all(isinstance(job, JobSpec) for job in job_specs(jobs))


def named(**attributes: Any) -> JobSpec:
    (spec,) = job_specs([attributes])
    return spec


def test_tables() -> None:
    """A job may be a table of attributes by name, and so may its files; null says nothing."""
    by_name = named(transformation="run", minRamCount="2000", jobName=None, Files=[{"lfn": "a", "type": "input", "fsize": 5}])
    assert by_name == one(state([file_state(lfn="a", type="input", fsize=5)], transformation="run", minRamCount=2000))
    assert named(jobStatus="finished") == JobSpec()


def test_limits_to_queues() -> None:
    """Tables say with PanDA's words where a job may go, as lists or texts."""
    assert named(includedSite=["A", "B*"], excludedSite="C, D").avoided == ["!A", "!B*", "-C", "-D"]
    assert named(includedSite=None, excludedSite=[]).avoided == []


@pytest.mark.parametrize(("job", "words"), [
    ({"transfromation": "run"}, "jobs[0].transfromation: is no attribute"),
    ({"avoided": ["A"]}, "jobs[0].avoided: is no attribute"),
    ({"minRamCount": "much"}, "jobs[0].minRamCount"),
    ({"Files": "a"}, "jobs[0].Files: must be a list"),
    ({"Files": [{"name": "a"}]}, "jobs[0].Files[0].name: is no attribute"),
    ({"Files": ["a"]}, "jobs[0].Files[0]: must be a list of attribute values, or a table"),
    ({"includedSite": 7}, "jobs[0].includedSite: must be a list of queues"),
])
def test_tables_that_say_nonsense(job: dict[str, Any], words: str) -> None:
    """Each slip is named with its place."""
    assert words in refusal([job])
