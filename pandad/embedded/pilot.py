"""The real PanDA pilot, unmodified and contained, for the demo and for tests with real clients.

What it is told, and why, stands in pilotsettings.py.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessTerminated
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure

from pandad.embedded.containment import (
    ENVIRONMENT,
    ContainedPython,
    ContainmentError,
    check_containment,
    contained_account,
    contained_command,
    find_python,
)
from pandad.embedded.pilotsettings import (
    FAILURE_LAG_S,
    LOG_NAME,
    PAYLOAD_BASE_URL,
    SHIMS,
    TOKEN_NAME,
    PilotSettings,
    arguments,
    configuration,
    environment,
    queue_description,
)
from pandad.embedded.pilotsource import PILOT_VERSION, PilotUnavailable, prepare_pilot

__all__ = [
    "FAILURE_LAG_S",
    "PAYLOAD_BASE_URL",
    "PILOT_VERSION",
    "PilotProcess",
    "PilotSettings",
    "PilotUnavailable",
    "missing_requirements",
    "prepare_pilot",
    "queue_description",
]

COMMANDS: Mapping[str, str] = {
    "curl": "curl",
    "ps": "procps",
    "setpriv": "util-linux",
    "tar": "tar",
    "unshare": "util-linux",
}
"""Commands the pilot and its containment call, and the Debian package of each."""


def missing_requirements() -> list[str]:
    """Readable lines on what this machine lacks to run a pilot, each with what to do; empty if nothing.
    Blocks shortly."""
    path = ENVIRONMENT["PATH"]
    lacking = {command: package for command, package in COMMANDS.items() if not shutil.which(command, path=path)}
    if lacking:
        packages = " ".join(sorted(set(lacking.values())))
        return [f"missing command {', '.join(sorted(lacking))}: apt install {packages}"]
    try:
        check_containment()
    except ContainmentError as error:
        return [f"{error.reason}: {error.remedy}"]
    return []


class PilotProcess:
    """One run of the pilot. It cannot outlive this process, however this process ends."""

    def __init__(self, settings: PilotSettings) -> None:
        self.settings = settings
        self.finished: Deferred[int] = Deferred()
        """Fires with the exit code, or minus the signal's number, when nothing of the pilot is left; after `kill` with
        anything but 0."""
        self.log_file = settings.workdir / LOG_NAME
        self._process = _Process(self.finished)

    async def start(self, reactor: Any) -> None:
        """Returns when the process is started. Raises ContainmentError, and starts nothing, where the pilot
        cannot be contained or cannot reach its directories; OSError when `workdir` exists."""
        python = await deferToThreadPool(reactor, reactor.getThreadPool(), _set_up, self.settings)
        command = contained_command([python.executable, *arguments(self.settings)])
        log_fd = os.open(self.log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        null_fd = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        try:
            reactor.spawnProcess(
                self._process,
                command[0],
                command,
                env=environment(self.settings),
                path=str(self.settings.workdir),
                childFDs={0: null_fd, 1: log_fd, 2: log_fd},
            )
        finally:
            os.close(log_fd)
            os.close(null_fd)

    def kill(self) -> None:
        """Kill the pilot and all it started, at once; `finished` tells when they are gone. Does nothing if
        they are."""
        self._process.kill()


class _Process(ProcessProtocol):
    def __init__(self, finished: Deferred[int]) -> None:
        self._finished = finished
        self._pid: int | None = None

    def connectionMade(self) -> None:
        self._pid = self.transport.pid  # type: ignore[union-attr]

    def processEnded(self, reason: Failure) -> None:
        self._pid = None
        self._finished.callback(_exit_code(reason))

    def kill(self) -> None:
        """Kills process 1 of the namespace: unshare, which waits for it, then ends after the last process in
        it."""
        if self._pid is not None:
            for pid in _children(self._pid) or [self._pid]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def _exit_code(reason: Failure) -> int:
    if not isinstance(reason.value, ProcessTerminated):
        return 0
    return -reason.value.signal if reason.value.signal else int(reason.value.exitCode)


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _set_up(settings: PilotSettings) -> ContainedPython:
    python = find_python(tuple(SHIMS))
    account = contained_account()
    settings.workdir.mkdir(mode=0o755)
    settings.storage_root.mkdir(parents=True, exist_ok=True)
    for directory in (settings.workdir, settings.storage_root):
        if not account.reaches(directory.parent):
            raise ContainmentError(f"uid {account.uid} cannot enter {directory}", "choose a directory below /var/tmp")
    _fill(settings, python)
    if account.drop:
        _hand_over(settings.workdir, account.uid, account.gid)
        _hand_over(settings.storage_root, account.uid, account.gid)
    return python


def _fill(settings: PilotSettings, python: ContainedPython) -> None:
    """The pilot may delete the directory it starts in, so it gets copies of everything."""
    workdir = settings.workdir
    shutil.copytree(settings.source, workdir / "source")
    shutil.copytree(settings.ca_dir, workdir / "certificates", symlinks=False)
    shutil.copy(settings.proxy_file, workdir / "proxy.pem")
    (workdir / "proxy.pem").chmod(0o600)
    if settings.token_file is not None:
        shutil.copy(settings.token_file, workdir / TOKEN_NAME)
        (workdir / TOKEN_NAME).chmod(0o600)
    (workdir / "tmp").mkdir()
    (workdir / "shims").mkdir()
    for module in python.missing_modules:
        (workdir / "shims" / f"{module}.py").write_text(SHIMS[module])
    with open(workdir / "pilot.cfg", "w") as file:
        configuration(settings).write(file)


def _hand_over(top: Path, uid: int, gid: int) -> None:
    """Through open directories: a pilot that already runs could put a link where a directory was. Another
    pilot may also move files meanwhile."""
    for _, subdirectories, files, directory in os.fwalk(top):
        os.fchown(directory, uid, gid)
        for name in (*subdirectories, *files):
            with contextlib.suppress(FileNotFoundError):
                os.chown(name, uid, gid, dir_fd=directory, follow_symlinks=False)
