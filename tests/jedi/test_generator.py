"""A chunk of files into a job."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from taskworld import parameters

from pandad.api.jobdefinition import job_definition
from pandad.config import JediConfig
from pandad.jedi.drafts import Drafts
from pandad.jedi.generator import build_job, run_job
from pandad.jedi.macros import MACRO, Unresolved, fill
from pandad.jedi.refiner import refine
from pandad.spec.job import JobSpec
from pandad.spec.task import Chunk, TaskFile

TASK_ID = 10_000_007


class Numbers:
    """Of a task."""

    id, round_nr, more_attempts = TASK_ID, 1, 0


def a_job(sample: str, names: list[str], serial: int = 3, number: int | None = None, **but: Any) -> JobSpec:
    """The job of these files."""
    files = [TaskFile(id=n, dataset=1, name="user.ann.in1", container="user.ann.input1", scope="user.ann", lfn=lfn, size=5)
             for n, lfn in enumerate(names)]
    spec = refine(parameters(sample, **but), JediConfig())
    library = TaskFile(id=9, dataset=2, name="l", container="l", scope="panda", lfn="lib.tgz") if spec.build else None
    return run_job(Numbers(), spec, Chunk(files, number or serial), serial, library)


NAMES = st.lists(st.from_regex(r"[A-Za-z0-9._]{1,20}", fullmatch=True), min_size=1, max_size=20, unique=True)


@given(NAMES, st.integers(1, 10**6))
def test_every_macro_is_resolved(names: list[str], serial: int) -> None:
    """Nothing is left to be filled in, in parameters and names; all inputs are told, in their order."""
    job = a_job("build", names, serial)
    told = job.jobParameters or ""
    assert not MACRO.search(told) and "$JEDITASKID" not in told
    assert "-i \"[" + ",".join(f"'{name}'" for name in names) + "]\"" in told
    assert [f.lfn for f in job.inputs] == [*names, "lib.tgz"]
    assert all(f"{serial:06d}" in (f.lfn or "") and not MACRO.search(f.lfn or "") for f in job.outputs)


def test_as_prun_wants_it() -> None:
    """The line that runGen gets, to the letter."""
    job = a_job("build", ["a", "b"])
    outputs = "{'out.root': 'user.ann.10000007._000003.out.root', 'h*.txt': 'user.ann.10000007._000003.hXYZ.txt.tgz'}"
    assert job.jobParameters == (f'-j "" --sourceURL http://127.0.0.1:1 -r . -l lib.tgz -o "{outputs}" -i "[\'a\',\'b\']" '
                                 '-p "python%20test.py%20%25IN%20103"')


def test_seeds_stay_with_their_files() -> None:
    """A chunk that is tried again is told the same number, and writes under new names."""
    first, again = a_job("build", ["a"], 3), a_job("build", ["a"], 8, number=3)
    assert "%20103" in (first.jobParameters or "") and "%20103" in (again.jobParameters or "")
    assert "_000008." in (again.jobParameters or "")


def test_events() -> None:
    """Without input the server knows which events a job is about."""
    item = {"type": "constant", "value": "${SKIPEVENTS}+${MAXEVENTS}"}
    assert a_job("noBuild", ["3"], nEvents=50, nEventsPerJob=10, jobParameters=[item]).jobParameters == "20+10"


def test_what_a_job_is() -> None:
    """It knows its task, its datasets and what all jobs of the task have."""
    job = a_job("build", ["a"])
    assert (job.jediTaskID, job.reqID, job.lockedby, job.VO) == (TASK_ID, TASK_ID, "jedi", "wlcg")
    assert (job.prodDBlock, job.inputs[0].dataset) == ("user.ann.in1", "user.ann.input1")
    assert job.destinationDBlock == f"user.ann.test2_out.root.{TASK_ID}"
    assert [(f.scope, f.destinationDBlock, f.dataset) for f in job.outputs] == [
        ("user.ann", f"{name}.{TASK_ID}", f"{name}/") for name in (
            "user.ann.test2_out.root", "user.ann.test2_hist", "user.ann.test2.log")]
    library = job.inputs[-1]
    assert (library.prodDBlockToken, library.dataset, library.scope) == ("local", "l", "panda")


def test_the_build() -> None:
    """It makes one library, and has a log."""
    job = build_job(Numbers(), refine(parameters("build"), JediConfig()))
    assert [f.type for f in job.Files] == ["output", "log"] and job.prodSourceLabel == "panda"
    assert job.destinationDBlock == f"panda.{TASK_ID}.lib"


def test_more_attempts() -> None:
    """Allowed later: on jobs whose attempts are counted; who wants none gets none."""
    class More(Numbers):
        more_attempts = 2

    for said, got in ((3, 5), (0, 0)):
        spec = refine(parameters(maxAttempt=said), JediConfig())
        file = TaskFile(id=1, dataset=1, name="x", container="x", scope="", lfn="1")
        assert run_job(More(), spec, Chunk([file], 1), 1, None).maxAttempt == got


@pytest.mark.parametrize(("said", "transfer", "tokens"), [
    ({}, None, [None, "local"]), ({"useLocalIO": 1}, None, ["local", "local"]),
    ({"useLocalIO": 1, "transferType": "file"}, None, ["local", "local"]),
    ({"allowInputLAN": "only"}, "direct", [None, "local"])])
def test_how_input_is_read(said: dict[str, Any], transfer: str | None, tokens: list[str | None]) -> None:
    """Copied to the worker node where that is asked for, or in place and nowhere else; the library is always copied."""
    job = a_job("build", ["a"], **said)
    assert (job.transferType, [f.prodDBlockToken for f in job.inputs]) == (transfer, tokens)


def test_no_check_for_loops() -> None:
    """Its pilot is told so."""
    assert job_definition(a_job("build", ["a"], noLoopingCheck=True))["loopingCheck"] is False
    assert "loopingCheck" not in job_definition(a_job("build", ["a"]))


def test_samples_of_all_kinds() -> None:
    """What is tried before a task is accepted: one job of each kind that it would have."""
    drafts = Drafts(JediConfig())
    assert [job.prodSourceLabel for job in drafts.sample(drafts.refine(parameters("build")))] == ["panda", "user"]
    assert len(drafts.sample(drafts.refine(parameters()))) == 1


def test_what_stands_for_nothing() -> None:
    """It is named as it stands there."""
    for text in ("${X}", "${IN/L}", "${SN/z}", "${SURL/T}"):
        with pytest.raises(Unresolved, match=text.replace("$", "\\$").replace("{", "\\{")):
            fill(text, {"IN": ["a"], "SN": "1", "SURL": "u"}, 1)
