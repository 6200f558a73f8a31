"""The measurements in their order. All of it blocks: the reactor that keeps the sandbox up runs in another thread."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson

from pandad.embedded.pki import SANDBOX_USERS
from pandad.embedded.sandbox import HOST, Sandbox
from tests.benchmarks import pgbench
from tests.benchmarks.database import Database
from tests.benchmarks.generator import HEARTBEAT_JOBS
from tests.benchmarks.load import Found, Load
from tests.benchmarks.profiler import Profiler
from tests.benchmarks.statements import pilot_script
from tests.benchmarks.usage import usage

CLIENTS = (1, 8, 64)
USUAL_CLIENTS = 8
SUBMITTERS = 4
JOBS_PER_CALL = 100
FILLING_S = 2.0
READ_IDS = 500
SUPPLY_PER_S = 600  # so many jobs are there for each second of pilot cycles; a run that uses them up ends early
PGBENCH_SUPPLY_PER_S = 2500
SYNCS = 200
ROOT = Path(__file__).parents[2]


class Interrupted(Exception):
    """Somebody wants the benchmark to end."""


class Suite:
    """Measures one sandbox."""

    def __init__(self, sandbox: Sandbox, seconds: int, stopped: Callable[[], bool], profiler: Profiler) -> None:
        self._sandbox, self._seconds, self._stopped, self._profiler = sandbox, seconds, stopped, profiler
        self._database = Database(sandbox.config.database.dsn)
        self._cycles_per_s: dict[int, float] = {}

    def of_pandad(self) -> None:
        """All that needs the daemon."""
        self._host()
        self._memory("idle")
        self._submissions()
        for clients in CLIENTS:
            self._cycles_per_s[clients] = self._pilot_cycles(clients, "https keep-alive")
        self._memory("after load")
        self._pilot_cycles(USUAL_CLIENTS, "https new connection")
        self._fill(USUAL_CLIENTS * HEARTBEAT_JOBS + 1)  # pgbench will want one to copy
        self._calls("heartbeats", "https keep-alive")
        self._calls("reads", "http keep-alive", ids=self._some_ids())
        self._calls("alive", "http keep-alive")

    def of_postgres(self) -> None:
        """pgbench, on the same database and without the daemon: its loops would take the jobs that pgbench reports."""
        script = self._sandbox.directory / "cycle.pgbench"
        script.write_text(pilot_script(self._database, SANDBOX_USERS["pilot"]), "utf-8")
        for clients in CLIENTS:
            self._pgbench(script, clients)

    def close(self) -> None:
        """Leave the database."""
        self._database.close()

    def _host(self) -> None:
        settings = self._database.settings("server_version", "fsync", "synchronous_commit", "shared_buffers")
        emit("host", cpus=os.cpu_count(), load_average=round(os.getloadavg()[0], 2), python=platform.python_version(),
             fdatasync_mean_ms=_fdatasync_mean_ms(self._sandbox.directory), seconds_per_measurement=self._seconds,
             **{f"postgres_{name}": value for name, value in settings.items()})

    def _memory(self, when: str) -> None:
        for name, root in self._processes().items():
            used = usage(root)
            emit("memory", of=name, when=when, pss_mb=used.pss_mb, rss_mb=used.rss_mb, processes=used.processes)

    def _submissions(self) -> None:
        """How fast jobs come in, and until brokerage and data service have made them ready for pilots."""
        found = self._load("submissions", "https keep-alive", SUBMITTERS)
        lag_s = self._database.await_none("defined", "assigned", "waiting")
        emit("submissions", transport="https keep-alive", clients=SUBMITTERS, jobs_per_call=JOBS_PER_CALL, jobs=found.units,
             jobs_per_s=found.per_s, **_percentiles(found, "submit"), **_cpu_ms(found.cpu_s, found.units, "job"),
             all_activated_after_s=round(lag_s, 2), activated_per_s=round(found.units / (found.window_s + lag_s), 1),
             errors=found.errors)

    def _pilot_cycles(self, clients: int, transport: str) -> float:
        """Cycles per second. CPU time includes that of the adder, which finishes the jobs."""
        self._fill(self._seconds * SUPPLY_PER_S)
        there, profiled = self._database.count("activated"), clients == USUAL_CLIENTS and transport == "https keep-alive"
        with self._profiler.of(self._sandbox.daemon.pid if profiled else None, self._seconds):
            found = self._load("pilot", transport, clients, supply=there)
        drain_s, drain_cpu_s = self._drained()
        emit("pilot_cycles", transport=transport, clients=clients, jobs=len(found.reported), cycles_per_s=found.per_s,
             **_percentiles(found, "acquire", "update", "report"),
             **_cpu_ms(Counter(found.cpu_s) + drain_cpu_s, len(found.reported), "cycle"),
             share_of_machine=_share_of_machine(found), all_finished_after_s=round(drain_s, 2),
             **self._losses(there, found), errors=found.errors)
        return found.per_s

    def _losses(self, there: int, found: Found) -> dict[str, int]:
        """What must be 0. A job is lost if it left `activated` and came to no pilot, or was reported and is not finished."""
        handed = set(found.handed)
        taken = there - self._database.count("activated")
        unfinished = len(found.reported) - self._database.finished(found.reported)
        return {"doubled": len(found.handed) - len(handed), "lost": taken - len(handed) + unfinished,
                "told_no_jobs_though_there_were": found.no_jobs}

    def _drained(self) -> tuple[float, Counter[str]]:
        """Seconds until the adder was through, and the CPU time that went by."""
        before = self._cpu_s()
        drain_s = self._database.await_none("holding")
        return drain_s, self._cpu_s() - before

    def _calls(self, kind: str, transport: str, ids: Sequence[int] = ()) -> None:
        found = self._load(kind, transport, USUAL_CLIENTS, ids=ids)
        (call,) = found.latencies_ms
        emit(kind, transport=transport, clients=USUAL_CLIENTS, calls_per_s=found.per_s, **_percentiles(found, call),
             **_cpu_ms(found.cpu_s, found.units, "call"), errors=found.errors)

    def _pgbench(self, script: Path, clients: int) -> None:
        self._database.copy_jobs(self._seconds * PGBENCH_SUPPLY_PER_S)
        self._database.settle()
        self._go_on(f"pgbench: {clients} clients")
        before = self._cpu_s()
        result = pgbench.run(script, self._database.dsn, clients, self._seconds)
        used = self._cpu_s() - before
        acquire_ms, update_ms, report_ms = result.statement_mean_ms[-3:]  # what comes before prepares them
        emit("pgbench_cycles", transport="unix socket, prepared", clients=clients, cycles_per_s=round(result.per_s, 1),
             acquire_mean_ms=acquire_ms, update_mean_ms=update_ms, report_mean_ms=report_ms,
             **_cpu_ms(used, result.transactions, "cycle"), pandad_cycles_per_s=self._cycles_per_s[clients],
             pandad_per_pgbench=round(self._cycles_per_s[clients] / result.per_s, 3))

    def _fill(self, wanted: int) -> None:
        """See to it that so many jobs are activated, by way of the API and the brokerage; then let the database rest."""
        while (there := self._database.count("activated")) < wanted:
            say(f"{there} of {wanted} jobs are there")
            self._load("submissions", "https keep-alive", SUBMITTERS, seconds=FILLING_S)
            self._database.await_none("defined", "assigned", "waiting")
        self._database.settle()

    def _load(self, kind: str, transport: str, clients: int, *, supply: int = 0, ids: Sequence[int] = (),
              seconds: float | None = None) -> Found:
        self._go_on(f"{kind}: {clients} clients, {transport}")
        sandbox, server, pki = self._sandbox, self._sandbox.config.server, self._sandbox.pki
        scheme, port = ("https", server.tls_port) if transport.startswith("https") else ("http", server.http_port)
        return generated(Load(
            kind=kind, url=f"{scheme}://{HOST}:{port}", clients=clients, seconds=seconds or self._seconds,
            proxy=str(sandbox.pki.proxy("alice" if kind == "submissions" else "pilot")), ca_directory=str(pki.ca_directory),
            new_connection_per_call=transport.endswith("new connection"), supply=supply, ids=ids, jobs_per_call=JOBS_PER_CALL,
            watched=self._processes()))

    def _go_on(self, what: str) -> None:
        if self._stopped():
            raise Interrupted("stopped")
        say(what)

    def _some_ids(self) -> list[int]:
        return [row[0] for row in self._database.rows("SELECT pandaid FROM job ORDER BY pandaid LIMIT %(n)s", {"n": READ_IDS})]

    def _processes(self) -> dict[str, int]:
        pids = {"daemon": self._sandbox.daemon.pid, "postgres": self._sandbox.postgres.pid}
        return {name: pid for name, pid in pids.items() if pid is not None}

    def _cpu_s(self) -> Counter[str]:
        return Counter({name: usage(root).cpu_s for name, root in self._processes().items()})


def generated(load: Load) -> Found:
    """Run a generator in a process of its own, so that its CPU time is not the daemon's.

    :raise CalledProcessError: it died; its traceback went to standard error.
    """
    done = subprocess.run([sys.executable, "-m", "tests.benchmarks.generator"], input=orjson.dumps(asdict(load)), cwd=ROOT,
                          stdout=subprocess.PIPE, check=True)
    return Found(**orjson.loads(done.stdout))


def emit(measure: str, **figures: Any) -> None:
    """One line of result."""
    print(json.dumps({"measure": measure, **figures}), flush=True)


def say(text: str) -> None:
    """Progress, for a person who waits."""
    print(f"{time.strftime('%H:%M:%S')}  {text}", file=sys.stderr, flush=True)


def _percentiles(found: Found, *calls: str) -> dict[str, float | None]:
    return {f"{call}_p{percent}_ms": found.percentile_ms(call, percent) for call in calls for percent in (50, 95)}


def _cpu_ms(cpu_s: Mapping[str, float], units: int, unit: str) -> dict[str, float | None]:
    return {f"{name}_cpu_ms_per_{unit}": round(s * 1000 / units, 3) if units else None for name, s in cpu_s.items()}


def _share_of_machine(found: Found) -> float:
    """How much of all processors the measured processes got; where others work too, the rates are lower than they could be."""
    return round(sum(found.cpu_s.values()) / (found.window_s * (os.cpu_count() or 1)), 2)


def _fdatasync_mean_ms(directory: Path) -> float:
    """What a commit waits for, at the least: a page written and synchronised."""
    with tempfile.TemporaryFile(dir=directory) as file:
        began = time.perf_counter()
        for _ in range(SYNCS):
            os.pwrite(file.fileno(), bytes(8192), 0)
            os.fdatasync(file.fileno())
        return round((time.perf_counter() - began) * 1000 / SYNCS, 3)
