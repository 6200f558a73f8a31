"""What is known of input that is on its way, for those who ask: one job, or brokerage."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from pandad.taskbuffer.placements import PlacementStatus
from pandad.taskbuffer.statement import sql
from pandad.taskbuffer.store import Transaction


@dataclass(frozen=True, slots=True)
class Carried:
    """A placement that a job waits for, or waited for.

    :param dataset: scope:name. :param since: when it was wanted. :param files, arrived, size_bytes: of all that it brings.
    :param own: the job's files of that, scope:lfn. :param own_bytes: of these.
    """

    dataset: str
    endpoint: str
    source: str | None
    status: PlacementStatus
    since: datetime
    rule: str | None
    problem: str | None
    files: int
    arrived: int
    size_bytes: int
    own: list[str]
    own_bytes: int


_OF_JOB = sql("carriage.of_job", """
    SELECT p.scope || ':' || p.name, p.endpoint, p.source, p.status, p.made, p.rule, p.problem, p.files, p.arrived, p.bytes,
           coalesce(own.names, '{}'), coalesce(own.bytes, 0)::bigint
    FROM placement_job w JOIN placement p ON p.id = w.placement
    CROSS JOIN LATERAL (
        SELECT array_agg(f.scope || ':' || f.lfn ORDER BY f.scope, f.lfn) AS names, sum(f.bytes) AS bytes
        FROM file i JOIN placement_file f ON f.endpoint = p.endpoint AND f.scope = i.scope AND f.lfn = i.lfn
        WHERE i.pandaid = w.pandaid AND i.type = 'input' AND f.placement = p.id) own
    WHERE w.pandaid = %(panda_id)s ORDER BY p.id""")

_COMING = sql("carriage.coming", f"""
    SELECT endpoint, sum(files - arrived)::bigint, sum(bytes * (files - arrived) / files)::bigint FROM placement
    WHERE status <> '{PlacementStatus.THERE}' GROUP BY endpoint""")


async def of_job(txn: Transaction, panda_id: int) -> list[Carried]:
    """What is brought for a job."""
    return [replace(Carried(*row), status=PlacementStatus(row[3])) for row in await txn.many(_OF_JOB, panda_id=panda_id)]


async def coming(txn: Transaction) -> dict[str, tuple[int, int]]:
    """By endpoint, files and bytes that are still on their way there."""
    return {endpoint: (count, size) for endpoint, count, size in await txn.many(_COMING)}
