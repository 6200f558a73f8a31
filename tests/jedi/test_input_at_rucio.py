"""Tasks whose input is datasets of a Rucio: the fake one, and the real one in make test-rucio."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_twisted import ensureDeferred
from ruciostand import ENDPOINTS
from rucioworlds import RUCIOS, FakeRucioWorld, RealRucioWorld
from taskworld import TaskWorld, parameters

from pandad.dataservice.catalogue import Catalogue
from pandad.dataservice.datasets import Dataset, NewFile
from pandad.dataservice.ddm import FileName
from pandad.spec.taskstatus import TaskStatus
from pandad.taskbuffer.store import Store

Rucio = FakeRucioWorld | RealRucioWorld
SCOPE = "user.alice"
GUID = "0a1b2c3d111122223333444455556666"


@pytest.fixture(params=RUCIOS)
def rucio(request: pytest.FixtureRequest) -> Iterator[Rucio]:
    """Each in its turn."""
    made: Rucio = request.param(request)
    yield made
    made.close()


@pytest.fixture
def world(store: Store, rucio: Rucio) -> TaskWorld:
    """Whose tasks read there."""
    return TaskWorld(store, catalogue=Catalogue(store, rucio.names))


async def dataset(rucio: Rucio, name: str, *lfns: str, closed: bool = False) -> Dataset:
    """One with such files, or with some more."""
    made = Dataset(SCOPE, f"user.alice.{name}")
    files = [NewFile(FileName(SCOPE, lfn), 1000, "0badcafe", GUID) for lfn in lfns]
    await rucio.datasets.register(ENDPOINTS[0], files)
    await rucio.datasets.make(made)
    await rucio.datasets.attach(made, [file.name for file in files])
    if closed:
        await rucio.datasets.close(made)
    return made


async def task(world: TaskWorld, name: str, expand: bool = True, **but: object) -> int:
    """prun --inDS name, looked at by the loop."""
    item = {"type": "template", "param_type": "input", "value": "${IN}", "dataset": name, "exclude": r"\.log\.tgz(\.\d+)*$",
            "expand": expand}
    task_id = await world.submit(parameters(
        "build", taskName=f"user.ann.of.{name.strip('/*')}/", jobParameters=[item], nFiles=None, buildSpec=None,
        **{"nFilesPerJob": 2, **but}))
    await world.rounds()
    return task_id


async def told(world: TaskWorld, task_id: int) -> list[tuple[str, str]]:
    """What each job reads, and which dataset that is of."""
    return [(job.jobParameters or "", job.prodDBlock or "") for job in await world.jobs_of(task_id)]


@ensureDeferred
async def test_a_dataset(world: TaskWorld, rucio: Rucio) -> None:
    """Each file goes into a job, with what Rucio knows of it; logs do not."""
    await dataset(rucio, "in", "c", "a", "b", "a.log.tgz")
    for name in ("user.alice.in", "user.alice:user.alice.in/"):
        task_id = await task(world, name)
        assert await told(world, task_id) == [("a,b", "user.alice:user.alice.in"), ("c", "user.alice:user.alice.in")]
    (file, _) = (await world.jobs_of(task_id))[0].inputs
    assert (file.scope, file.lfn, file.fsize, file.checksum, file.GUID, file.dataset) == (
        SCOPE, "a", 1000, "ad:0badcafe", GUID, "user.alice:user.alice.in")
    await world.work(task_id)
    assert (await world.task_status(task_id), await world.figures(task_id)) == (TaskStatus.DONE, (3, 3, 0))


@ensureDeferred
async def test_a_container_of_containers(world: TaskWorld, rucio: Rucio) -> None:
    """Its datasets are read one after the other, by their names, no job reads two of them, and a file that is in both is read
    once; unless it was asked for files of all datasets together."""
    two, one = await dataset(rucio, "2", "a", "c", "d"), await dataset(rucio, "1", "b", "d", "e")
    inner, outer = Dataset(SCOPE, "user.alice.inner"), Dataset(SCOPE, "user.alice.outer")
    await rucio.datasets.gather(inner, [two, one])
    await rucio.datasets.gather(outer, [inner])
    task_id = await task(world, "user.alice.outer/")
    assert await told(world, task_id) == [("b,d", str(one)), ("e", str(one)), ("a,c", str(two))]
    assert {f.dataset for job in await world.jobs_of(task_id) for f in job.inputs} == {"user.alice.outer"}
    together = await task(world, "user.alice.inner/", expand=False)
    assert [files for files, _ in await told(world, together)] == ["b,d", "e,a", "c"]


@ensureDeferred
async def test_a_pattern_and_a_list(world: TaskWorld, rucio: Rucio) -> None:
    """Both name several datasets; one that is named twice is read once."""
    for name in ("in.1", "in.2", "out.1", "in.1_sub0123"):
        await dataset(rucio, name, f"{name}.f")
    task_id = await task(world, "user.alice.in.*,user.alice.out.1,user.alice.in.2")
    assert [files for files, _ in await told(world, task_id)] == ["in.1.f", "in.2.f", "out.1.f"]
    nothing = await task(world, "user.alice.what.*")
    assert await world.task_status(nothing) is TaskStatus.BROKEN
    assert await world.dialog(nothing) == (
        "unknown dataset user.alice:user.alice.what.*: there is no dataset or container like user.alice:user.alice.what.*")


@ensureDeferred
async def test_not_there(world: TaskWorld, rucio: Rucio) -> None:
    """An unknown dataset breaks the task at once, with its name; so does one that is closed without a file, or is a file."""
    await dataset(rucio, "nothing", closed=True)
    await dataset(rucio, "some", "user.alice.file")
    for name, why in (("user.alice.in", "unknown dataset user.alice:user.alice.in: "),
                      ("user.alice.nothing", "user.alice:user.alice.nothing is closed, and there is no file in it"),
                      ("user.alice.file", "unknown dataset user.alice:user.alice.file: user.alice:user.alice.file is a file")):
        task_id = await task(world, name)
        assert (await world.task_status(task_id), why in await world.dialog(task_id)) == (TaskStatus.BROKEN, True)


@ensureDeferred
async def test_one_that_grows(world: TaskWorld, rucio: Rucio) -> None:
    """An open dataset without a file is waited for; of one that has some the task takes what is there, and what came since when
    the input is looked up again, even if it came into another dataset too."""
    inside = await dataset(rucio, "b")
    await rucio.datasets.gather(Dataset(SCOPE, "user.alice.all"), [inside])
    task_id = await task(world, "user.alice.all/")
    assert await world.task_status(task_id) is TaskStatus.PENDING
    assert await world.dialog(task_id) == "of user.alice.all/ there is no file that the task wants"
    await dataset(rucio, "b", "b1")
    await world.work(task_id)
    assert (await world.task_status(task_id), await world.figures(task_id)) == (TaskStatus.DONE, (1, 1, 0))
    await dataset(rucio, "b", "b2")
    await rucio.datasets.gather(Dataset(SCOPE, "user.alice.all"), [await dataset(rucio, "a", "a1", "b1")])
    await world.tasks.reload_input(world.alice, task_id)
    await world.work(task_id)
    assert (await world.task_status(task_id), await world.figures(task_id)) == (TaskStatus.DONE, (3, 3, 0))
    assert [files for files, _ in await told(world, task_id)] == ["b1", "a1", "b2"]


@ensureDeferred
async def test_rucio_away(world: TaskWorld, rucio: Rucio) -> None:
    """While Rucio does not answer the task waits and says so; then it goes on by itself."""
    await dataset(rucio, "in", "a")
    await rucio.away()
    task_id = await task(world, "user.alice.in")
    assert await world.task_status(task_id) is TaskStatus.PENDING
    assert "Rucio at http" in await world.dialog(task_id)
    await rucio.back()
    rucio.clock.advance(120)
    await world.work(task_id)
    assert await world.task_status(task_id) is TaskStatus.DONE


@ensureDeferred
async def test_ten_thousand_files(world: TaskWorld, rucio: Rucio) -> None:
    """Each is in one job, and the loop makes as many of those as it may at a time."""
    rucio.fill(await dataset(rucio, "large"), 10_000)
    task_id = await task(world, "user.alice.large", nFilesPerJob=50)
    assert await world.figures(task_id) == (10_000, 0, 0)
    read = [f.lfn for job in await world.jobs_of(task_id) for f in job.inputs]
    assert read == [f"user.alice.large.{n:05d}" for n in range(10_000)]


@ensureDeferred
async def test_more_than_it_may(store: Store, rucio: Rucio) -> None:
    """Nobody lists what is too much for one task."""
    world = TaskWorld(store, catalogue=Catalogue(store, rucio.names), max_files=3)
    await dataset(rucio, "in", "a", "b", "c", "d")
    task_id = await task(world, "user.alice.in")
    assert await world.task_status(task_id) is TaskStatus.BROKEN
    assert await world.dialog(task_id) == (
        "user.alice:user.alice.in has 4 files, and a task has at most 3 here to choose from ([jedi] max_files)")
