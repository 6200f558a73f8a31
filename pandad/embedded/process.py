"""Starting PostgreSQL's programs as the right account, tied to the life of this process (see launch.py)."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from pandad.embedded.account import Account
from pandad.embedded.errors import PostgresError

LAUNCH = Path(__file__).with_name("launch.py")
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}
"""All that the programs see of the environment: a PGHOST or PGOPTIONS of the user's must not turn them
elsewhere. The locale is fixed because messages are compared."""


class Child(ProcessProtocol):
    """A child process whose end any number of parties may await, and whose output is kept if it comes through
    pipes."""

    def __init__(self) -> None:
        self.pid = 0
        self.output = b""
        self.ending: str | None = None
        """How it ended, in words; None while it lives."""
        self.exit_code: int | None = None
        """None while it lives, and if a signal ended it."""
        self._waiting: list[Deferred[str]] = []

    def connectionMade(self) -> None:
        self.pid = self.transport.pid  # type: ignore[union-attr]

    def outReceived(self, data: bytes) -> None:
        self.output += data

    errReceived = outReceived

    def processEnded(self, reason: Failure) -> None:
        """The process has been reaped: tell all who wait."""
        ended: Any = reason.value
        self.exit_code = ended.exitCode
        self.ending = reason.getErrorMessage()
        waiting, self._waiting = self._waiting, []
        for deferred in waiting:
            deferred.callback(self.ending)

    def ended(self) -> Deferred[str]:
        """Fires with `ending` when the process has been reaped."""
        deferred: Deferred[str] = Deferred()
        if self.ending is None:
            self._waiting.append(deferred)
        else:
            deferred.callback(self.ending)
        return deferred

    def signal(self, number: int) -> None:
        """Does nothing if the process is gone."""
        if self.ending is None:
            os.kill(self.pid, number)


@dataclass(frozen=True)
class Launcher:
    """Starts programs as `account`."""

    reactor: Any
    account: Account

    def spawn_postmaster(self, command: Sequence[str], data: Path, log: Path) -> Child:
        """Its output goes straight into the file `log`, so that it outlives this process. Dies by a fast
        shutdown with this process."""
        log_fd = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        null_fd = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return self._spawn(command, data, signal.SIGINT, {0: null_fd, 1: log_fd, 2: log_fd})
        finally:
            os.close(log_fd)
            os.close(null_fd)

    async def run(self, command: Sequence[str], directory: Path) -> str:
        """Run a program to its end in `directory` and return what it printed (both streams).

        Raises PostgresError, with what it printed, unless it exits with 0."""
        child = self._spawn(command, directory, signal.SIGTERM, {0: "w", 1: "r", 2: "r"})
        ending = await child.ended()
        printed = child.output.decode(errors="replace")
        if child.exit_code != 0:
            raise PostgresError(f"{Path(command[0]).name}: {ending}", tuple(printed.splitlines()))
        return printed

    def _spawn(
        self, command: Sequence[str], directory: Path, death_signal: int, fds: dict[int, Any]
    ) -> Child:
        who = (str(self.account.uid), str(self.account.gid)) if self.account.drop else ("-", "-")
        arguments = [sys.executable, "-I", "-S", str(LAUNCH), str(os.getpid()), str(int(death_signal)), *who]
        child = Child()
        self.reactor.spawnProcess(
            child, sys.executable, [*arguments, str(directory), *command], env=ENVIRONMENT, childFDs=fds
        )
        return child
