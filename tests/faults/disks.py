"""Small disks that only this process and its children see: a tmpfs each, filled and freed at will. Linux only."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import sys
from pathlib import Path

CLONE_NEWNS, CLONE_NEWUSER = 0x20000, 0x10000000
MS_NOSUID, MS_NODEV, MS_REC, MS_PRIVATE = 0x2, 0x4, 0x4000, 0x40000
MNT_DETACH = 0x2
PAGE_BYTES = os.sysconf("SC_PAGESIZE")
FILLER = "filler"


def set_apart() -> str | None:
    """From now on this process mounts for itself and its children only, and what it mounted goes when it goes.

    An ordinary user does so in a user namespace in which everybody is who he was. To be called before there are threads.

    :return: why that is not possible here; None if it is.
    """
    if sys.platform != "linux":
        return "small disks are made of Linux' mount namespaces"
    uid, gid = os.geteuid(), os.getegid()
    try:
        _call("unshare", CLONE_NEWNS if uid == 0 else CLONE_NEWNS | CLONE_NEWUSER)
        if uid != 0:
            Path("/proc/self/setgroups").write_text("deny", "ascii")
            Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1", "ascii")
            Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1", "ascii")
        _call("mount", None, b"/", None, MS_REC | MS_PRIVATE, None)
    except OSError as error:
        return f"a small disk needs a mount namespace of one's own: {error}"
    return None


class Disk:
    """A file system of `size_bytes` at `path`, which takes memory only as it is used. Needs `set_apart`."""

    def __init__(self, path: Path, size_bytes: int) -> None:
        self.path, self.size_bytes = path, size_bytes
        self._mounted = False

    @property
    def free_bytes(self) -> int:
        """What can still be written."""
        found = os.statvfs(self.path)
        return found.f_bavail * found.f_frsize

    def mount(self) -> None:
        """Make it, empty. :raise OSError: the system refuses."""
        self.path.mkdir(parents=True, exist_ok=True)
        options = f"size={self.size_bytes},mode=0755".encode()
        _call("mount", b"pandad-faults", os.fsencode(self.path), b"tmpfs", MS_NOSUID | MS_NODEV, options)
        self._mounted = True

    def fill(self) -> None:
        """Leave no room. What others remove while it is full is room again: call it again."""
        with (self.path / FILLER).open("ab") as file:
            wanted = self.free_bytes
            while wanted >= PAGE_BYTES:
                try:
                    os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, wanted)
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    wanted //= 2  # others wrote meanwhile
                else:
                    wanted = self.free_bytes

    def free(self) -> None:
        """Give the room back."""
        (self.path / FILLER).unlink(missing_ok=True)

    def unmount(self) -> None:
        """End it; what is on it stays, in the directory where it was."""
        if not self._mounted:
            return
        self.free()
        kept = self.path.with_name(self.path.name + ".kept")
        shutil.copytree(self.path, kept, symlinks=True)
        _call("umount2", os.fsencode(self.path), MNT_DETACH)
        self._mounted = False
        self.path.rmdir()
        kept.rename(self.path)


def _call(name: str, *arguments: object) -> None:
    """A function of the C library that gives 0, or -1 and errno."""
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
