"""Tasks that go by events, as the real prun asks for them: --nEventsPerJob, --nEventsPerFile, --nEvents, --skipEmptyInput."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from realprun import task_parameters
from taskworld import TaskWorld

from pandad.config import JediConfig
from pandad.jedi.refiner import refine
from pandad.spec.errors import BadRequest
from pandad.spec.job import JobSpec
from pandad.spec.jobstatus import JobStatus
from pandad.spec.task import Contents, Counting, KnownFile, Splitting
from pandad.spec.taskstatus import TaskStatus
from pandad.taskbuffer.store import Store

TOLD = "./run.sh skip=%SKIPEVENTS max=%MAXEVENTS first=%FIRSTEVENT:0"


def prun(*more: str, told: str = TOLD) -> dict[str, Any]:
    """A task that reads user.ann.in."""
    return task_parameters("--exec", told, "--inDS", "user.ann.in", "--outputs", "o.txt", "--noBuild", *more)


def holds(world: TaskWorld, *events: int | None) -> None:
    """user.ann.in has files of so many events."""
    world.shelf.datasets["user.ann.in"] = Contents([
        KnownFile("user.ann", f"f{n:02d}", size=1000, events=number) for n, number in enumerate(events)])


def work_of(job: JobSpec) -> tuple[list[str], int, int, int]:
    """Files, events to pass over, events to process, and the number of the first one in the task."""
    told = re.search(r"skip%3D(\S+?)%20max%3D(\S+?)%20first%3D(\d+)", job.jobParameters or "")
    assert told is not None, job.jobParameters
    return [f.lfn or "" for f in job.inputs], int(told[1]), int(told[2]), int(told[3])


def processed(jobs: Sequence[JobSpec], events: Sequence[int]) -> list[tuple[str, int]]:
    """Each event of each file, as the jobs process them: a payload sees its files one behind the other."""
    there = {f"f{n:02d}": number for n, number in enumerate(events)}
    found = []
    for files, skip, most, _ in map(work_of, jobs):
        seen = [(name, event) for name in files for event in range(there[name])]
        found += seen[skip:skip + most]
    return found


@pytest.mark.parametrize(("said", "counting", "rule"), [
    (("--nEventsPerJob", "100"), Counting(100, 0, 0, True), Splitting(apart=True, most_files=200, events=100)),
    (("--nEventsPerJob", "100", "--nEventsPerFile", "40"), Counting(100, 40, 0, True),
     Splitting(apart=True, most_files=200, events=100)),
    (("--nEventsPerJob", "100", "--nJobs", "3"), Counting(100, 0, 300, True),
     Splitting(apart=True, most_files=200, events=100)),
    (("--nEventsPerJob", "100", "--nFilesPerJob", "2"), Counting(100, 0, 0, True), Splitting(apart=True, files=2, events=100)),
    (("--nEvents", "500"), Counting(most=500), Splitting(apart=True, most_files=200, most_bytes=10 * 10**9)),
    (("--skipEmptyInput",), Counting(skip_empty=True), Splitting(apart=True, most_files=200, most_bytes=10 * 10**9)),
])
def test_as_prun_says(said: tuple[str, ...], counting: Counting, rule: Splitting) -> None:
    """What counts, and how it goes into jobs."""
    spec = refine(prun(*said), JediConfig())
    assert (spec.counting, spec.splitting) == (counting, rule)


def test_nobody_counts() -> None:
    """Then a job processes all of its files, and what would have to be counted stands for nothing."""
    spec = refine(prun(told="./run.sh %MAXEVENTS"), JediConfig())
    assert spec.counting is None
    with pytest.raises(BadRequest, match="FIRSTEVENT"):
        refine(prun(), JediConfig())


@ensureDeferred
async def test_a_job_for_so_many_events(world: TaskWorld) -> None:
    """Files are cut where a job is full; the next one begins there, and goes on into the next file. Each part is in one job, and
    is counted as a file of the task; a part that failed is tried again as it was."""
    holds(world, 250, 30, 0, 20)
    task_id = await world.submit(prun("--nEventsPerJob", "100"))
    await world.rounds()
    wanted = [(["f00"], 0, 100, 1), (["f00"], 100, 100, 101), (["f00", "f01", "f03"], 200, 100, 201)]
    jobs = await world.live_jobs(task_id)
    assert [work_of(job) for job in jobs] == wanted and await world.figures(task_id) == (5, 0, 0)
    await world.end_jobs(jobs[1:2], JobStatus.FAILED)
    await world.rounds()
    await world.tasks.retry(world.alice, task_id, {})
    await world.rounds()
    assert [work_of(job) for job in await world.live_jobs(task_id)] == [wanted[0], wanted[2], wanted[1]]
    await world.work(task_id)
    assert (await world.task_status(task_id), await world.figures(task_id)) == (TaskStatus.DONE, (5, 5, 0))
    files = (await world.views.datasets(world.alice, task_id, ["input"], False))[0]["files"]
    assert [file["lfn"] for file in files] == ["f00", "f00", "f00", "f01", "f03"]


@pytest.mark.parametrize("seed", range(4))
@ensureDeferred
async def test_each_event_once(store: Store, seed: int) -> None:
    """Whatever the files are, in whatever portions jobs come: all events, each in one job, no job with too many."""
    chance = random.Random(seed)
    world = TaskWorld(store, portion=chance.randint(1, 5), max_jobs=chance.randint(1, 9))
    events, each = [chance.randint(0, 60) for _ in range(12)], chance.randint(1, 80)
    holds(world, *events)
    task_id = await world.submit(prun("--nEventsPerJob", str(each)))
    await world.work(task_id)
    jobs = await world.jobs_of(task_id)
    assert processed(jobs, events) == [(f"f{n:02d}", event) for n, number in enumerate(events) for event in range(number)]
    sizes = [most for _, _, most, _ in map(work_of, jobs)]
    assert all(size == each for size in sizes[:-1]) and sizes[-1] <= each
    assert [first for *_, first in map(work_of, jobs)] == [1 + sum(sizes[:n]) for n in range(len(sizes))]


@ensureDeferred
async def test_no_more_than_so_many(world: TaskWorld) -> None:
    """prun's --nJobs and --nEvents: of files that are cut exactly so many events, of whole ones as many as it takes."""
    holds(world, 100, 100, 100)
    cut = await world.submit(prun("--nEventsPerJob", "60", "--nJobs", "2"))
    whole = await world.submit(prun("--nEvents", "150", "--outDS", "user.ann.whole"))
    await world.rounds()
    assert [work_of(job) for job in await world.jobs_of(cut)] == [(["f00"], 0, 60, 1), (["f00", "f01"], 60, 60, 61)]
    assert [work_of(job) for job in await world.jobs_of(whole)] == [(["f00", "f01"], 0, 200, 1)]


@ensureDeferred
async def test_what_is_not_known(world: TaskWorld) -> None:
    """A file without a number of events breaks a task that goes by them, and says what to do; so do too many parts."""
    holds(world, 10, None)
    unknown = await world.submit(prun("--nEventsPerJob", "5"))
    await world.rounds()
    assert await world.task_status(unknown) is TaskStatus.BROKEN and "f01 is not known" in await world.dialog(unknown)
    same = await world.submit(prun("--nEventsPerJob", "5", "--nEventsPerFile", "10"))
    await world.rounds()
    assert len(await world.jobs_of(same)) == 4
    holds(world, 10**12)
    many = await world.submit(prun("--nEventsPerJob", "5", "--outDS", "user.ann.many"))
    await world.rounds()
    assert "cut into 200000000001 parts" in await world.dialog(many)


@ensureDeferred
async def test_files_that_came_later(world: TaskWorld) -> None:
    """Parts stay as they were cut; what is new is cut by itself, and its events come after the others."""
    holds(world, 30, 30)
    task_id = await world.submit(prun("--nEventsPerJob", "40"))
    await world.work(task_id)
    holds(world, 30, 30, 50)
    await world.tasks.reload_input(world.alice, task_id)
    await world.work(task_id)
    assert [work_of(job) for job in await world.jobs_of(task_id)] == [
        (["f00", "f01"], 0, 40, 1), (["f01"], 10, 20, 41), (["f02"], 0, 40, 61), (["f02"], 40, 10, 101)]


@ensureDeferred
async def test_without_input(world: TaskWorld) -> None:
    """The last job has the events that are left."""
    task_id = await world.submit(task_parameters("--exec", TOLD, "--nEvents", "7", "--nEventsPerJob", "3", "--noBuild"))
    await world.rounds()
    assert [work_of(job)[1:] for job in await world.jobs_of(task_id)] == [(0, 3, 1), (3, 3, 4), (6, 1, 7)]
