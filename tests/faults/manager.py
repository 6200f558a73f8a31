"""What systemd does for a service, by its protocols: it keeps the listening sockets, passes them on, and is told how all is."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from pandad.embedded.daemon import DaemonProcess
from pandad.embedded.sandbox import HOST

from .stand import CONFIG, Stand
from .wire import Door

BACKLOG = 1024
# LISTEN_PID has to be the process that reads it.
EXEC = "import os, sys; os.environ['LISTEN_PID'] = str(os.getpid()); os.execv(sys.argv[1], sys.argv[1:])"


class Notes:
    """The datagrams that a service sends: words and values in the order of their coming."""

    def __init__(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(str(path))
        self.path, self._lines = path, list[str]()

    @property
    def lines(self) -> list[str]:
        """All so far."""
        with suppress(BlockingIOError):
            while True:
                self._lines += self._socket.recv(1 << 16).decode().split("\n")
        return self._lines

    def clear(self) -> None:
        """Forget what came."""
        self.lines.clear()

    def close(self) -> None:
        """Hear no more."""
        self._socket.close()
        self.path.unlink(missing_ok=True)


class ManagedDaemon(DaemonProcess):
    """The daemon, started with sockets that listen already; it is ready when it says so."""

    def __init__(self, reactor: Any, config: Path, log_file: Path, sockets: Mapping[str, socket.socket], notes: Notes,
                 environment: Mapping[str, str]) -> None:
        passed = {"LISTEN_FDS": str(len(sockets)), "LISTEN_FDNAMES": ":".join(sockets), "NOTIFY_SOCKET": str(notes.path)}
        super().__init__(reactor, config, 0, log_file, {**environment, **passed})
        self._sockets, self.notes = sockets, notes

    async def complaint(self) -> str | None:
        """See DaemonProcess."""
        return None if "READY=1" in self.notes.lines else "it did not say READY=1"

    def _spawn(self) -> None:
        self.notes.clear()
        super()._spawn()

    def _command(self) -> list[str]:
        return [sys.executable, "-c", EXEC, *super()._command()]

    def _descriptors(self) -> dict[int, int]:
        return {3 + place: each.fileno() for place, each in enumerate(self._sockets.values())}


class ManagedStand(Stand):
    """Several daemons that share the sockets of one manager, as instances of a unit with one socket unit do."""

    async def start(self) -> None:
        """See Stand."""
        self.sockets = {name: _listening() for name in ("tls", "http")}
        await super().start()

    async def stop(self) -> None:
        """See Stand."""
        await super().stop()
        for daemon in self.daemons:
            assert isinstance(daemon, ManagedDaemon)
            daemon.notes.close()
        for each in self.sockets.values():
            each.close()

    def _add_daemon(self, number: int) -> None:
        tls_port, http_port = (each.getsockname()[1] for each in self.sockets.values())
        self.config_file(number).write_text(CONFIG.substitute(self._words(), tls_port=tls_port, http_port=http_port), "utf-8")
        log_file, notes = self.directory / "log" / f"pandad{number}.log", Notes(self.directory / f"notify{number}")
        self.daemons.append(
            ManagedDaemon(self._reactor, self.config_file(number), log_file, self.sockets, notes, self.environment(number)))
        if not number:
            self.doors.append((HOST, tls_port))
            self.passive.append(Door(HOST, http_port))


def _listening() -> socket.socket:
    opened = socket.socket()
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    opened.bind((HOST, 0))
    opened.listen(BACKLOG)
    os.set_inheritable(opened.fileno(), False)
    return opened
