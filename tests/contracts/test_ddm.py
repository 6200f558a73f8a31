"""What every data management system must do for pandad. To hold another one to it, add a line to WORLDS."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest
from fakes.ddm import FakeDDM
from pytest_twisted import ensureDeferred
from rucioworlds import ALL_RUCIOS
from twisted.internet import reactor

from pandad.dataservice.ddm import IDDM, DDMUnavailable, FileName, UnknownEndpoint
from pandad.dataservice.local import READ_BYTES, LocalDDM, path_of
from pandad.spec.errors import PandadError, Unavailable

REACTOR: Any = reactor  # the one with threads
DISK, TAPE = "SITE_DISK", "SITE_TAPE"
NAME = FileName("user.alice", "events.root")


class World(Protocol):
    """A data management system with the endpoints DISK and TAPE, and a hand on it."""

    ddm: IDDM

    def put(self, endpoint: str, name: FileName, content: bytes) -> None:
        """A file arrives, or is replaced."""

    def outage(self, endpoint: str) -> None:
        """An endpoint stops answering."""

    def repair(self, endpoint: str) -> None:
        """It answers again, with its files."""

    def close(self) -> None:
        """The test is over."""


class LocalWorld:
    """Folders."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        place: Path = request.getfixturevalue("tmp_path")
        self._places = {name: place / name for name in (DISK, TAPE)}
        for directory in self._places.values():
            directory.mkdir()
        self.ddm = LocalDDM(REACTOR, self._places)

    def put(self, endpoint: str, name: FileName, content: bytes) -> None:
        path = path_of(self._places[endpoint], name)
        assert path is not None
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def outage(self, endpoint: str) -> None:
        self._places[endpoint].rename(self._places[endpoint].with_suffix(".unmounted"))

    def repair(self, endpoint: str) -> None:
        self._places[endpoint].with_suffix(".unmounted").rename(self._places[endpoint])

    def close(self) -> None:
        pass


class FakeWorld:
    """Dictionaries."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self.ddm = FakeDDM(DISK, TAPE)
        self.put = self.ddm.put

    def outage(self, endpoint: str) -> None:
        self.ddm.out.add(endpoint)

    def repair(self, endpoint: str) -> None:
        self.ddm.out.remove(endpoint)

    def close(self) -> None:
        pass


WORLDS = [LocalWorld, FakeWorld, *ALL_RUCIOS]


@pytest.fixture(params=WORLDS)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """Each implementation in its turn."""
    made: World = request.param(request)
    yield made
    made.close()


CONTENTS = [b"", b"x", b"some events\n", bytes(READ_BYTES), b"abc" * READ_BYTES]


@pytest.mark.parametrize("content", CONTENTS, ids=len)
@ensureDeferred
async def test_a_copy_is_measured(world: World, content: bytes) -> None:
    """A copy is found under its name at its endpoint, with its own size and adler32 as 8 lower-case hex digits."""
    world.put(DISK, NAME, content)
    replica = (await world.ddm.replicas(DISK, [NAME]))[NAME]
    assert (replica.name, replica.endpoint, replica.size_bytes) == (NAME, DISK, len(content))
    assert replica.adler32 == f"{zlib.adler32(content):08x}"


@ensureDeferred
async def test_what_is_not_there_is_left_out(world: World) -> None:
    """Only what is at that endpoint is told, and nothing is an answer too."""
    other, elsewhere = FileName("user.bob", "events.root"), FileName("user.alice", "more.root")
    world.put(DISK, NAME, b"here")
    world.put(TAPE, elsewhere, b"there")
    assert set(await world.ddm.replicas(DISK, [NAME, other, elsewhere])) == {NAME}
    assert set(await world.ddm.replicas(TAPE, [NAME, other, elsewhere])) == {elsewhere}
    assert not await world.ddm.replicas(DISK, [])


@ensureDeferred
async def test_a_changed_copy_is_seen(world: World) -> None:
    """A copy that was replaced or cut short shows what it is now, not what it was."""
    world.put(DISK, NAME, b"what it should be")
    before = (await world.ddm.replicas(DISK, [NAME]))[NAME]
    world.put(DISK, NAME, b"what it should b")
    after = (await world.ddm.replicas(DISK, [NAME]))[NAME]
    assert before.size_bytes - after.size_bytes == 1
    assert before.adler32 != after.adler32


STRANGE = [
    FileName("..", "passwd"),
    FileName("user", ".."),
    FileName("user", "../x"),
    FileName("../..", "x"),
    FileName("user/..", "x"),
    FileName("user", "/etc/passwd"),
    FileName("/etc", "passwd"),
    FileName("etc", "."),
    FileName(".", "."),
    FileName("user", "a/b"),
    FileName("user", "a\0b"),
    FileName("a\0b", "x"),
    FileName("user", "two words"),
    FileName("user name", "x"),
    FileName("", "x"),
    FileName("user", ""),
    FileName("", ""),
    FileName("user", "x\n"),
    FileName("user", "*"),
    FileName("user", "x" * 300),
    FileName("user", "é"),
    FileName("user", "\ud800"),
    FileName("a" * 5000, "x"),
]


@ensureDeferred
async def test_strange_names_find_nothing(world: World) -> None:
    """A name that could lead out of an endpoint, or that nothing can have, finds nothing, and hides nobody else's file."""
    world.put(DISK, NAME, b"good")
    for strange in STRANGE:
        assert set(await world.ddm.replicas(DISK, [strange, NAME])) == {NAME}, strange


@ensureDeferred
async def test_unknown_endpoints(world: World) -> None:
    """An endpoint that does not exist is named in an error that does not invite to come again."""
    with pytest.raises(UnknownEndpoint, match="NOWHERE") as refused:
        await world.ddm.replicas("NOWHERE", [NAME])
    assert isinstance(refused.value, PandadError)
    assert not isinstance(refused.value, Unavailable)


@ensureDeferred
async def test_an_outage_is_not_an_absence(world: World) -> None:
    """An endpoint that does not answer raises, naming itself: its files are not gone. The others answer, and later it does."""
    world.put(DISK, NAME, b"good")
    world.put(TAPE, NAME, b"good")
    world.outage(DISK)
    with pytest.raises(DDMUnavailable, match=DISK):
        await world.ddm.replicas(DISK, [NAME])
    assert set(await world.ddm.replicas(TAPE, [NAME])) == {NAME}
    world.repair(DISK)
    assert set(await world.ddm.replicas(DISK, [NAME])) == {NAME}


@ensureDeferred
async def test_files_are_located(world: World) -> None:
    """Every endpoint that has a file is told, with the size there; a file that is nowhere, or can be nowhere, is left out."""
    twice, once = NAME, FileName("user.alice", "more.root")
    world.put(DISK, twice, b"1234")
    world.put(TAPE, twice, b"1234")
    world.put(TAPE, once, b"")
    found = await world.ddm.locate([twice, once, FileName("user.bob", "events.root"), *STRANGE])
    assert found.copies == {twice: {DISK: 4, TAPE: 4}, once: {TAPE: 0}}
    assert not found.silent
    assert not (await world.ddm.locate([])).copies


@ensureDeferred
async def test_who_does_not_answer_is_named(world: World) -> None:
    """Where a file is, is told by those endpoints that answer; of the others it is said that they did not."""
    world.put(DISK, NAME, b"good")
    world.put(TAPE, NAME, b"good")
    world.outage(DISK)
    found = await world.ddm.locate([NAME])
    assert found.copies == {NAME: {TAPE: 4}}
    assert list(found.silent) == [DISK] and DISK in found.silent[DISK]
    world.repair(DISK)
    assert (await world.ddm.locate([NAME])).copies == {NAME: {DISK: 4, TAPE: 4}}


@ensureDeferred
async def test_the_room_at_endpoints(world: World) -> None:
    """Of endpoints that are there and answer, how much is free of how much; of no others."""
    world.outage(TAPE)
    found = await world.ddm.space([DISK, TAPE, "NOWHERE"])
    assert set(found) == {DISK}
    assert 0 < found[DISK].free_bytes <= found[DISK].total_bytes


def test_endpoints_as_pilots_read_them(world: World) -> None:
    """Each endpoint is described under its name with what a pilot reads of it, so that it need not ask elsewhere."""
    described = world.ddm.endpoints()
    assert set(described) == {DISK, TAPE}
    for name, endpoint in described.items():
        assert (endpoint["name"], endpoint["state"]) == (name, "ACTIVE")
        assert {"id", "type", "site", "token", "arprotocols", "rprotocols"} <= set(endpoint)
        for activity in ("read_lan", "write_lan", "pr", "pw"):
            for protocol in endpoint["arprotocols"][activity]:
                assert "://" in protocol["endpoint"] and protocol["path"].startswith("/")
    assert len({endpoint["id"] for endpoint in described.values()}) == 2
