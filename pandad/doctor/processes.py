"""Who listens on a port, as far as Linux tells this user."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
LISTENS = "0A"  # the state, in /proc/net/tcp


@dataclass(frozen=True, slots=True)
class Process:
    """One of this host."""

    pid: int
    command: str

    @property
    def is_systemd(self) -> bool:
        """It listens for others, by the socket units."""
        return self.pid == 1 or self.command.rpartition("/")[2].startswith("systemd")

    @property
    def is_pandad(self) -> bool:
        return "pandad" in self.command

    def __str__(self) -> str:
        return f"process {self.pid} ({self.command[:60]})"


def listener(port: int) -> Process | None:
    """The process that listens on a TCP port; None if there is none, or it is not ours to see."""
    wanted = {f"socket:[{inode}]" for inode in _inodes(port)}
    for folder in PROC.glob("[0-9]*/fd") if wanted else ():
        with suppress(OSError):  # of another user, or gone
            if any(_target(link) in wanted for link in folder.iterdir()):
                return _process(int(folder.parent.name))
    return None


def _inodes(port: int) -> Iterator[str]:
    for table in ("tcp", "tcp6"):
        with suppress(OSError):
            for line in (PROC / "net" / table).read_text().splitlines()[1:]:
                words = line.split()
                if words[3] == LISTENS and int(words[1].rpartition(":")[2], 16) == port:
                    yield words[9]


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:
        return ""


def _process(pid: int) -> Process:
    words = (PROC / str(pid) / "cmdline").read_bytes().split(b"\0")
    return Process(pid, " ".join(word.decode("utf-8", "replace") for word in words if word) or "nameless")


def most_files(pid: int) -> int | None:
    """How many descriptors a process may have; None: no limit, or it is not ours to see."""
    with suppress(OSError, ValueError, IndexError):
        for line in (PROC / str(pid) / "limits").read_text().splitlines():
            if line.startswith("Max open files"):
                return int(line.split()[3])
    return None
