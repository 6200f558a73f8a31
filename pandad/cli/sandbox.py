"""`pandad sandbox DIR`: a whole PanDA to play with, until Ctrl-C or `--stop`."""

from __future__ import annotations

import argparse
import os
import signal
import time
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred

from pandad.cli.foreground import in_foreground
from pandad.embedded.rucio.surroundings import FAR, SAMPLE, SCOPES
from pandad.embedded.sandbox import ENDPOINT, QUEUE, USUAL_PORTS, Sandbox
from pandad.spec.errors import PandadError

STOP_LIMIT_S = 60.0


class NotRunning(PandadError):
    """There is no sandbox to stop."""


def run(args: argparse.Namespace) -> int:
    """Run or stop a sandbox; returns when it is stopped."""
    pid_file = args.directory / "sandbox.pid"
    if args.stop:
        return _stop(pid_file)
    return in_foreground(lambda reactor, stopped: _serve(reactor, stopped, args, pid_file))


async def _serve(reactor: Any, stopped: Deferred[None], args: argparse.Namespace, pid_file: Path) -> int:
    wanted = args.rucio or (args.directory / "rucio").exists()  # once with a Rucio, always with it: its files are there
    sandbox = Sandbox(reactor, args.directory, _ports(args), args.cache if wanted else None)
    await sandbox.start()
    pid_file.write_text(f"{os.getpid()}\n", "utf-8")
    try:
        print(_welcome(sandbox), flush=True)
        await stopped
    finally:
        await sandbox.stop()
        pid_file.unlink(missing_ok=True)
    return 0


def _ports(args: argparse.Namespace) -> tuple[int, int]:
    wished = zip((args.tls_port, args.http_port), USUAL_PORTS, strict=True)
    tls, plain = (usual if port is None else port for port, usual in wished)
    return tls, plain


def _welcome(sandbox: Sandbox) -> str:
    server = sandbox.config.server
    return f"""The sandbox is ready: TLS port {server.tls_port}, plain port {server.http_port}, queue {QUEUE}.
In another terminal:
  . {sandbox.directory}/env.sh
  pandad queue ls
  pandad job submit JOB.toml
With panda-client (docs/how-to/prun.md):
  . {sandbox.directory}/env-oidc.sh
  prun --exec 'echo hi > out.txt' --outputs out.txt --noBuild --outDS user.alice.first
  pbook show
Its log: {sandbox.log_file}{_of_rucio(sandbox)}
Stop it with Ctrl-C, or: pandad sandbox {sandbox.directory} --stop"""


def _of_rucio(sandbox: Sandbox) -> str:
    if sandbox.rucio is None:
        return ""
    return f"""
Rucio: {sandbox.rucio.url}, log {sandbox.rucio.log_file}. It has {SCOPES[1]}:{SAMPLE} at {FAR}; the queue reads at {ENDPOINT}."""


def _stop(pid_file: Path) -> int:
    """Ask the sandbox to stop and wait until it is gone.

    :raise NotRunning: there is none.
    """
    pid = _pid(pid_file)
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_LIMIT_S
    while pid_file.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    return 1 if pid_file.exists() else 0


def _pid(pid_file: Path) -> int:
    """The process of that sandbox; never another one that got its number."""
    try:
        pid = int(pid_file.read_text("utf-8"))
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ValueError):
        raise NotRunning(f"no sandbox runs on {pid_file.parent}") from None
    if b"sandbox" not in command:
        raise NotRunning(f"no sandbox runs on {pid_file.parent}; process {pid} is another program")
    return pid
