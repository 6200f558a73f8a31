"""pgbench: what PostgreSQL reaches when nothing but the daemon's statements is in the way. On a copy of the database, because the
daemon's loops would take the jobs that pgbench reports."""

from __future__ import annotations

from pandad.embedded.pki import SANDBOX_USERS
from pandad.spec.caller import Caller, Identity, Role
from tests.benchmarks import pgbench
from tests.benchmarks.database import Database
from tests.benchmarks.measures import cpu_ms
from tests.benchmarks.stand import Stand
from tests.benchmarks.statements import pilot_script

JOBS_PER_S = {1: 3_000, 32: 10_000}  # so many are there, by jobs in a transaction; who is faster shows in `not_reported`
PILOT = Caller(Identity("/CN=Some CA", SANDBOX_USERS["pilot"]), frozenset({Role.PILOT}))


def statements(stand: Stand) -> None:
    """One job in a transaction, and as many as the daemon takes together under load. No daemon may be running."""
    with stand.database.another("pgbench", copied=True) as copy:
        for each, clients in ((1, 1), (1, 8), (32, 1), (32, 4)):
            _measure(stand, copy, each, clients)


def _measure(stand: Stand, copy: Database, each: int, clients: int) -> None:
    rounds = stand.seconds * JOBS_PER_S[each] // (each * clients)
    first_id, line = stand.jobs.alike(copy, rounds * each * clients)
    script = stand.sandbox.directory / f"cycle-{each}.pgbench"
    script.write_text(pilot_script(copy, PILOT, line, first_id, each, rounds), "utf-8")
    stand.go_on(f"pgbench: {clients} clients, {each} jobs in a transaction")
    reported, before = copy.count("holding"), stand.cpu_s()
    result = pgbench.run(script, copy.dsn, clients, stand.seconds)
    used = {name: now_s - before[name] for name, now_s in stand.cpu_s().items()}
    acquire_ms, update_ms, report_ms = result.statement_mean_ms[-3:]  # what comes before prepares them and counts
    jobs = result.transactions * each
    stand.report.emit(
        "pgbench_cycles", transport="unix socket, prepared", clients=clients, jobs_per_transaction=each,
        cycles_per_s=round(result.per_s * each, 1), **cpu_ms(used, jobs, "cycle"), acquire_mean_ms=acquire_ms,
        update_mean_ms=update_ms, report_mean_ms=report_ms, not_reported=jobs - (copy.count("holding") - reported))
