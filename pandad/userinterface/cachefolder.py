"""The folder in which uploads lie: a file is there whole, under its name, or not at all. All of it blocks.

    FOLDER/NAME              what was uploaded
    FOLDER/.incoming/UUID    what is on its way
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

from pandad.spec.cachename import is_cache_name
from pandad.spec.errors import Unavailable

INCOMING = ".incoming"
FOOTER_BYTES = 8  # of a gzip file: the CRC32 of what is in it, and its size
FETCH_NOTED_S = 3600  # how exactly it is known when a file was fetched last
STRAY_S = 3600  # what is not known to the database by then never will be


class NoRoom(Unavailable):
    """The folder cannot take more."""

    def __init__(self, why: str) -> None:
        super().__init__(f"this server has no room for the file ({why}); nothing was kept: tell its administrators, or try later")


def _refusal(error: OSError) -> NoRoom:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    return NoRoom("its disk is full" if full else f"its disk fails: {os.strerror(error.errno or errno.EIO)}")


class Incoming:
    """A file on its way.

    ``size_bytes``: so far. ``crc``: what its last bytes say as a gzip footer; nobody looks whether that is true.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.size_bytes, self._tail, self._hash = path, 0, b"", sha256()
        try:
            path.parent.mkdir(mode=0o700, exist_ok=True)
            self._fd: int | None = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise _refusal(error) from None

    @property
    def crc(self) -> int:
        """As clients reckon it: of the footer, the first half."""
        return int.from_bytes(self._tail[:4], "little") if len(self._tail) == FOOTER_BYTES else 0

    @property
    def digest(self) -> bytes:
        """Of what came so far."""
        return self._hash.digest()

    def write(self, data: bytes) -> None:
        """More of it.

        :raise NoRoom: nothing is left of it then.
        """
        assert self._fd is not None
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(self._fd, view):]
        except OSError as error:
            self.discard()
            raise _refusal(error) from None
        self.size_bytes += len(data)
        self._tail = (self._tail + data[-FOOTER_BYTES:])[-FOOTER_BYTES:]
        self._hash.update(data)

    def seal(self) -> None:
        """All of it is here, and on the disk.

        :raise NoRoom: nothing is left of it then.
        """
        assert self._fd is not None
        try:
            os.fsync(self._fd)
        except OSError as error:
            self.discard()
            raise _refusal(error) from None
        self._close()

    def discard(self) -> None:
        """Nothing is left of it, if it was not put in its place."""
        self._close()
        self.path.unlink(missing_ok=True)

    def _close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


class CacheFolder:
    """The folder. :param now_s: the wall clock, which the times of files are by."""

    def __init__(self, folder: Path, now_s: Callable[[], float]) -> None:
        self.folder, self._now_s = folder, now_s

    def begin(self) -> Incoming:
        """A new file.

        :raise NoRoom: not here.
        """
        return Incoming(self.folder / INCOMING / uuid4().hex)

    def free_bytes(self) -> int:
        """What may still be written.

        :raise NoRoom: the folder is not there.
        """
        try:
            return shutil.disk_usage(self.folder).free
        except OSError as error:
            raise _refusal(error) from None

    def place(self, file: Incoming, name: str) -> None:
        """Give a sealed file its name, in the place of one that has it.

        :raise NoRoom: nothing is left of it then.
        """
        try:
            file.path.replace(self.folder / name)
            self._sync()
        except OSError as error:
            file.discard()
            raise _refusal(error) from None

    def has(self, name: str, size: int) -> bool:
        """Whether a file of that name and size lies here."""
        with suppress(OSError):
            return (self.folder / name).stat().st_size == size
        return False

    def remove(self, names: Iterable[str]) -> None:
        """These files go, as far as they are there."""
        for name in names:
            (self.folder / name).unlink(missing_ok=True)

    def note_fetch(self, path: Path) -> None:
        """Somebody fetches that file: its time says so, for all processes that share the folder."""
        with suppress(OSError):  # a file of somebody else's, or a folder that can only be read
            if self._now_s() - path.stat().st_mtime > FETCH_NOTED_S:
                os.utime(path)

    def fetched_within(self, names: Iterable[str], age_s: float) -> list[str]:
        """Those of these files that were fetched, or stored, not longer ago."""
        return [name for name in names if self._age_s(self.folder / name) <= age_s]

    def strays(self) -> list[str]:
        """Files that lie here for a while. What was left on its way is gone afterwards."""
        with suppress(FileNotFoundError):
            for path in (self.folder / INCOMING).iterdir():
                if self._age_s(path) > STRAY_S:
                    path.unlink(missing_ok=True)
        return [path.name for path in self.folder.iterdir() if is_cache_name(path.name) and self._age_s(path) > STRAY_S]

    def _age_s(self, path: Path) -> float:
        try:
            return self._now_s() - path.stat().st_mtime
        except FileNotFoundError:
            return float("inf")

    def _sync(self) -> None:
        folder = os.open(self.folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
