"""Pilot cycles: acquire, running, finished, and nothing lost or doubled on the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from tests.benchmarks.load import Found
from tests.benchmarks.measures import cpu_ms, percentiles
from tests.benchmarks.profiler import parts
from tests.benchmarks.stand import HTTP, Stand, Transport

SUPPLY_PER_S = 3000  # so many jobs are there for each second; a run that uses them up ends early
MANY = 20  # jobs in one claim
PROFILED_FUNCTIONS = 40


def cycles(stand: Stand, transport: Transport, clients: int, waiting: int = 0) -> None:
    """With so many jobs waiting beside those that are taken."""
    if waiting:
        stand.jobs.wait(waiting)
    _measure(stand, transport, clients, waiting=waiting)


def claims_of_many(stand: Stand) -> None:
    """As Harvester asks for its workers; each job then runs and finishes like any other."""
    _measure(stand, HTTP, 8, beside=f"claims of {MANY} jobs", jobs_per_call=MANY)


def two_daemons(stand: Stand) -> None:
    """A second one on the same database."""
    stand.start_daemon()
    try:
        _measure(stand, HTTP, 64, beside="two daemons")
    finally:
        stand.stop_daemons()
        stand.start_daemon()


def old_snapshot(stand: Stand) -> None:
    """Beside a session that has been looking at an old state of the database, so that dead rows pile up."""
    with stand.database.old_snapshot():
        _measure(stand, HTTP, 64, beside="old snapshot, first")
        _measure(stand, HTTP, 64, beside="old snapshot, later")


def profile(stand: Stand) -> None:
    """Where the daemon's time goes, if that was asked for."""
    if stand.profiler.file is None:
        return
    _measure(stand, HTTP, 64, looking=stand.profiler.of(stand.daemons[0].pid, stand.seconds), beside="profiler")
    for part in parts(stand.profiler.file.read_text("utf-8").splitlines())[:PROFILED_FUNCTIONS]:
        stand.report.emit("profile", function=part.function, own_percent=part.own_percent,
                          with_callees_percent=part.with_callees_percent)


def _measure(stand: Stand, transport: Transport, clients: int, *, jobs_per_call: int = 1,
             looking: AbstractContextManager[None] | None = None, **labels: Any) -> None:
    """CPU time includes that of the adder, which finishes the jobs."""
    supply = stand.seconds * SUPPLY_PER_S
    stand.jobs.supply(supply)
    there, made = stand.database.count("activated"), stand.transactions()
    with looking or nullcontext():
        found = stand.load("pilot", transport, clients, supply=supply, jobs_per_call=jobs_per_call)
    before = Counter(stand.cpu_s())
    drain_s = stand.database.await_none("holding")
    cpu_s = Counter(found.cpu_s) + (Counter(stand.cpu_s()) - before)
    stand.report.emit(
        "pilot_cycles", transport=transport.name, clients=clients, **labels, jobs=len(found.reported), cycles_per_s=found.per_s,
        **percentiles(found, "acquire", "update", "report"), **cpu_ms(cpu_s, len(found.reported), "cycle"),
        others_share_of_machine=found.others_share_of_machine, all_finished_after_s=round(drain_s, 2), **_handshakes(found),
        **_losses(stand, there, found), errors=found.errors,
        jobs_per_transaction=_jobs_per(stand.transactions() - made, len(found.reported)))


def _jobs_per(transactions: Mapping[str, float], jobs: int) -> dict[str, float]:
    """How well the daemon put calls together, and what else it asked the database."""
    return {name: round(jobs / times, 1) for name, times in sorted(transactions.items()) if times}


def _handshakes(found: Found) -> dict[str, float]:
    return {"handshakes": found.handshakes, "resumed": found.resumed} if found.handshakes else {}


def _losses(stand: Stand, there: int, found: Found) -> dict[str, int]:
    """What must be 0. A job is lost if it left `activated` and came to no pilot, or was reported and is not finished."""
    handed = set(found.handed)
    taken = there - stand.database.count("activated")
    unfinished = len(found.reported) - stand.database.finished(found.reported)
    return {"doubled": len(found.handed) - len(handed), "lost": taken - len(handed) + unfinished,
            "told_no_jobs_though_there_were": found.no_jobs}
