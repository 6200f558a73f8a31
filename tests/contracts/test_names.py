"""What names stand for at every data management system that knows datasets: containers, patterns, and the files in them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_twisted import ensureDeferred
from ruciostand import ENDPOINTS
from rucioworlds import RUCIOS, FakeRucioWorld, RealRucioWorld

from pandad.dataservice.datasets import Dataset, NewFile
from pandad.dataservice.ddm import DatasetClosed, DDMRefused, FileName, UnknownData

DISK = ENDPOINTS[0]
GUID = "0a1b2c3d111122223333444455556666"

World = FakeRucioWorld | RealRucioWorld


@pytest.fixture(params=RUCIOS)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """Each in its turn."""
    made: World = request.param(request)
    yield made
    made.close()


def d(name: str, scope: str = "user.alice") -> Dataset:
    return Dataset(scope, name)


def file(lfn: str) -> FileName:
    return FileName("user.alice", lfn)


async def dataset(world: World, name: str, *lfns: str, scope: str = "user.alice") -> Dataset:
    """An open one with such files."""
    made = d(name, scope)
    await world.datasets.register(DISK, [NewFile(file(lfn), len(lfn), "0badcafe", GUID if lfn == "b" else None) for lfn in lfns])
    await world.datasets.make(made)
    await world.datasets.attach(made, [file(lfn) for lfn in lfns])
    return made


async def lfns(world: World, *datasets: Dataset) -> dict[str, list[str]]:
    """Of each."""
    found = await world.names.files(datasets)
    return {each.name: sorted(f.name.lfn for f in files) for each, files in found.items()}


@ensureDeferred
async def test_its_own(world: World) -> None:
    """A dataset's name stands for it; whether it may still grow is known, and what is in it with sizes, checksums and GUIDs."""
    one = await dataset(world, "one", "a", "b")
    found = await world.names.named(one)
    assert (found.datasets, found.files, found.closed) == ([one], 2, False)
    await world.datasets.close(one)
    assert (await world.names.named(one)).closed
    files = (await world.names.files([one]))[one]
    assert sorted(files, key=str) == [NewFile(file("a"), 1, "0badcafe"), NewFile(file("b"), 1, "0badcafe", GUID)]


@ensureDeferred
async def test_containers(world: World) -> None:
    """A container stands for what is in it, however deep, each dataset once, in the order of their names; it may always grow."""
    two, one, other = [await dataset(world, name, f"{name}.f", "shared") for name in ("two", "one", "other")]
    foreign = await dataset(world, "far", "z", scope="panda")
    inner, outer = d("inner"), d("outer")
    await world.datasets.gather(inner, [two, one])
    await world.datasets.gather(d("inner2"), [one, other, foreign])
    await world.datasets.gather(outer, [inner, d("inner2")])
    found = await world.names.named(outer)
    assert (found.datasets, found.closed) == ([foreign, one, other, two], False)
    assert await lfns(world, *found.datasets) == {
        "far": ["z"], "one": ["one.f", "shared"], "other": ["other.f", "shared"], "two": ["shared", "two.f"]}
    assert found.files >= 7
    assert (await world.names.named(inner)).datasets == [one, two]


@ensureDeferred
async def test_patterns(world: World) -> None:
    """A * stands for any text and nothing else does; datasets that pandad makes for jobs are left out."""
    in_1, in_2, _ = [await dataset(world, name, f"{name}.f") for name in ("in_1", "in_2", "inx1")]
    await dataset(world, "in_1_sub0815", "x")
    await dataset(world, "in_9_dis00123", "y")
    await dataset(world, "in_1", "in_1.g", scope="panda")
    await world.datasets.gather(d("in_c"), [await dataset(world, "far", "far.f"), in_2])
    found = await world.names.named(d("in_*"))
    assert ([each.name for each in found.datasets], found.closed) == (["far", "in_1", "in_2"], False)
    assert (await world.names.named(d("*_1"))).datasets == [in_1]
    with pytest.raises(UnknownData, match=r"like user.alice:out\*"):
        await world.names.named(d("out*"))


@pytest.mark.parametrize("name", [d("nothing"), d("nothing", "user.nobody"), d("a file"), d("x" * 300), d("x%"), d("ünd"),
                                  d(".."), d("x", "y" * 40), d("a?b&c=d/e")])
@ensureDeferred
async def test_nothing_of_that_name(world: World, name: Dataset) -> None:
    """A name that nobody gave is unknown, whatever it looks like."""
    with pytest.raises(UnknownData):
        await world.names.named(name)


@ensureDeferred
async def test_a_file(world: World) -> None:
    """Is no dataset."""
    await dataset(world, "one", "a")
    with pytest.raises(UnknownData, match="user.alice:a is a file"):
        await world.names.named(d("a"))


@ensureDeferred
async def test_gone_meanwhile(world: World) -> None:
    """A dataset that nobody has any more has no files, and hides no other."""
    one = await dataset(world, "one", "a")
    assert await lfns(world, one, d("gone")) == {"one": ["a"], "gone": []}
    assert await world.names.files([]) == {}


@ensureDeferred
async def test_gathered_once(world: World) -> None:
    """However often a dataset is put into a container; what is no container takes none, nor does one that is closed."""
    one, two = await dataset(world, "one", "a"), await dataset(world, "two", "b")
    for _ in range(2):
        await world.datasets.gather(d("all"), [one])
    await world.datasets.gather(d("all"), [one, two])
    assert (await world.names.named(d("all"))).datasets == [one, two]
    with pytest.raises(DDMRefused, match="one exists, and is no container"):
        await world.datasets.gather(one, [two])
    with pytest.raises(UnknownData):
        await world.datasets.gather(d("all"), [d("gone")])
    with pytest.raises(UnknownData, match="no such scope"):
        await world.datasets.gather(d("all", "user.nobody"), [one])
    await world.datasets.gather(d("done"), [one])
    await world.datasets.close(d("done"))
    with pytest.raises(DatasetClosed, match="done of .* is closed"):
        await world.datasets.gather(d("done"), [two])


@ensureDeferred
async def test_ten_thousand_files(world: World) -> None:
    """They come in one list, none missing, none twice."""
    large = await dataset(world, "large")
    world.fill(large, 10_000)
    assert (await world.names.named(large)).files == 10_000
    files = (await world.names.files([large]))[large]
    assert sorted((f.name.lfn, f.events) for f in files) == [(f"large.{n:05d}", n) for n in range(10_000)]
