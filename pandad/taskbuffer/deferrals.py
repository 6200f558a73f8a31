"""`defined` jobs that no queue took. They stand apart, so that nobody has to read past them, however many they are.

They are known by their brokerageErrorCode, and looked at again at their nextcheck, or when the queues have changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pandad.spec.errorcodes import BROKERAGE_NO_QUEUE
from pandad.spec.job import JobSpec
from pandad.spec.jobstatus import JobStatus
from pandad.taskbuffer.statement import sql
from pandad.taskbuffer.store import Transaction
from pandad.taskbuffer.worklists import BROKERED_COLUMNS, brokered

GROWTH = 2  # of the pause, each time that nothing has changed
_PUT_OFF = f"jobstatus = '{JobStatus.DEFINED}' AND brokerageerrorcode <> 0"

# The pause before was as long as the last decision is old.
_DEFER = sql("deferrals.defer", f"""
    UPDATE job j SET brokerageerrorcode = {BROKERAGE_NO_QUEUE}, nextcheck = now() + make_interval(secs => greatest(
        %(least_s)s::float, least(a.most_s, {GROWTH} * coalesce(extract(epoch FROM now() - (
            SELECT d.at FROM job_decision d WHERE d.pandaid = j.pandaid)), 0)::float)))
    FROM unnest(%(ids)s::bigint[], %(most_s)s::float[]) AS a(pandaid, most_s)
    WHERE j.pandaid = a.pandaid AND j.pandaid = ANY (%(ids)s::bigint[]) AND j.jobstatus = '{JobStatus.DEFINED}'
    RETURNING j.pandaid""")

_DUE = sql("deferrals.due", f"""
    SELECT {BROKERED_COLUMNS} FROM (
        SELECT * FROM job d WHERE {_PUT_OFF} AND d.nextcheck <= now() ORDER BY d.nextcheck, d.pandaid LIMIT %(limit)s) j""",
    planned_each_time=True)

_AFTER = sql("deferrals.after", f"""
    SELECT j.nextcheck, coalesce((SELECT d.at < %(before)s::timestamptz FROM job_decision d WHERE d.pandaid = j.pandaid), true),
           {BROKERED_COLUMNS} FROM (
        SELECT * FROM job d WHERE {_PUT_OFF} AND (d.nextcheck, d.pandaid) > (%(at)s::timestamptz, %(panda_id)s::bigint)
        ORDER BY d.nextcheck, d.pandaid LIMIT %(limit)s) j
    ORDER BY j.nextcheck, j.pandaid""", planned_each_time=True)

_AGAIN = sql("deferrals.again", f"SELECT nextcheck FROM job WHERE pandaid = %(panda_id)s::bigint AND {_PUT_OFF}")

_CHANGED = sql("deferrals.changed", """
    INSERT INTO queue_change AS c (times) VALUES (1) ON CONFLICT (one) DO UPDATE SET times = c.times + 1""")

_CHANGES = sql("deferrals.changes", "SELECT now(), coalesce((SELECT times FROM queue_change), 0)")


@dataclass(frozen=True, slots=True)
class Place:
    """How far somebody has read."""

    at: datetime
    panda_id: int = 0


async def defer(txn: Transaction, pauses: Sequence[tuple[int, float]], least_s: float) -> list[int]:
    """Nothing new about these jobs: look again after twice the pause before. Which of them are still `defined`.

    :param pauses: PandaIDs, with the longest pause of each, s. :param least_s: the shortest, of all.
    """
    ids, most_s = [panda_id for panda_id, _ in pauses], [most for _, most in pauses]
    return [panda_id for (panda_id,) in await txn.many(_DEFER, ids=ids, most_s=most_s, least_s=least_s)]


async def due(txn: Transaction, limit: int) -> list[JobSpec]:
    """Those whose pause is over, the longest first, with what brokerage reads of them."""
    return [brokered(row) for row in await txn.many(_DUE, limit=limit)]


async def after(txn: Transaction, place: Place, before: datetime, limit: int) -> tuple[list[JobSpec], Place | None]:
    """Those behind that place, but for what was decided since `before`; and how far that is, None if it is the end."""
    rows = await txn.many(_AFTER, at=place.at, panda_id=place.panda_id, before=before, limit=limit)
    jobs = [(at, is_old, brokered(row)) for at, is_old, *row in rows]
    last = Place(jobs[-1][0], jobs[-1][2].PandaID or 0) if len(jobs) == limit else None
    return [job for _, is_old, job in jobs if is_old], last


async def again_at(txn: Transaction, panda_id: int) -> datetime | None:
    """When this job is looked at again, at the latest; None if it is not one of them."""
    row = await txn.maybe(_AGAIN, panda_id=panda_id)
    return row[0] if row else None


async def changed(txn: Transaction) -> None:
    """A job that no queue took may find one now; brokerage need not wait for its time to see it."""
    await txn.run(_CHANGED)
    txn.hint("brokerage")


async def changes(txn: Transaction) -> tuple[datetime, int]:
    """Now, and how often `changed` was said until then."""
    now, times = await txn.one(_CHANGES)
    return now, times
