"""Folders as endpoints: where files lie, and what is no file. The rest of what they do is in contracts/test_ddm.py."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_twisted import ensureDeferred
from twisted.internet import reactor

from pandad.dataservice.ddm import DDMUnavailable, FileName
from pandad.dataservice.local import LocalDDM, path_of

REACTOR: Any = reactor  # the one with threads
DISK = "SITE_DISK"
NAME, GOOD = FileName("user.alice", "events.root"), FileName("user.alice", "good.root")
TRICKY = st.text(st.sampled_from("./\\\0a-é \n~"), max_size=12) | st.text(max_size=30)


def test_rucios_deterministic_path() -> None:
    """A file lies where pilots put it: dots of the scope open folders, then two bytes of the md5 of scope:name."""
    assert path_of(Path("/data"), FileName("user.alice", "events.root")) == Path("/data/user/alice/02/aa/events.root")
    assert path_of(Path("/data"), FileName("mc16", "x")) == Path("/data/mc16/6f/d6/x")


@given(TRICKY, TRICKY)
def test_no_way_out(scope: str, lfn: str) -> None:
    """Whatever the name, its path is below the directory and ends in the name, or there is none."""
    path = path_of(Path("/data/disk"), FileName(scope, lfn))
    assert path is None or (
        Path(os.path.normpath(path)).is_relative_to("/data/disk") and path.name == lfn and ".." not in path.parts
    )


@pytest.fixture
def ddm(tmp_path: Path) -> LocalDDM:
    """One endpoint with one good file."""
    place(tmp_path, GOOD).write_bytes(b"good")
    return LocalDDM(REACTOR, {DISK: tmp_path})


def place(directory: Path, name: FileName) -> Path:
    path = path_of(directory, name)
    assert path is not None
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _socket(path: Path) -> None:
    here = os.getcwd()
    os.chdir(path.parent)  # the name of a socket is limited to some hundred bytes
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(path.name)
    os.chdir(here)


NO_FILES: dict[str, Any] = {
    "pipe": os.mkfifo,
    "folder": Path.mkdir,
    "endless device": lambda path: path.symlink_to("/dev/zero"),
    "dangling link": lambda path: path.symlink_to("nowhere"),
    "link to itself": lambda path: path.symlink_to(path),
    "socket": _socket,
}


@pytest.mark.parametrize("kind", NO_FILES)
@ensureDeferred
async def test_what_is_no_file_is_no_copy(ddm: LocalDDM, tmp_path: Path, kind: str) -> None:
    """What bears a file's name and is none is not waited for, not read without end, and hides nobody else's file."""
    NO_FILES[kind](place(tmp_path, NAME))
    assert set(await ddm.replicas(DISK, [NAME, GOOD])) == {GOOD}


@ensureDeferred
async def test_a_file_where_a_folder_should_be(ddm: LocalDDM, tmp_path: Path) -> None:
    """A scope whose folder is a file has no copies."""
    (tmp_path / "bob").write_bytes(b"")
    assert set(await ddm.replicas(DISK, [FileName("bob", "x"), GOOD])) == {GOOD}


@ensureDeferred
async def test_a_folder_that_is_not_mounted(tmp_path: Path) -> None:
    """A directory that is missing, or no directory, is an outage that names it."""
    (tmp_path / "file").write_bytes(b"")
    for gone in (tmp_path / "gone", tmp_path / "file"):
        with pytest.raises(DDMUnavailable, match=str(gone)):
            await LocalDDM(REACTOR, {DISK: gone}).replicas(DISK, [NAME])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
@ensureDeferred
async def test_a_folder_that_may_not_be_entered(tmp_path: Path) -> None:
    """A directory that is closed to the daemon is an outage, not an absence."""
    tmp_path.chmod(0)
    try:
        with pytest.raises(DDMUnavailable, match="may not be entered"):
            await LocalDDM(REACTOR, {DISK: tmp_path}).replicas(DISK, [NAME])
    finally:
        tmp_path.chmod(0o700)
