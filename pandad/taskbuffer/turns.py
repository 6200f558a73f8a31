"""Whose turn is put off and whose is brought forward: jobs held back by caps, and the ageing of those that wait."""

from __future__ import annotations

from collections.abc import Sequence

from pandad.spec.jobstatus import JobStatus
from pandad.spec.share import AGEING_GAIN, AGEING_S
from pandad.taskbuffer.statement import sql
from pandad.taskbuffer.store import Transaction

_ACTIVATED_OF = sql("turns.activated_of", f"""
    SELECT a.pandaid FROM unnest(%(lines)s::bigint[]) AS l(line) CROSS JOIN queue q CROSS JOIN LATERAL (
        SELECT j.pandaid FROM job j
        WHERE j.jobstatus = '{JobStatus.ACTIVATED}' AND j.computingsite = q.name AND j.line = l.line
        ORDER BY j.currentpriority DESC, j.pandaid LIMIT %(limit)s) a
    LIMIT %(limit)s""", planned_each_time=True)

_THROTTLED_OF = sql("turns.throttled_of", f"""
    SELECT t.pandaid, l.line FROM unnest(%(lines)s::bigint[]) AS l(line) CROSS JOIN LATERAL (
        SELECT j.pandaid, j.currentpriority FROM job j
        WHERE j.jobstatus = '{JobStatus.THROTTLED}' AND j.line = l.line
        ORDER BY j.currentpriority DESC, j.pandaid LIMIT %(limit)s) t
    ORDER BY t.currentpriority DESC, t.pandaid LIMIT %(limit)s""", planned_each_time=True)

_LINES_WITH = sql("turns.lines_with_throttled", f"""
    WITH RECURSIVE held AS (
        SELECT (SELECT min(line) FROM job WHERE jobstatus = '{JobStatus.THROTTLED}') AS line
        UNION ALL
        SELECT (SELECT min(j.line) FROM job j WHERE j.jobstatus = '{JobStatus.THROTTLED}' AND j.line > h.line)
        FROM held h WHERE h.line IS NOT NULL)
    SELECT line FROM held WHERE line IS NOT NULL""")

_AGE = sql("turns.age", f"""
    WITH due AS (
        SELECT pandaid FROM job WHERE jobstatus = '{JobStatus.ACTIVATED}' AND nextcheck <= now()
        ORDER BY nextcheck LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
    UPDATE job j SET
        currentpriority = j.currentpriority + CASE
            WHEN j.statechangetime <= now() - make_interval(secs => {AGEING_S}) AND j.prodsourcelabel = ANY (%(labels)s::text[])
            THEN {AGEING_GAIN} ELSE 0 END,
        nextcheck = now() + make_interval(secs => {AGEING_S})
    FROM due WHERE j.pandaid = due.pandaid""", planned_each_time=True)


async def activated_of(txn: Transaction, lines: Sequence[int], limit: int) -> list[int]:
    """Activated jobs of these lines, at whatever queue."""
    return [row[0] for row in await txn.many(_ACTIVATED_OF, lines=list(lines), limit=limit)]


async def throttled_of(txn: Transaction, lines: Sequence[int], limit: int) -> list[tuple[int, int]]:
    """(PandaID, line) of throttled jobs of these lines, those that go first first."""
    return [(panda_id, line) for panda_id, line in await txn.many(_THROTTLED_OF, lines=list(lines), limit=limit)]


async def lines_with_throttled(txn: Transaction) -> list[int]:
    """The lines in which a cap holds jobs back."""
    return [row[0] for row in await txn.many(_LINES_WITH)]


async def age(txn: Transaction, labels: Sequence[str], limit: int) -> int:
    """Look at activated jobs that are due, a day after the last time; those of these labels gain AGEING_GAIN. How many it were.

    The history is not told: nothing happened to the job.
    """
    return await txn.run(_AGE, labels=list(labels), limit=limit)
