"""Second inputs, as the real prun asks for them: --secondaryDSs."""

from __future__ import annotations

import ast
import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pytest_twisted import ensureDeferred
from realprun import task_parameters
from taskworld import TaskWorld

from pandad.config import JediConfig
from pandad.jedi.beside import places
from pandad.jedi.refiner import refine
from pandad.spec.job import JobSpec
from pandad.spec.jobstatus import JobStatus
from pandad.spec.task import Contents, Input, Secondary
from pandad.spec.taskstatus import TaskStatus

ANY = Input(("user.ann.second",), stream="IN2")


def prun(second: str, *more: str) -> dict[str, Any]:
    """A task with one second input or several; the first is user.ann.first."""
    return task_parameters("--inDS", "user.ann.first", "--outputs", "o.txt", "--noBuild", "--nFilesPerJob", "2",
                           "--secondaryDSs", second, *more)


def streams(job: JobSpec) -> dict[str, list[str]]:
    """What a payload is told to read."""
    told = re.search(r'--inMap "(.*?)"', job.jobParameters or "")
    assert told is not None, job.jobParameters
    found: dict[str, list[str]] = ast.literal_eval(told[1])
    return found


def test_as_prun_says() -> None:
    """The name of each, its files for a job or for each file, which of its files, and that they are read again."""
    spec = refine(prun("IN2:3:user.ann.a,BG:1:user.ann.b:.*root:2", "--reusableSecondary", "BG"), JediConfig())
    assert spec.secondaries == (
        Secondary(Input(("user.ann.a",), stream="IN2"), 3),
        Secondary(Input(("user.ann.b",), (".*root",), skip=2, stream="BG"), 1))
    (ratio,) = refine(prun("IN2:3:user.ann.a", "--useNumFilesInSecDSsAsRatio"), JediConfig()).secondaries
    assert (ratio.per_job, ratio.ratio) == (0, 3)


@given(st.integers(1, 9), st.integers(1, 40), st.integers(1, 50))
def test_each_file_in_its_turn(per_job: int, there: int, jobs: int) -> None:
    """Jobs one after the other read a second input through, and then again; none has a file twice, or too few."""
    given_out = [places(Secondary(ANY, per_job), number, 0, 1, there) for number in range(1, jobs + 1)]
    assert all(len(set(some)) == len(some) == min(per_job, there) for some in given_out)
    if per_job <= there:
        assert [place for some in given_out for place in some] == [n % there for n in range(per_job * jobs)]


@given(st.integers(1, 4), st.lists(st.integers(1, 5), min_size=1, max_size=9))
def test_in_step(ratio: int, sizes: list[int]) -> None:
    """By ratio the second input goes along with the first, however many files a job has."""
    there, first, found = ratio * sum(sizes), 0, []
    for size in sizes:
        found += places(Secondary(ANY, 0, ratio), 1, first, size, there)
        first += size
    assert found == list(range(there))


@ensureDeferred
async def test_jobs_read_them(world: TaskWorld) -> None:
    """Each job has its files of all inputs among its files and in its parameters; those of a second one are read again when they
    were all read, and a chunk that is tried again has the same."""
    world.shelf.put("user.ann.first", *(f"f{n}" for n in range(5)))
    world.shelf.put("user.ann.a", *(f"a{n}" for n in range(4)))
    world.shelf.put("user.ann.b", "b0.root", "b1.root", "b2.root", "b3.txt")
    task_id = await world.submit(prun("IN2:3:user.ann.a,BG:1:user.ann.b:.*root:1"))
    await world.rounds()
    jobs = await world.live_jobs(task_id)
    wanted = [{"IN": ["f0", "f1"], "IN2": ["a0", "a1", "a2"], "BG": ["b1.root"]},
              {"IN": ["f2", "f3"], "IN2": ["a3", "a0", "a1"], "BG": ["b2.root"]},
              {"IN": ["f4"], "IN2": ["a2", "a3", "a0"], "BG": ["b1.root"]}]
    assert [streams(job) for job in jobs] == wanted
    assert [[f.lfn for f in job.inputs] for job in jobs] == [[lfn for some in each.values() for lfn in some] for each in wanted]
    assert {f.dataset for f in jobs[0].inputs} == {"user.ann.first", "user.ann.a", "user.ann.b"}

    await world.end_jobs(jobs[1:2], JobStatus.FAILED)
    await world.rounds()
    await world.tasks.retry(world.alice, task_id, {})
    await world.rounds()
    assert streams((await world.live_jobs(task_id))[-1]) == wanted[1]
    await world.work(task_id)
    assert (await world.task_status(task_id), await world.figures(task_id)) == (TaskStatus.DONE, (5, 5, 0))


@ensureDeferred
async def test_in_step_with_the_first(world: TaskWorld) -> None:
    """By ratio, also where jobs come in portions."""
    world = TaskWorld(world.store, max_jobs=2, portion=1)
    world.shelf.put("user.ann.first", *(f"f{n}" for n in range(5)))
    world.shelf.put("user.ann.a", *(f"a{n}" for n in range(10)))
    task_id = await world.submit(prun("IN2:2:user.ann.a", "--useNumFilesInSecDSsAsRatio"))
    await world.work(task_id)
    assert [streams(job)["IN2"] for job in await world.jobs_of(task_id)] == [
        ["a0", "a1", "a2", "a3"], ["a4", "a5", "a6", "a7"], ["a8", "a9"]]


@ensureDeferred
async def test_without_a_first(world: TaskWorld) -> None:
    """prun without --inDS: so many jobs, each with its share of the second input."""
    world.shelf.put("user.ann.a", "a0", "a1", "a2")
    task_id = await world.submit(task_parameters("--secondaryDSs", "IN2:2:user.ann.a", "--nJobs", "2", "--noBuild"))
    await world.rounds()
    assert [streams(job) for job in await world.live_jobs(task_id)] == [{"IN2": ["a0", "a1"]}, {"IN2": ["a2", "a0"]}]


@ensureDeferred
async def test_one_that_is_not_there(world: TaskWorld) -> None:
    """A second input that is unknown breaks the task; one that is empty, or not known now, is waited for."""
    world.shelf.put("user.ann.first", "f0")
    unknown = await world.submit(prun("IN2:1:user.ann.a"))
    await world.rounds()
    assert (await world.task_status(unknown), await world.dialog(unknown)) == (
        TaskStatus.BROKEN, "unknown dataset user.ann.a")
    world.shelf.datasets["user.ann.a"] = Contents()
    empty = await world.submit(prun("IN2:1:user.ann.a", "--nJobs", "1"))
    await world.rounds()
    assert (await world.task_status(empty), await world.dialog(empty)) == (
        TaskStatus.PENDING, "of user.ann.a there is no file that the task wants")
    world.shelf.put("user.ann.a", "a0")
    await world.work(empty)
    assert await world.task_status(empty) is TaskStatus.DONE
