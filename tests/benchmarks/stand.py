"""What every measurement stands on: a sandbox, daemons on its database, load generators, the report. All of it blocks; the
reactor that keeps PostgreSQL up runs in another thread."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pandad.embedded.sandbox import Sandbox
from tests.benchmarks import daemons, usage
from tests.benchmarks.daemons import Daemon
from tests.benchmarks.database import Database
from tests.benchmarks.generators import generated
from tests.benchmarks.jobs import Jobs
from tests.benchmarks.load import Found, Load
from tests.benchmarks.profiler import Profiler
from tests.benchmarks.report import Report, say

CLIENTS_OF_A_GENERATOR = 32  # more than so many get a second generator: one alone could be the limit


class Interrupted(Exception):
    """Somebody wants the benchmark to end."""


@dataclass(frozen=True, slots=True)
class Transport:
    """How the calls travel."""

    name: str
    tls: bool = False
    new_connection_per_call: bool = False
    resumes: bool = False


HTTP = Transport("http keep-alive")
HTTPS = Transport("https keep-alive", tls=True)
HTTPS_NEW = Transport("https new connection", tls=True, new_connection_per_call=True)
HTTPS_RESUMED = Transport("https new connection, session offered", tls=True, new_connection_per_call=True, resumes=True)


class Stand:
    """Where measurements are made."""

    def __init__(self, sandbox: Sandbox, seconds: int, stopped: Callable[[], bool], profiler: Profiler) -> None:
        self.sandbox, self.seconds, self.profiler = sandbox, seconds, profiler
        self.database = Database(sandbox.config.database.dsn)
        self.jobs = Jobs(self.database)
        self.report = Report()
        self.daemons: list[Daemon] = []
        self._stopped = stopped

    def start_daemon(self) -> None:
        """One more on the same database."""
        self.daemons.append(daemons.start(self.sandbox, len(self.daemons)))

    def stop_daemons(self) -> None:
        """All of them."""
        daemons.stop(self.daemons)
        self.daemons.clear()

    def close(self) -> None:
        """Leave the database."""
        self.stop_daemons()
        self.database.close()

    def go_on(self, what: str) -> None:
        """Say what comes.

        :raise Interrupted: instead, if somebody wants the end.
        """
        if self._stopped():
            raise Interrupted("stopped")
        say(what)

    def load(self, kind: str, transport: Transport, clients: int, *, passive: bool = False, user: str = "pilot",
             proxy: Path | None = None, seconds: float | None = None, **more: Any) -> Found:
        """Put a load on all daemons, a share on each.

        :param passive: the port for reads. :param proxy: instead of the user's plain one. :param more: of Load.
        """
        self.go_on(f"{kind}: {clients} clients, {transport.name}")
        pki = self.sandbox.pki
        whole = Load(kind=kind, port=0, clients=clients, seconds=seconds or self.seconds, proxy=str(proxy or pki.proxy(user)),
                     ca_directory=str(pki.ca_directory), tls=transport.tls,
                     new_connection_per_call=transport.new_connection_per_call, resumes=transport.resumes, **more)
        ports = [d.tls_port if transport.tls else d.http_port if passive else d.plain_port for d in self.daemons]
        generators = max(len(ports), 2 if clients > CLIENTS_OF_A_GENERATOR else 1)
        loads = whole.split(generators)
        return generated([replace(load, port=ports[n % len(ports)]) for n, load in enumerate(loads)], self.cpu_s)

    def cpu_s(self) -> dict[str, float]:
        """CPU time of the daemons and of PostgreSQL since their start."""
        used: dict[str, float] = {}
        for name, root in self.processes():
            used[name] = used.get(name, 0.0) + usage.cpu_s(root)
        return used

    def transactions(self) -> Counter[str]:
        """Of all daemons since their start, by name."""
        made: Counter[str] = Counter()
        for daemon in self.daemons:
            made.update(daemons.transactions(daemon))
        return made

    def processes(self) -> list[tuple[str, int]]:
        """The roots of what is measured, by name."""
        postgres = self.sandbox.postgres.pid
        return [*(("daemon", daemon.pid) for daemon in self.daemons), *([("postgres", postgres)] if postgres else [])]
