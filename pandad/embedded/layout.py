"""Where an embedded PostgreSQL keeps its things.

    directory/lock                held while a pandad runs it
    directory/log                 what PostgreSQL says (log.1: the one before)
    directory/data/               the data directory
    directory/socket/             the Unix socket, closed to all but the account and root
    directory/postgresql-<n>/     a copy of the binaries, where the account cannot reach the installed ones

The last two move to a directory of their own below the system's directory for temporary files, while it runs,
when the path of the socket would not do as an address, or when root starts PostgreSQL below a directory that
its account may not enter (as below /root): then PostgreSQL gets to its data as its working directory. The
modes of parent directories are never changed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from pandad.embedded.account import Account
from pandad.embedded.errors import PostgresError

PORT = 5432
"""Names the socket only: nothing listens on TCP."""

SOCKET_ADDRESS_BYTES = 103
"""The shortest sun_path of the systems in use (macOS 104, Linux 108), less the closing zero."""

WORKING_DIRECTORY = "/proc/self/cwd"
"""A path to the data that needs no permission on the directories above it."""


@dataclass(frozen=True)
class Layout:
    """Where the parts of one embedded PostgreSQL lie."""

    directory: Path
    runtime: Path
    data_argument: str | None
    """What PostgreSQL is to call its data directory when it cannot use the real path."""

    @property
    def data(self) -> Path:
        return self.directory / "data"

    @property
    def new_data(self) -> Path:
        return self.directory / "data.unfinished"

    @property
    def log(self) -> Path:
        return self.directory / "log"

    @property
    def socket(self) -> Path:
        return self.runtime / "socket"


def plan(directory: Path, account: Account) -> Layout:
    """Decide where everything goes; changes nothing. Raises PostgresError where PostgreSQL could not reach
    its data."""
    reachable = account.reaches(directory)
    if not reachable and sys.platform != "linux":
        raise PostgresError(f"PostgreSQL would run as uid {account.uid}, which cannot enter {directory}")
    near = reachable and _addressable(directory / "socket")
    return Layout(
        directory=directory,
        runtime=directory if near else _far_from(directory),
        data_argument=None if reachable else WORKING_DIRECTORY,
    )


def _addressable(socket: Path) -> bool:
    """Short enough, and without the comma that separates hosts in a libpq connection string."""
    return "," not in str(socket) and len(os.fsencode(socket / f".s.PGSQL.{PORT}")) <= SOCKET_ADDRESS_BYTES


def _far_from(directory: Path) -> Path:
    """The same place each time, so that a DSN given out stays right over restarts."""
    tag = hashlib.sha256(os.fsencode(directory)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"pandad-{os.geteuid()}-{tag}"


def make(layout: Layout, account: Account) -> None:
    """Create the directories that are missing."""
    if layout.runtime != layout.directory:
        _make_far(layout.runtime)
    layout.socket.mkdir(exist_ok=True)
    layout.socket.chmod(0o700)
    account.give(layout.socket)


def unmake(layout: Layout) -> None:
    """Remove what lies outside the directory, once nothing runs there."""
    if layout.runtime != layout.directory:
        shutil.rmtree(layout.runtime, ignore_errors=True)


def _make_far(runtime: Path) -> None:
    """Anyone can make a directory of this name first; one that is not ours alone is refused."""
    runtime.mkdir(mode=0o755, exist_ok=True)
    found = runtime.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise PostgresError(f"{runtime} was made by somebody else: remove it")
    runtime.chmod(0o755)
