"""What every data management system that moves data must do for pandad. To hold another one to it, add it to ALL_RUCIOS."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_twisted import ensureDeferred
from ruciostand import ENDPOINTS
from rucioworlds import ALL_RUCIOS, FakeRucioWorld, RealRucioWorld

from pandad.dataservice.datasets import Dataset, NewFile, RuleState, RuleWish
from pandad.dataservice.ddm import (
    DatasetClosed,
    DDMRefused,
    DDMUnavailable,
    FileDiffers,
    FileName,
    NoQuota,
    UnknownData,
    UnknownEndpoint,
)

DISK, TAPE = ENDPOINTS
DAY_S = 24 * 3600
DIS = Dataset("panda", "panda.4711.11.23.GEN.1_dis1")
NAMES = [FileName("user.alice", f"events.{number}.root") for number in range(3)]
NOBODY = FileName("user.alice", "nobody.has.this")
GUID = "0a1b2c3d-1111-2222-3333-444455556666"
WISH = RuleWish(TAPE, "Production Input", DAY_S, "4711", "C")

World = FakeRucioWorld | RealRucioWorld


@pytest.fixture(params=ALL_RUCIOS)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """Each implementation in its turn, with NAMES at DISK."""
    made: World = request.param(request)
    for name in NAMES:
        made.put(DISK, name, b"events of " + name.lfn.encode())
    yield made
    made.close()


def new(name: str, size_bytes: int = 4, adler32: str = "00ab00cd", guid: str | None = None) -> NewFile:
    return NewFile(FileName("user.alice", name), size_bytes, adler32, guid)


async def dataset(world: World) -> Dataset:
    """DIS, with NAMES, closed."""
    await world.datasets.make(DIS, lifetime_s=7 * DAY_S, hidden=True)
    await world.datasets.attach(DIS, NAMES)
    await world.datasets.close(DIS)
    return DIS


@ensureDeferred
async def test_a_dataset_is_made_once(world: World) -> None:
    """Who makes it again is told that it is there; one of a file's name, or in no scope, cannot be."""
    assert [await world.datasets.make(DIS), await world.datasets.make(DIS)] == [True, False]
    assert await world.datasets.contents(DIS) == []
    with pytest.raises(DDMRefused, match="is no dataset"):
        await world.datasets.make(Dataset(NAMES[0].scope, NAMES[0].lfn))
    with pytest.raises(UnknownData, match="no such scope"):
        await world.datasets.make(Dataset("nowhere", "x"))


@ensureDeferred
async def test_files_are_attached_once(world: World) -> None:
    """However often they are attached; files or datasets that are not known are refused, and then none is attached."""
    await world.datasets.make(DIS)
    await world.datasets.attach(DIS, NAMES[:2])
    await world.datasets.attach(DIS, NAMES)
    assert {file.name: file.size_bytes for file in await world.datasets.contents(DIS)} == {
        name: len(b"events of " + name.lfn.encode()) for name in NAMES}
    with pytest.raises(UnknownData):
        await world.datasets.attach(DIS, [NOBODY])
    for unknown in (world.datasets.attach(Dataset("panda", "x"), NAMES), world.datasets.contents(Dataset("panda", "x")),
                    world.datasets.close(Dataset("panda", "x"))):
        with pytest.raises(UnknownData):
            await unknown
    await world.datasets.attach(DIS, [])


@ensureDeferred
async def test_a_closed_dataset_stays_as_it_is(world: World) -> None:
    """Closing it twice, or attaching what is in it, changes nothing; other files are refused by name."""
    await dataset(world)
    await world.datasets.close(DIS)
    await world.datasets.attach(DIS, NAMES)
    world.put(DISK, NOBODY, b"x")
    with pytest.raises(DatasetClosed, match=str(NOBODY)):
        await world.datasets.attach(DIS, [*NAMES, NOBODY])
    assert len(await world.datasets.contents(DIS)) == len(NAMES)


@ensureDeferred
async def test_a_closed_dataset_is_opened_again(world: World) -> None:
    """One that pandad has made takes files again if that is asked for, however often; one of another account never."""
    await dataset(world)
    world.put(DISK, NOBODY, b"x")
    assert [await world.datasets.make(DIS, reopen=True), await world.datasets.make(DIS, reopen=True)] == [False, False]
    await world.datasets.attach(DIS, [NOBODY])
    await world.datasets.close(DIS)
    world.of_bob(DIS)
    with pytest.raises(DatasetClosed, match="of poor is closed and takes no more files; write into another one"):
        await world.datasets.make(DIS, reopen=True)
    assert not await world.datasets.make(DIS)


@ensureDeferred
async def test_copies_are_registered(world: World) -> None:
    """A registered copy is found, however often it is; with its GUID if that is one."""
    files = [new("out.1", guid=GUID), new("out.2", guid="what is this?"), new("out.3")]
    for _ in range(2):
        await world.datasets.register(TAPE, files)
    found = await world.ddm.replicas(TAPE, [file.name for file in files])
    assert {(r.name, r.size_bytes, r.adler32) for r in found.values()} == {(f.name, 4, "00ab00cd") for f in files}
    await world.datasets.make(DIS)
    await world.datasets.attach(DIS, [file.name for file in files])
    assert {file.name.lfn: file.guid for file in await world.datasets.contents(DIS)} == {
        "out.1": GUID.replace("-", ""), "out.2": None, "out.3": None}


@ensureDeferred
async def test_names_that_are_taken(world: World) -> None:
    """A name stands for a file, with a copy or without one, or for a dataset; what can be no name is free, and hides no other."""
    await dataset(world)
    await world.datasets.erase(DIS)
    await world.datasets.register(DISK, [new(f"out.{number}") for number in range(250)])
    odd = [FileName("user.alice", "a b"), FileName("user.alice", "x" * 300), FileName("no scope", "x"), FileName("nowhere", "x"),
           FileName("user.alice", "-")]
    taken = [*NAMES, FileName(DIS.scope, DIS.name), *(FileName("user.alice", f"out.{number}") for number in range(250))]
    assert set(await world.datasets.taken([*taken, NOBODY, *odd])) == set(taken)
    assert list(await world.datasets.taken([])) == []


@pytest.mark.parametrize("other", [new("out.1", size_bytes=5), new("out.1", adler32="11111111")])
@ensureDeferred
async def test_another_file_of_that_name(world: World, other: NewFile) -> None:
    """A name stands for one content: a second one is refused, and is at no endpoint."""
    await world.datasets.register(DISK, [new("out.1")])
    with pytest.raises(FileDiffers, match="user.alice:out.1"):
        await world.datasets.register(DISK, [other])
    assert (await world.ddm.replicas(DISK, [other.name]))[other.name].size_bytes == 4


@ensureDeferred
async def test_where_nothing_can_be_registered(world: World) -> None:
    """An endpoint that does not exist is fatal, as is a scope; one that is closed for writing is not."""
    with pytest.raises(UnknownEndpoint):
        await world.datasets.register("NOWHERE", [new("x")])
    with pytest.raises(UnknownData, match="scope"):
        await world.datasets.register(DISK, [NewFile(FileName("nowhere", "x"), 1, "00000001")])


@ensureDeferred
async def test_a_rule_brings_files(world: World) -> None:
    """It is complete when all have arrived, and not before; its numbers say how far it is."""
    rule_id = await world.datasets.add_rule(await dataset(world), WISH)

    async def seen() -> tuple[RuleState, int, int, int]:
        (rule,) = await world.datasets.rules([rule_id])
        assert (rule.id, rule.endpoint) == (rule_id, TAPE)
        return rule.state, rule.ok, rule.replicating, rule.stuck

    assert await seen() == (RuleState.REPLICATING, 0, 3, 0)
    world.moved(TAPE, NAMES[0], "A")
    assert await seen() == (RuleState.REPLICATING, 1, 2, 0)
    assert set(await world.ddm.replicas(TAPE, NAMES)) == {NAMES[0]}
    for name in NAMES[1:]:
        world.moved(TAPE, name, "A")
    assert await seen() == (RuleState.OK, 3, 0, 0)
    assert set(await world.ddm.replicas(TAPE, NAMES)) == set(NAMES)


@ensureDeferred
async def test_a_transfer_that_fails(world: World) -> None:
    """Its rule is stuck and says so."""
    rule_id = await world.datasets.add_rule(await dataset(world), WISH)
    world.moved(TAPE, NAMES[0], "U")
    (rule,) = await world.datasets.rules([rule_id])
    assert (rule.state, rule.stuck) == (RuleState.STUCK, 1)


@ensureDeferred
async def test_files_that_are_there_already(world: World) -> None:
    """A rule for what is there is complete at once."""
    for name in NAMES:
        world.put(TAPE, name, b"events of " + name.lfn.encode())
    (rule,) = await world.datasets.rules([await world.datasets.add_rule(await dataset(world), WISH)])
    assert (rule.state, rule.ok) == (RuleState.OK, 3)


@ensureDeferred
async def test_a_rule_is_made_once(world: World) -> None:
    """The second wish is answered with the first rule, which lives as long as wished now, even if it was on its way out."""
    await dataset(world)
    rule_id = await world.datasets.add_rule(DIS, WISH)
    assert await world.datasets.add_rule(DIS, WISH) == rule_id
    await world.datasets.delete_rule(rule_id)
    (dying,) = await world.datasets.rules([rule_id])
    assert await world.datasets.add_rule(DIS, WISH) == rule_id
    (alive,) = await world.datasets.rules([rule_id])
    assert dying.expires_at is not None and alive.expires_at is not None
    assert (alive.expires_at - dying.expires_at).total_seconds() > DAY_S / 2
    assert [rule.id for rule in await world.datasets.rules_of(DIS)] == [rule_id]
    await world.datasets.extend_rule(rule_id, None)
    (forever,) = await world.datasets.rules([rule_id])
    assert forever.expires_at is None


@ensureDeferred
async def test_rules_that_cannot_be(world: World) -> None:
    """An endpoint or dataset that does not exist, or an activity that is not known, is fatal; a closed endpoint is not."""
    await dataset(world)
    with pytest.raises(UnknownEndpoint, match="NOWHERE"):
        await world.datasets.add_rule(DIS, RuleWish("NOWHERE", "Production Input"))
    with pytest.raises(UnknownEndpoint):
        await world.datasets.add_rule(DIS, RuleWish(f"{DISK}|{TAPE}|*", "Production Input"))
    with pytest.raises(UnknownData):
        await world.datasets.add_rule(Dataset("panda", "x"), WISH)
    with pytest.raises(DDMRefused, match="schema"):
        await world.datasets.add_rule(DIS, RuleWish(TAPE, "Doing Nothing"))
    world.write_protect(TAPE)
    with pytest.raises(DDMUnavailable, match=TAPE):
        await world.datasets.add_rule(DIS, WISH)
    with pytest.raises(DDMUnavailable):
        await world.datasets.register(TAPE, [new("x")])


@ensureDeferred
async def test_no_quota(world: World) -> None:
    """A full account is told apart: another endpoint may do."""
    await dataset(world)
    poor = world.without_quota()
    with pytest.raises(NoQuota, match="quota"):
        await poor.add_rule(DIS, WISH)


@ensureDeferred
async def test_what_is_gone(world: World) -> None:
    """Rules and datasets that are no more are left out, or are done away with already; nobody trips over them."""
    gone = "0123456789abcdef" * 2
    assert await world.datasets.rules([gone, "no id at all", "../rses"]) == []
    await world.datasets.delete_rule(gone, purge=True)
    with pytest.raises(UnknownData):
        await world.datasets.extend_rule(gone, DAY_S)
    await world.datasets.erase(await dataset(world))
    await world.datasets.erase(DIS)
    await world.datasets.erase(Dataset("panda", "never.was"))


@ensureDeferred
async def test_many_files(world: World) -> None:
    """A dataset of hundreds takes a few calls and has them all."""
    files = [new(f"many.{number}") for number in range(250)]
    await world.datasets.register(DISK, files)
    await world.datasets.make(DIS)
    await world.datasets.attach(DIS, [file.name for file in files])
    assert {file.name for file in await world.datasets.contents(DIS)} == {file.name for file in files}
    found = await world.ddm.locate([file.name for file in files] + [NOBODY])
    assert found.copies == {file.name: {DISK: 4} for file in files}


@ensureDeferred
async def test_room(world: World) -> None:
    """What the storage said is told; of endpoints that nobody measured, or that do not exist, nothing."""
    world.measured(DISK, 1000, 300)
    found = await world.ddm.space([DISK, TAPE, "NOWHERE", "*"])
    assert set(found) == {DISK}
    assert (found[DISK].total_bytes, found[DISK].free_bytes) == (1000, 300)
    assert found[DISK].at is not None
