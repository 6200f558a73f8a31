"""Daemons under measurement as child processes: started, awaited, stopped. All of it blocks."""

from __future__ import annotations

import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pandad.embedded.sandbox import INTERFACE, Sandbox, free_ports

ROOT = Path(__file__).parents[2]
_TRANSACTIONS = re.compile(r'^pandad_transaction_seconds_count\{name="([^"]+)"\} ([\d.]+)$', re.MULTILINE)
LIMITS = """
[limits]
calls_per_s = 1000000
calls_burst = 1000000
handshakes_burst = 1000000
"""  # one address and one user stand for thousands
START_LIMIT_S, STOP_LIMIT_S, POLL_S = 60.0, 30.0, 0.1


class DaemonDied(Exception):
    """The text has the end of its log."""


@dataclass(frozen=True, slots=True)
class Daemon:
    """One that runs. `plain_port` serves all that `tls_port` does; `http_port` is the passive one."""

    process: subprocess.Popen[bytes]
    tls_port: int
    http_port: int
    plain_port: int
    log: Path

    @property
    def pid(self) -> int:
        """Of the process."""
        return self.process.pid


def start(sandbox: Sandbox, number: int = 0) -> Daemon:
    """Another daemon on the sandbox's database, ready to work.

    :raise DaemonDied: it is not ready.
    """
    (tls_port, http_port), (plain_port, _) = free_ports((0, 0)), free_ports((0, 0))
    config = sandbox.directory / f"pandad-{number}.toml"
    config.write_text(_with_ports(sandbox.config_file.read_text("utf-8"), tls_port, http_port) + LIMITS, "utf-8")
    log = sandbox.directory / "log" / f"pandad-{number}.log"
    twistd = ["-n", "--pidfile=", "pandad", "--config", str(config)]
    command = [sys.executable, "-m", "tests.benchmarks.daemon", str(plain_port), *twistd]
    with log.open("ab") as output:
        process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    daemon = Daemon(process, tls_port, http_port, plain_port, log)
    _await_ready(daemon)
    return daemon


def stop(daemons: Sequence[Daemon]) -> None:
    """Return when they are gone."""
    for daemon in daemons:
        daemon.process.terminate()
    for daemon in daemons:
        try:
            daemon.process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            daemon.process.kill()
            daemon.process.wait()


def transactions(daemon: Daemon) -> dict[str, float]:
    """How many it has made so far, by their names in the daemon."""
    with urllib.request.urlopen(f"http://{INTERFACE}:{daemon.http_port}/metrics", timeout=STOP_LIMIT_S) as answer:
        return transactions_in(answer.read().decode())


def transactions_in(metrics: str) -> dict[str, float]:
    """Of what /metrics says."""
    return {name: float(count) for name, count in _TRANSACTIONS.findall(metrics)}


def _with_ports(config: str, tls_port: int, http_port: int) -> str:
    config = re.sub(r"(?m)^tls_port = \d+$", f"tls_port = {tls_port}", config)
    return re.sub(r"(?m)^http_port = \d+$", f"http_port = {http_port}", config)


def _await_ready(daemon: Daemon) -> None:
    deadline = time.monotonic() + START_LIMIT_S
    while daemon.process.poll() is None and time.monotonic() < deadline:
        if _is_ready(daemon):
            return
        time.sleep(POLL_S)
    stop([daemon])
    raise DaemonDied("\n".join(daemon.log.read_text("utf-8", "replace").splitlines()[-20:]))


def _is_ready(daemon: Daemon) -> bool:
    try:
        with urllib.request.urlopen(f"http://{INTERFACE}:{daemon.http_port}/readyz", timeout=STOP_LIMIT_S) as answer:
            return bool(answer.status == 200)
    except urllib.error.HTTPError:
        return False  # it says why not, and that is "not yet"
    except OSError:
        return False
