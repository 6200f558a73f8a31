"""Payloads in containers, as the real prun asks for them: --containerImage."""

from __future__ import annotations

import shlex
from typing import Any

import pytest
from factories import a_queue
from pytest_twisted import ensureDeferred
from realprun import task_parameters
from taskworld import TaskWorld

from pandad.api.jobdefinition import job_definition
from pandad.brokerage.rules import container
from pandad.config import JediConfig
from pandad.embedded.pilotsettings import queue_description
from pandad.jedi.refiner import refine
from pandad.spec.errors import BadRequest
from pandad.spec.job import JobSpec
from pandad.spec.multistep import joined, parted
from pandad.spec.site import queue_from_description

IMAGE = "docker://alpine:3.20"


def prun(*more: str) -> dict[str, Any]:
    """A task with a container."""
    return task_parameters("--exec", "cat /etc/os-release > o.txt", "--outputs", "o.txt", "--containerImage", IMAGE, *more)


@ensureDeferred
async def test_what_the_pilot_gets(world: TaskWorld) -> None:
    """The image, and apart from the parameters what runs before the container, in it, and after it, with all that it is told."""
    await world.submit(prun())
    await world.rounds()
    (job,) = await world.jobs_of(10_000_000)
    told = job_definition(job)
    script = "http://127.0.0.1:1/trf/user/runGen-00-00-02"
    assert (told["container_name"], told["transformation"]) == (IMAGE, script)
    assert "MULTI_STEP" not in told["jobPars"] and told["jobPars"].endswith('-p "cat%20/etc/os-release%20%3E%20o.txt"')
    assert told["preprocess"] == {"command": script, "args": f"--preprocess {told['jobPars']}"}
    assert told["postprocess"] == {"command": script, "args": f"--postprocess {told['jobPars']}"}
    assert told["containerOptions"]["containerImage"] == IMAGE
    assert shlex.split(told["containerOptions"]["containerExec"])[-1] == "__run_main_exec.sh"


@ensureDeferred
async def test_all_in_the_container(world: TaskWorld) -> None:
    """prun --wrapExecInContainer: the script itself runs there, and there are no steps. The old mode has a script of its own."""
    await world.submit(prun("--wrapExecInContainer"))
    await world.rounds()
    (job,) = await world.jobs_of(10_000_000)
    told = job_definition(job)
    assert told["container_name"] == IMAGE and not told.keys() & {"preprocess", "postprocess", "containerOptions"}
    old = refine(prun("--oldContMode"), JediConfig())
    assert old.values["transformation"] == "http://127.0.0.1:1/trf/user/runcontainer"
    assert f"--containerImage {IMAGE} " in "".join(piece.text for piece in old.pieces)


@pytest.mark.parametrize(("containers", "goes"), [([], True), (["any"], True), (["docker://"], True), (["/cvmfs"], False)])
def test_where_it_goes(containers: list[str], goes: bool) -> None:
    """To queues that get containers from there, and not to those of the sandbox, which have none."""
    job = JobSpec(container_name=refine(prun(), JediConfig()).values["container_name"])
    assert (container(job, a_queue(containers=containers)) is None) is goes
    assert container(job, queue_from_description(queue_description("Q", "S", "E"))) is not None


def test_steps_behind_parameters() -> None:
    """They are taken apart as they were joined; what only looks like them stays what it is."""
    steps = {"preprocess": {"command": "x", "args": "\"'é"}}
    assert parted(joined("-p 1", steps)) == ("-p 1", steps) and joined("-p 1", {}) == "-p 1"
    for text in ("<MULTI_STEP_EXEC>", "<MULTI_STEP_EXEC>{</MULTI_STEP_EXEC>",
                 '<MULTI_STEP_EXEC>{"PandaID": 1}</MULTI_STEP_EXEC>'):
        assert parted(text) == (text, {})


@pytest.mark.parametrize(("steps", "key"), [
    ({"odd": {"command": "x"}}, "multiStepExec.odd"), ({"preprocess": {"odd": "x"}}, "multiStepExec.preprocess.odd"),
    ({"preprocess": "x"}, "multiStepExec.preprocess"), ({"preprocess": {"args": 7}}, "multiStepExec.preprocess.args")])
def test_mistakes(steps: dict[str, Any], key: str) -> None:
    """They have the name of the key."""
    with pytest.raises(BadRequest) as refused:
        refine({**prun(), "multiStepExec": steps}, JediConfig())
    assert refused.value.key == f"task_parameters.{key}"
