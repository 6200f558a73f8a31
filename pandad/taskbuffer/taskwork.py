"""Which tasks there is something to do about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pandad.spec.jobstatus import FINAL
from pandad.spec.taskstatus import FEEDING, GENERATING, TASK_LIVE, FileStatus, TaskStatus
from pandad.taskbuffer.statement import listed, sql
from pandad.taskbuffer.store import Transaction

_LIVE = f"({listed(TASK_LIVE)})"

# Of most tasks there is no news: their jobs are at work. That is found out here, for all of a round together. A job that is not
# in the hot table has ended: looking for it in the history would cost as much again for each of its months.
_DUE = sql("taskwork.due", f"""
    SELECT t.jeditaskid, t.status, t.status IN ({listed(FEEDING)}) OR NOT o.some AND t.status <> '{TaskStatus.PAUSED}' OR o.ended
           OR t.status IN ({listed(GENERATING)}) AND o.jobs < %(max_jobs)s AND EXISTS (
               SELECT FROM task_dataset d JOIN task_file f ON f.dataset = d.id AND f.status = '{FileStatus.READY}'
               WHERE d.jeditaskid = t.jeditaskid AND NOT EXISTS (
                   SELECT FROM task_job b WHERE b.jeditaskid = t.jeditaskid AND b.kind = 'build' AND b.ended IS NULL))
    FROM (SELECT * FROM task WHERE status IN {_LIVE} AND nextcheck <= now() ORDER BY nextcheck, jeditaskid LIMIT %(limit)s) t
    CROSS JOIN LATERAL (
        SELECT count(*) AS jobs, count(*) > 0 AS some,
               coalesce(bool_or(e.pandaid IS NULL OR e.jobstatus IN ({listed(FINAL)})), false) AS ended
        FROM task_job j LEFT JOIN job e ON e.pandaid = j.pandaid
        WHERE j.jeditaskid = t.jeditaskid AND j.ended IS NULL) o
    ORDER BY t.nextcheck, t.jeditaskid""", planned_each_time=True)

_DEFER = sql("taskwork.defer", f"""
    UPDATE task SET nextcheck = now() + make_interval(secs => %(check_in_s)s)
    WHERE jeditaskid = ANY (%(ids)s::bigint[]) AND status IN {_LIVE} AND nextcheck <= now()""")


@dataclass(frozen=True, slots=True)
class Due:
    """A task to be looked at. ``news``: whether there is something to do."""

    id: int
    status: TaskStatus
    news: bool


async def due(txn: Transaction, limit: int, max_jobs: int) -> list[Due]:
    """So many tasks whose time has come, the longest waiting first."""
    rows = await txn.many(_DUE, limit=limit, max_jobs=max_jobs)
    return [Due(task_id, TaskStatus(status), bool(news)) for task_id, status, news in rows]


async def defer(txn: Transaction, ids: Sequence[int], check_in_s: float) -> None:
    """Look at these again later."""
    await txn.run(_DEFER, ids=list(ids), check_in_s=check_in_s)
