"""Data management by folders: each endpoint is a directory, as pilots with the `mv` copytool use it.

A file lies at <directory>/<scope>/<md5[0:2]>/<md5[2:4]>/<lfn>, md5 of "scope:lfn", and a dot in the scope opens a folder
(Rucio's deterministic path, which pilots use).
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from hashlib import md5
from pathlib import Path
from typing import Any

from twisted.internet.interfaces import IReactorThreads
from twisted.internet.threads import deferToThreadPool

from pandad.dataservice.ddm import DDMUnavailable, FileName, Replica, UnknownEndpoint
from pandad.spec.facts import Space, Whereabouts

READ_BYTES = 1 << 20
# Faults of one file, which must not hide the others: they mean that no copy can be had under its name.
_NO_COPY = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.ENXIO, errno.EACCES})
_PART = re.compile(r"[A-Za-z0-9._@+=-]+")  # of a scope or a file name: no way out of the directory


def path_of(directory: Path, name: FileName) -> Path | None:
    """Where a file lies, None for a name that could not lie anywhere below the directory."""
    if not all(_PART.fullmatch(part) and part.strip(".") for part in (name.scope, name.lfn)):
        return None
    digest = md5(str(name).encode(), usedforsecurity=False).hexdigest()
    return directory.joinpath(*name.scope.split("."), digest[:2], digest[2:4], name.lfn)


class LocalDDM:
    """Endpoints that are directories of this machine (or a shared file system)."""

    moves = False

    def __init__(self, reactor: IReactorThreads, directories: Mapping[str, Path]) -> None:
        self._reactor, self._directories = reactor, dict(directories)

    async def replicas(self, endpoint: str, names: Sequence[FileName]) -> Mapping[FileName, Replica]:
        """Look, and read the whole of each file for its checksum, in a thread."""
        directory = self._directories.get(endpoint)
        if directory is None:
            raise UnknownEndpoint(f"there is no storage endpoint {endpoint}; add it to [dataservice.endpoints]")
        found = await deferToThreadPool(
            self._reactor, self._reactor.getThreadPool(), _look, directory, endpoint, tuple(names))
        return {replica.name: replica for replica in found}

    async def locate(self, names: Sequence[FileName]) -> Whereabouts:
        """Look for each file in each directory, in a thread."""
        return await deferToThreadPool(self._reactor, self._reactor.getThreadPool(), _found, self._directories, tuple(names))

    async def space(self, endpoints: Sequence[str]) -> Mapping[str, Space]:
        """The file systems that the directories lie in, asked in a thread: one over the network may take its time."""
        wanted = {name: self._directories[name] for name in endpoints if name in self._directories}
        return await deferToThreadPool(self._reactor, self._reactor.getThreadPool(), _room, wanted)

    def endpoints(self) -> Mapping[str, Mapping[str, Any]]:
        """One description per directory, with the file protocol that the `mv` copytool asks for."""
        return {name: describe(name, number, directory)
                for number, (name, directory) in enumerate(sorted(self._directories.items()), 1)}


def describe(name: str, number: int, directory: Path) -> dict[str, Any]:
    """An endpoint as pilots want it described."""
    protocol = {"endpoint": "file://localhost", "path": f"{directory}/", "flavour": "MV"}
    activities = ("pr", "pw", "pl", "read_lan", "write_lan", "read_wan", "write_wan")
    return {"id": number, "name": name, "site": name, "type": "DATADISK", "state": "ACTIVE", "token": "",
            "is_deterministic": True, "arprotocols": {activity: [protocol] for activity in activities}, "rprotocols": {}}


def _closed(directory: Path, endpoint: str) -> str | None:
    """Why nothing is known of what lies there."""
    if not directory.is_dir():
        return f"the directory of {endpoint}, {directory}, is not there (mounted?)"
    if not os.access(directory, os.R_OK | os.X_OK):
        return f"the directory of {endpoint}, {directory}, may not be entered"
    return None


def _found(directories: Mapping[str, Path], names: Sequence[FileName]) -> Whereabouts:
    silent = {name: closed for name, directory in directories.items() if (closed := _closed(directory, name)) is not None}
    copies: dict[FileName, dict[str, int]] = {}
    for endpoint in directories.keys() - silent.keys():
        for name in names:
            path = path_of(directories[endpoint], name)
            size = _size(path) if path is not None else None
            if size is not None:
                copies.setdefault(name, {})[endpoint] = size
    return Whereabouts(copies, silent)


def _size(path: Path) -> int | None:
    try:
        seen = os.stat(path)
    except (OSError, ValueError):  # what is wrong with one file hides no other; the activator says what it is
        return None
    return seen.st_size if stat.S_ISREG(seen.st_mode) else None


def _room(directories: Mapping[str, Path]) -> dict[str, Space]:
    found = {}
    for endpoint, directory in directories.items():
        if _closed(directory, endpoint) is None:
            with suppress(OSError):  # it went away meanwhile
                usage = shutil.disk_usage(directory)
                found[endpoint] = Space(usage.total, usage.free)
    return found


def _look(directory: Path, endpoint: str, names: Sequence[FileName]) -> list[Replica]:
    closed = _closed(directory, endpoint)
    if closed is not None:
        raise DDMUnavailable(closed)
    copies = ((name, path_of(directory, name)) for name in names)
    return [replica for name, path in copies if path is not None and (replica := _measured(endpoint, name, path))]


def _measured(endpoint: str, name: FileName, path: Path) -> Replica | None:
    checksum, size = 1, 0
    try:
        with open(path, "rb", opener=_regular) as stream:
            while block := stream.read(READ_BYTES):
                checksum, size = zlib.adler32(block, checksum), size + len(block)
    except OSError as error:
        if error.errno in _NO_COPY:
            return None
        raise DDMUnavailable(f"{path} at {endpoint} cannot be read: {error.strerror}") from error
    return Replica(name, endpoint, size, f"{checksum & 0xFFFFFFFF:08x}")


def _regular(path: str, flags: int) -> int:
    """Never wait on a pipe, nor read a device without end, that somebody left where a file should be."""
    descriptor = os.open(path, flags | os.O_NONBLOCK)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise FileNotFoundError(errno.ENOENT, "is not a regular file", path)
