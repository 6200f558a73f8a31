"""Timed loops of all processes on this database: who may run one now, and how its runs went."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pandad.taskbuffer.statement import sql
from pandad.taskbuffer.store import Transaction


@dataclass(frozen=True, slots=True)
class LoopState:
    """One loop as its last holder left it. ``finished``: end of the last good run; ``failures``: since then."""

    name: str
    holder: str | None
    term: int
    lease_until: datetime | float
    started_at: datetime | None
    finished_at: datetime | None
    runs: int
    failures: int
    error: str | None


_LEASE = sql("loops.lease", """
    INSERT INTO loop AS l (name, holder, term, leaseuntil, started)
    VALUES (%(name)s, %(holder)s, 1, now() + make_interval(secs => %(lease_s)s), now())
    ON CONFLICT (name) DO UPDATE SET
        holder = EXCLUDED.holder, leaseuntil = EXCLUDED.leaseuntil, started = EXCLUDED.started,
        term = CASE WHEN l.holder = EXCLUDED.holder THEN l.term ELSE l.term + 1 END
    WHERE l.holder = EXCLUDED.holder OR l.leaseuntil < now()
    RETURNING term""")

_FINISHED = sql("loops.finished", """
    UPDATE loop SET runs = runs + 1,
        finished = CASE WHEN %(error)s::text IS NULL THEN now() ELSE finished END,
        failures = CASE WHEN %(error)s::text IS NULL THEN 0 ELSE failures + 1 END, error = %(error)s::text
    WHERE name = %(name)s AND holder = %(holder)s AND term = %(term)s""")

_RELEASE = sql("loops.release", "UPDATE loop SET leaseuntil = now() WHERE holder = %(holder)s")

_FIND_ALL = sql("loops.find_all", """
    SELECT name, holder, term, nullif(leaseuntil, '-infinity'), started, finished, runs, failures, error
    FROM loop ORDER BY name""")


async def lease(txn: Transaction, name: str, holder: str, lease_s: float) -> int | None:
    """Take or renew the right to run this loop for `lease_s`; the term, or None while another process holds it."""
    row = await txn.maybe(_LEASE, name=name, holder=holder, lease_s=lease_s)
    return row[0] if row else None


async def finished(txn: Transaction, name: str, holder: str, term: int, error: str | None) -> None:
    """Note how a run ended; a run of an outlived term notes nothing."""
    await txn.run(_FINISHED, name=name, holder=holder, term=term, error=error)


async def release(txn: Transaction, holder: str) -> None:
    """A process stops: others need not wait for its leases to run out."""
    await txn.run(_RELEASE, holder=holder)


async def find_all(txn: Transaction) -> list[LoopState]:
    """Every loop that ever ran on this database, by name."""
    return [LoopState(*row) for row in await txn.many(_FIND_ALL)]


@dataclass(frozen=True, slots=True)
class Pulse:
    """How a loop does: the end of its last good run, and how many failed since; a loop that never ran has neither."""

    name: str
    finished_at: datetime | None
    failures: int
    error: str | None


_PULSES = sql("loops.pulses", """
    SELECT now(), name, finished, failures, error FROM (VALUES (1)) AS one LEFT JOIN loop ON true""")


async def pulses(txn: Transaction) -> tuple[datetime, dict[str, Pulse]]:
    """The time by the database's clock, and every loop by name."""
    rows = await txn.many(_PULSES)
    return rows[0][0], {row[1]: Pulse(*row[1:]) for row in rows if row[1] is not None}
