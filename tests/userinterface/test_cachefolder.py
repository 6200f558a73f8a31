"""The folder of uploads."""

from __future__ import annotations

import os
import struct
import zlib
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pandad.userinterface.cachefolder import INCOMING, STRAY_S, CacheFolder, NoRoom

NAME = "jobO.01234567-89ab-4def-8123-456789abcdef.tar.gz"
OTHER = NAME.replace("jobO", "sources")
NOW_S = 1_800_000_000.0


def at(path: Path, time_s: float) -> None:
    os.utime(path, (time_s, time_s))


@pytest.fixture
def folder(tmp_path: Path) -> CacheFolder:
    """An empty one."""
    return CacheFolder(tmp_path, lambda: NOW_S)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=st.lists(st.binary(max_size=20), max_size=8))
def test_what_is_known_of_a_file(folder: CacheFolder, pieces: list[bytes]) -> None:
    """Size, digest, and the first half of its last eight bytes, however it came: as the client reckons them of the whole."""
    file, content = folder.begin(), b"".join(pieces)
    for piece in pieces:
        file.write(piece)
    assert (file.size_bytes, file.digest) == (len(content), sha256(content).digest())
    assert file.crc == (struct.unpack("<II", content[-8:])[0] if len(content) >= 8 else 0)
    file.discard()


def test_footer_of_a_gzip(folder: CacheFolder) -> None:
    """Of a gzip file that is the CRC32 of what is in it."""
    content = b"some text" * 100
    packer = zlib.compressobj(wbits=31)
    file = folder.begin()
    file.write(packer.compress(content) + packer.flush())
    assert file.crc == zlib.crc32(content)
    file.discard()


def test_whole_or_not_at_all(folder: CacheFolder) -> None:
    """A file has its name when it is sealed and placed, and not before; nothing else is left then, or when it is discarded."""
    kept, dropped = folder.begin(), folder.begin()
    for file in (kept, dropped):
        file.write(b"abc")
        assert not folder.has(NAME, 3)
    kept.seal()
    folder.place(kept, NAME)
    for file in (kept, dropped):
        file.discard()
        file.discard()
    assert folder.has(NAME, 3) and not folder.has(NAME, 4) and not folder.has(OTHER, 3)
    assert [p.name for p in folder.folder.rglob("*") if p.is_file()] == [NAME]
    folder.remove([NAME, OTHER])
    assert not folder.has(NAME, 3)


def test_a_folder_that_fails(folder: CacheFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every way in which a disk can fail is told as one, and nothing is left of the file."""
    def fail(*args: object) -> None:
        raise OSError(5, "Input/output error")

    for call, act in (("fsync", "seal"), ("write", "write")):
        file = folder.begin()
        with monkeypatch.context() as patched, pytest.raises(NoRoom, match="its disk fails: Input/output error"):
            patched.setattr(os, call, fail)
            file.write(b"x") if act == "write" else file.seal()
        assert list((folder.folder / INCOMING).iterdir()) == []
    file = folder.begin()
    (folder.folder / NAME).mkdir()
    file.seal()
    with pytest.raises(NoRoom):
        folder.place(file, NAME)
    assert list((folder.folder / INCOMING).iterdir()) == []
    gone = CacheFolder(folder.folder / "gone", lambda: NOW_S)
    with pytest.raises(NoRoom, match="No such file"):
        gone.free_bytes()
    with pytest.raises(NoRoom, match="No such file"):
        gone.begin()


def test_fetches_are_noted(folder: CacheFolder) -> None:
    """The time of a file says when it was fetched last, to the hour; a file of somebody else's is served all the same."""
    path = folder.folder / NAME
    path.write_bytes(b"x")
    for age_s, noted in ((1800.0, False), (7200.0, True)):
        at(path, NOW_S - age_s)
        before = path.stat().st_mtime
        folder.note_fetch(path)
        assert (path.stat().st_mtime != before) is noted
    folder.note_fetch(folder.folder / "gone")
    at(path, NOW_S - 100)
    assert folder.fetched_within([NAME, OTHER], 100) == [NAME] and folder.fetched_within([NAME], 99) == []


def test_strays(folder: CacheFolder) -> None:
    """What was left on its way by a crash goes; files under their names are told, others are nobody's business here."""
    assert folder.strays() == []
    for name in (f"{INCOMING}/old", f"{INCOMING}/new", NAME, OTHER, "notes.txt"):
        (folder.folder / name).parent.mkdir(exist_ok=True)
        (folder.folder / name).write_bytes(b"x")
        at(folder.folder / name, NOW_S - (10 if "new" in name or name == OTHER else STRAY_S + 1))
    assert folder.strays() == [NAME]
    assert [p.name for p in (folder.folder / INCOMING).iterdir()] == ["new"]
