"""PostgreSQL processes that an earlier pandad, or a killed postmaster, left behind in our data directory.

A process is ours only if its working directory *is* the data directory (same device and inode) and its
program is ``postgres``; nothing else is ever signalled. Needs /proc; without it nothing is found and
PostgreSQL's own lock file decides.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

from twisted.internet.task import deferLater

from pandad.embedded.errors import PostgresError

POLL_S = 0.05
FAST_SHUTDOWN_S = 60.0
IMMEDIATE_SHUTDOWN_S = 10.0
PROC = Path("/proc")


def processes_in(data: Path) -> set[int]:
    """Process ids of the living PostgreSQL processes whose working directory is `data`."""
    if not data.exists():
        return set()
    here = data.stat()
    return {int(entry.name) for entry in PROC.glob("[0-9]*") if _is_postgres_in(entry, here)}


def _is_postgres_in(entry: Path, here: os.stat_result) -> bool:
    try:
        return (entry / "comm").read_text().strip() == "postgres" and os.path.samestat(
            (entry / "cwd").stat(), here
        )
    except OSError:
        return False  # gone meanwhile, a zombie, or of an account whose processes we may not inspect


def postmaster_pid(data: Path) -> int | None:
    """The first line of postmaster.pid, None if there is no (complete) such file. The process need not
    exist."""
    try:
        return int((data / "postmaster.pid").read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None


async def clear_leftovers(reactor: Any, data: Path) -> None:
    """Return when no PostgreSQL runs in `data`: ask a postmaster there to shut down cleanly, wait, then
    insist.

    The caller holds the directory's lock, so whatever runs here has no owner any more. Raises PostgresError
    if processes stay."""
    found = processes_in(data)
    if not found:
        _drop_reused_lock(data)
        return
    _signal(found & {postmaster_pid(data) or 0}, signal.SIGINT)
    if not await _empty_within(reactor, data, FAST_SHUTDOWN_S):
        _signal(processes_in(data), signal.SIGQUIT)
        if not await _empty_within(reactor, data, IMMEDIATE_SHUTDOWN_S):
            raise PostgresError(f"PostgreSQL processes {sorted(processes_in(data))} in {data} do not stop")
    _drop_reused_lock(data)


def _signal(pids: set[int], number: int) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


async def _empty_within(reactor: Any, data: Path, limit_s: float) -> bool:
    deadline = reactor.seconds() + limit_s
    while processes_in(data):
        if reactor.seconds() > deadline:
            return False
        await deferLater(reactor, POLL_S)
    return True


def _drop_reused_lock(data: Path) -> None:
    """After a reboot or in a new container the process id in a stale postmaster.pid often belongs to
    something else, and PostgreSQL then refuses to start. A dead id is left in place: with it PostgreSQL
    checks its shared memory too."""
    pid = postmaster_pid(data)
    if pid and (PROC / "self").exists() and (PROC / str(pid)).exists():
        (data / "postmaster.pid").unlink(missing_ok=True)
