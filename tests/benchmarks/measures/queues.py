"""Other queues on the same PostgreSQL: a process of theirs and no-op jobs; what enqueues them does not count."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec

from tests.benchmarks.daemons import ROOT
from tests.benchmarks.database import Database
from tests.benchmarks.stand import Stand
from tests.benchmarks.usage import Machine, cpu_s

JOBS_PER_S = {"procrastinate": 1500, "pgqueuer": 12_000}  # so many are there; a worker that is faster ends early
# As each comes, one job at a time as pilots ask, and what costs least per job of what their pages name.
SETTINGS: Mapping[str, Sequence[Mapping[str, int]]] = {
    "procrastinate": ({"concurrency": 1}, {"concurrency": 10}),
    "pgqueuer": ({"managers": 1, "batch": 1}, {"managers": 1, "batch": 10}, {"managers": 1, "batch": 100}),
}


class PeerDied(Exception):
    """Its traceback went to standard error."""


def queue(stand: Stand, name: str) -> None:
    """Jobs per second of one worker process with each of its settings. No daemon may be running."""
    if find_spec(name) is None:
        stand.report.emit("queue", of=name, skipped=f"{name} is not installed: pip install .[bench]")
        return
    for settings in SETTINGS[name]:
        stand.go_on(f"{name}: {_words(settings)}")
        with stand.database.another(name) as database:
            jobs = JOBS_PER_S[name] * stand.seconds
            subprocess.run(_command(name, "fill", database.dsn, str(jobs)), cwd=ROOT, check=True)
            database.rows("VACUUM ANALYZE")
            database.rows("CHECKPOINT")
            _measure(stand, name, database, settings)


def _measure(stand: Stand, name: str, database: Database, settings: Mapping[str, int]) -> None:
    what = json.dumps({**settings, "seconds": stand.seconds})
    with subprocess.Popen(_command(name, "work", database.dsn, what), cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as worker:
        assert worker.stdin is not None and worker.stdout is not None
        if worker.stdout.readline() != "ready\n":
            raise PeerDied(name)
        before, machine = {"worker": cpu_s(worker.pid), **stand.cpu_s()}, Machine.now()
        worker.stdin.write("go\n")
        worker.stdin.flush()
        said = worker.stdout.readline()
        after, machine_after = {"worker": cpu_s(worker.pid), **stand.cpu_s()}, Machine.now()
    found = json.loads(said)
    used = {process: after[process] - before[process] for process in before}
    stand.report.emit(
        "queue", of=name, settings=_words(settings), jobs_in_a_batch=settings.get("batch", 1), jobs=found["jobs"],
        jobs_per_s=round(found["jobs"] / found["seconds"], 1),
        **{f"{process}_cpu_ms_per_job": round(s * 1000 / found["jobs"], 3) for process, s in used.items()},
        jobs_per_cpu_s=round(found["jobs"] / sum(used.values()), 1),
        others_share_of_machine=machine_after.others_share(machine, sum(used.values())))


def _words(settings: Mapping[str, int]) -> str:
    return " ".join(f"{word}={value}" for word, value in settings.items())


def _command(name: str, verb: str, dsn: str, what: str) -> list[str]:
    return [sys.executable, "-m", "tests.benchmarks.peers.work", name, verb, dsn, what]
