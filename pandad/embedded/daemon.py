"""The pandad daemon as a child process that is started again when it dies, as systemd does it in production."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import treq
from twisted.internet.defer import TimeoutError as WaitTimeout
from twisted.internet.error import ConnectError
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.web.client import ResponseNeverReceived

import pandad
from pandad.embedded.process import LAUNCH, Child
from pandad.spec.errors import PandadError

RESTART_S = 0.5
STOP_LIMIT_S = 20.0
START_LIMIT_S = 60.0
READY_POLL_S = 0.1
ANSWER_LIMIT_S = 5.0
LOG_TAIL_LINES = 15

TWISTD = "from twisted.scripts.twistd import run; run()"
"""All that the script `twistd` does; the script itself may not be on the path."""


class DaemonError(PandadError):
    """The daemon did not come up; the text has the end of its log."""


class DaemonProcess:
    """`twistd -n pandad --config CONFIG`, kept running from `start` to `stop`. ``environment``: beside ours."""

    log = Logger()

    def __init__(self, reactor: Any, config: Path, http_port: int, log_file: Path,
                 environment: Mapping[str, str] | None = None) -> None:
        self._reactor, self._config, self._http_port, self.log_file = reactor, config, http_port, log_file
        self._environment = {**environment_of_pandad(), **(environment or {})}
        self._child: Child | None = None
        self._wanted = False
        self.starts = 0
        """How often it was started; 1 if it never died."""

    @property
    def pid(self) -> int | None:
        """Its process id, None while it does not run."""
        return self._child.pid if self._child is not None and self._child.ending is None else None

    async def start(self) -> None:
        """Return when the daemon is ready to work.

        :raise DaemonError: it ended, or was not ready in time.
        """
        self._wanted = True
        self._spawn()
        deadline = self._reactor.seconds() + START_LIMIT_S
        complaint = "it did not answer"
        while self._reactor.seconds() < deadline:
            if self.pid is None:
                raise DaemonError(f"the daemon ended at once: {self._child and self._child.ending}\n{self._tail()}")
            said = await self.complaint()
            if said is None:
                return
            complaint = said
            await deferLater(self._reactor, READY_POLL_S)
        raise DaemonError(f"the daemon was not ready within {START_LIMIT_S:.0f} s: {complaint}\n{self._tail()}")

    async def complaint(self) -> str | None:
        """Why the daemon is not ready, in its own words; None if it is."""
        try:
            response = await treq.get(f"http://127.0.0.1:{self._http_port}/readyz", timeout=ANSWER_LIMIT_S, reactor=self._reactor,
                                      persistent=False)
            text = await response.text()
        except (ConnectError, ResponseNeverReceived, WaitTimeout) as error:
            return f"no answer: {type(error).__name__}"
        return None if response.code == 200 else text.strip()

    async def stop(self) -> None:
        """Return when the daemon is gone."""
        self._wanted = False
        child = self._child
        if child is None or child.ending is not None:
            return
        child.signal(signal.SIGTERM)
        impatience = self._reactor.callLater(STOP_LIMIT_S, child.signal, signal.SIGKILL)
        await child.ended()
        if impatience.active():
            impatience.cancel()

    def kill(self) -> None:
        """kill -9, as a fault would; it is started again."""
        if self._child is not None:
            self._child.signal(signal.SIGKILL)

    def _spawn(self) -> None:
        self.starts += 1
        child = self._child = Child()
        command = self._command()
        launch = [sys.executable, "-I", "-S", str(LAUNCH), str(os.getpid()), str(int(signal.SIGTERM)), "-", "-"]
        log_fd = os.open(self.log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        try:
            self._reactor.spawnProcess(child, sys.executable, [*launch, str(self._config.parent), *command],
                                       env=self._environment, childFDs={0: "w", 1: log_fd, 2: log_fd, **self._descriptors()})
        finally:
            os.close(log_fd)
        child.ended().addCallback(lambda ending: self._ended(child, ending))

    def _command(self) -> list[str]:
        return [sys.executable, "-c", TWISTD, "-n", "--pidfile=", "pandad", "--config", str(self._config)]

    def _descriptors(self) -> dict[int, int]:
        """What it inherits beside the usual three: its number there, and here."""
        return {}

    def _ended(self, child: Child, ending: str) -> None:
        if self._wanted and child is self._child:
            self.log.warn("the daemon ended ({ending}), it is started again", ending=ending)
            self._reactor.callLater(RESTART_S, lambda: self._spawn() if self._wanted else None)

    def _tail(self) -> str:
        lines = self.log_file.read_text("utf-8", "replace").splitlines()[-LOG_TAIL_LINES:]
        return "\n".join(f"  {line}" for line in lines)


def environment_of_pandad() -> dict[str, str]:
    """As ours, and with this very pandad first on the path, installed or not: twistd finds its plugin by the path."""
    here = str(Path(pandad.__file__).parent.parent)
    rest = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": f"{here}{os.pathsep}{rest}" if rest else here}
