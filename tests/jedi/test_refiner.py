"""What task_parameters mean, and what of them cannot be meant."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from taskworld import parameters

from pandad.config import JediConfig
from pandad.jedi import items
from pandad.jedi.parameters import CHANGE_NOTHING, MEANT, refuse_unknown
from pandad.jedi.refiner import CHANGEABLE, refine, refine_again
from pandad.spec.errors import BadRequest
from pandad.spec.task import Splitting, TaskSpec, dataset_name, scope_of

CONFIG = JediConfig()
CONSTANT = {"type": "constant", "value": "x"}
INPUT = {"type": "template", "param_type": "input", "value": "-i ${IN}", "dataset": "a.b"}
SECOND = {**INPUT, "value": "${IN2}", "dataset": "c.d", "reusable": True}
OUTPUT = {"type": "template", "param_type": "output", "value": "x.${SN}.root", "dataset": "user.a.o"}


def of(*, sample: str = "noBuild", **but: Any) -> TaskSpec:
    """prun's parameters with these in place of its own."""
    return refine(parameters(sample, **but), CONFIG)


def test_without_build() -> None:
    """prun --noBuild without input: one job for each event, as told, at the queue that was named."""
    spec = of()
    assert (spec.name, spec.unique, spec.vo, spec.label, spec.pseudo_files) == ("user.ann.test1/", True, "wlcg", "user", 1)
    assert spec.input is None and spec.build is None
    assert spec.values["transformation"] == "http://127.0.0.1:1/trf/user/runGen-00-00-02"
    assert (spec.values["computingSite"], spec.values["minRamCount"], spec.values["coreCount"]) == ("TEST_PQ", 2000, 1)
    (log,) = spec.outputs
    assert (log.type, log.dataset, log.template) == ("log", "user.ann.test1.log/", "user.ann.test1.log.$JEDITASKID.${SN}.log.tgz")


def test_with_input_and_build() -> None:
    """prun --inDS: what to read, how much of it, what to leave out, how many files go together, and the library."""
    spec = of(sample="build")
    assert spec.input is not None and spec.build is not None
    assert (spec.input.datasets, spec.input.most, spec.splitting) == (("user.ann.input1/",), 30, Splitting(files=10, apart=True))
    assert spec.input.exclude == ("\\.log\\.tgz(\\.\\d+)*$",)
    assert [(o.type, o.dataset) for o in spec.outputs] == [
        ("output", "user.ann.test2_out.root/"), ("output", "user.ann.test2_hist/"), ("log", "user.ann.test2.log/")]
    assert (spec.offset, spec.build.label, spec.build.archive[:8]) == (100, "panda", "sources.")
    assert spec.build.transformation.endswith("/trf/user/buildGen-00-00-01")


@pytest.mark.parametrize(("but", "found"), [
    ({"coreCount": 4, "ramCount": 1000}, {"coreCount": 4, "minRamCount": 4000}),
    ({"coreCount": 4, "ramCount": 1000, "ramCountUnit": "MB"}, {"minRamCount": 1000}),
    ({"maxWalltime": 2}, {"maxWalltime": 7200}),
    ({"maxAttempt": 5}, {"maxAttempt": 5}),
    ({"maxAttempt": 5, "maxFailure": 2}, {"maxAttempt": 2}),
    ({"disableAutoRetry": 1, "maxAttempt": 5}, {"maxAttempt": -1}),
    ({"useSecrets": True, "debugMode": True}, {"specialHandling": "us,dm"}),
    ({"includedSite": ["A", "B"], "excludedSite": "C"}, {"avoided": ["!A", "!B", "-C"]}),
    ({"site": "A,B"}, {"computingSite": "A,B"}),
    ({"transPath": "run.sh"}, {"transformation": "run.sh"}),
    ({"processingType": "panda-client-2-jedi-athena"}, {"transformation": "http://127.0.0.1:1/trf/user/runAthena-00-00-12"}),
])
def test_what_jobs_have(but: dict[str, Any], found: dict[str, Any]) -> None:
    """What the parameters say of all jobs is on each."""
    assert {key: of(**but).values[key] for key in found} == found


@pytest.mark.parametrize(("but", "jobs"), [
    ({"nEvents": 7, "nEventsPerJob": 2}, 4), ({"nEvents": "7"}, 7), ({"nEvents": None, "nFiles": 3}, 3), ({"nEvents": None}, 1)])
def test_how_many_jobs(but: dict[str, Any], jobs: int) -> None:
    """Without input: one for each portion of events, of files if there are no events; one at least."""
    assert of(**but).pseudo_files == jobs


@pytest.mark.parametrize(("but", "key"), [
    ({"taskName": None}, "taskName"),
    ({"taskName": 7}, "taskName"),
    ({"taskName": "x\0"}, "taskName"),
    ({"taskName": "x" * 300}, "taskName"),
    ({"nEvents": "many"}, "nEvents"),
    ({"nEvents": -1}, "nEvents"),
    ({"nEvents": 10**9}, "nEvents"),
    ({"nEvents": 2.5}, "nEvents"),
    ({"nFilesPerJob": 10**6}, "nFilesPerJob"),
    ({"nGBPerJob": "MAX"}, "nGBPerJob"),
    ({"ramCountUnit": "kB", "ramCount": 1}, "ramCountUnit"),
    ({"sourceURL": "javascript:x"}, "sourceURL"),
    ({"sourceURL": "http://a b"}, "sourceURL"),
    ({"sourceURL": "http://a'$(reboot)"}, "sourceURL"),
    ({"sourceURL": None}, "sourceURL"),
    ({"noInput": None}, "jobParameters"),
    ({"jobParameters": None}, "jobParameters"),
    ({"jobParameters": [7]}, "jobParameters[0]"),
    ({"jobParameters": [{"type": "odd", "value": "x"}]}, "jobParameters[0].type"),
    ({"jobParameters": [{**CONSTANT, "param_type": "odd"}]}, "jobParameters[0].param_type"),
    ({"jobParameters": [{**CONSTANT, "eventRatio": 2}]}, "jobParameters[0].eventRatio"),
    ({"jobParameters": [{**CONSTANT, "value": "${IN}"}]}, "jobParameters[0].value"),
    ({"jobParameters": [{**CONSTANT, "value": "${LIB}"}]}, "jobParameters[0].value"),
    ({"jobParameters": [{**CONSTANT, "value": "${DBR}"}]}, "jobParameters[0].value"),
    ({"jobParameters": [{**CONSTANT, "value": "${SN/x}"}]}, "jobParameters[0].value"),
    ({"jobParameters": [{**INPUT, "value": "-i x"}], "noInput": None}, "jobParameters[0].value"),
    ({"jobParameters": [{**INPUT, "dataset": "a b"}], "noInput": None}, "jobParameters[0].dataset"),
    ({"jobParameters": [INPUT, {**SECOND, "reusable": False}], "noInput": None}, "jobParameters[1].reusable"),
    ({"jobParameters": [INPUT, {**SECOND, "value": "x"}], "noInput": None}, "jobParameters[1].value"),
    ({"jobParameters": [INPUT, {**SECOND, "value": "${IN}"}], "noInput": None}, "jobParameters[1].value"),
    ({"jobParameters": [INPUT, {**SECOND, "dataset": "c.d,a.b"}], "noInput": None}, "jobParameters[1].dataset"),
    ({"jobParameters": [INPUT, {**SECOND, "nFilesPerJob": 201}], "noInput": None}, "jobParameters"),
    ({"jobParameters": [INPUT, *({**SECOND, "dataset": f"d.{n}"} for n in range(21))], "noInput": None}, "jobParameters"),
    ({"jobParameters": [{**INPUT, "exclude": "("}], "noInput": None}, "jobParameters[0].exclude"),
    ({"jobParameters": [{**INPUT, "include": "(?=x)"}], "noInput": None}, "jobParameters[0].include"),
    ({"jobParameters": [{**INPUT, "include": "(a)\\1"}], "noInput": None}, "jobParameters[0].include"),
    ({"jobParameters": [{**INPUT, "include": "a" * 501}], "noInput": None}, "jobParameters[0].include"),
    ({"jobParameters": [{**OUTPUT, "value": "same.root"}]}, "jobParameters[0].value"),
    ({"jobParameters": [{**OUTPUT, "value": "../${SN}"}]}, "jobParameters[0].value"),
    ({"jobParameters": [{**OUTPUT, "dataset": "a b"}]}, "jobParameters[0].dataset"),
    ({"jobParameters": [OUTPUT, OUTPUT]}, "jobParameters"),
    ({"jobParameters": [{**OUTPUT, "allowNoOutput": True}]}, "jobParameters[0].allowNoOutput"),
    ({"log": {"dataset": "x", "value": "x.log", "type": "template"}}, "log.value"),
    ({"log": "x"}, "log"),
    ({"buildSpec": {"jobParameters": "-i ${IN}"}}, "buildSpec.archiveName"),
    ({"buildSpec": {"jobParameters": "${OUCH}", "archiveName": "x"}}, "buildSpec.jobParameters"),
    ({"buildSpec": {"jobParameters": "x", "archiveName": "x", "tarBallViaDDM": "x"}}, "buildSpec.tarBallViaDDM"),
    ({"mergeOutput": True}, "mergeOutput"), ({"pfnList": ["x"]}, "pfnList"),
    ({"skipFilesUsedBy": 7}, "skipFilesUsedBy"), ({"odd": 1}, "odd"),
])
def test_mistakes_have_names(but: dict[str, Any], key: str) -> None:
    """Whatever cannot be meant, or is not supported, is refused by its key in the sender's spelling."""
    with pytest.raises(BadRequest) as refused:
        of(**but)
    assert refused.value.key == f"task_parameters.{key}"


def test_nothing_asked_for_is_fine() -> None:
    """Keys of what pandad does not do come with nothing in them."""
    of(mergeOutput=False, multiStepExec={}, pfnList=[], nEventsPerFile=0)


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
                    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
                    max_leaves=8)


@given(st.dictionaries(st.sampled_from(sorted(MEANT)), JSON, max_size=6), st.sampled_from(["noBuild", "build", "random"]))
def test_nothing_else_is_raised(odd: dict[str, Any], sample: str) -> None:
    """Whatever stands in the parameters: a task, or a refusal that names one of its keys."""
    given_parameters = {**parameters(sample), **odd}
    try:
        refine(given_parameters, CONFIG)
    except BadRequest as refused:
        assert re.match(r"task_parameters\.\w+", refused.key)


def test_patterns_and_several_datasets() -> None:
    """A * may stand in a name, and not in its scope; with --notExpandInDS files of several datasets may go into one job."""
    item = {"type": "template", "param_type": "input", "value": "${IN}", "dataset": "user.ann.in*/,s:*.root",
            "consolidate": "user.ann.0815/"}
    spec = of(jobParameters=[item], noInput=False)
    assert spec.input is not None and spec.input.datasets == ("user.ann.in*/", "s:*.root") and not spec.splitting.apart
    for name in ("user.a*.in", "*", "u*:x"):
        with pytest.raises(BadRequest) as refused:
            of(jobParameters=[{**item, "dataset": name}], noInput=False)
        assert refused.value.key == "task_parameters.jobParameters[0].dataset"


def test_every_key_of_prun_is_known() -> None:
    """What real clients sent is meant or changes nothing."""
    for sample in ("noBuild", "build", "random", "container"):
        refuse_unknown(parameters(sample))
    assert not MEANT & CHANGE_NOTHING and MEANT >= CHANGEABLE - CHANGE_NOTHING


def test_again() -> None:
    """What may change does; what may not is a mistake where it was asked for alone, and stays where a whole task came again."""
    old = parameters(nEvents=2)
    changed, spec = refine_again(old, {"nEvents": 5}, CONFIG, strict=True)
    assert (changed["nEvents"], spec.pseudo_files) == (5, 5)
    with pytest.raises(BadRequest) as refused:
        refine_again(old, {"jobParameters": []}, CONFIG, strict=True)
    assert refused.value.key == "new_parameters.jobParameters"
    changed, _ = refine_again(old, {**old, "jobParameters": [], "nEvents": 3}, CONFIG, strict=False)
    assert changed == {**old, "nEvents": 3}


def test_scopes_and_datasets() -> None:
    """As PanDA has them; a round after the first one writes elsewhere, and what is in a container has another name than that."""
    assert [scope_of(name) for name in ("user.ann.x/", "group.phys.y", "data12.x.y", "s:x.y")] == [
        "user.ann", "group.phys", "data12", "s"]
    assert [dataset_name(name, 7, number) for name in ("s:user.ann.x", "user.ann.x/") for number in (1, 3)] == [
        "user.ann.x", "user.ann.x.3", "user.ann.x.7", "user.ann.x.7.3"]


def test_names_of_outputs() -> None:
    """An option before the name is for the payload."""
    item = {**OUTPUT, "value": "--out=x.$JEDITASKID.${SN}.root"}
    assert of(jobParameters=[item]).outputs[0].template == "x.$JEDITASKID.${SN}.root"
    assert items.FILE_NAME.fullmatch("a,b") is None
