"""Ended jobs: out of the hot tables, whole, into the partition of the month in which they ended. (schema/0004_history.sql)"""

from __future__ import annotations

from pandad.spec.jobstatus import FINAL
from pandad.taskbuffer.statement import listed, sql
from pandad.taskbuffer.store import Transaction

MONTHS_AHEAD = 1
# What belongs to a job beside its own row, in the order in which it leaves.
_BELONGINGS = ("job_text", "job_event", "job_report", "job_decision", "job_debug", "file")

# With its job a decision takes its verdicts along: what jobs shared while they lived is removed when none is left.
_KEPT = {"job_decision": """
    INSERT INTO job_decision_archive
    SELECT d.endedon, d.pandaid, d.at, d.chosen, coalesce(d.verdicts, s.verdicts), NULL, d.weight, d.before
    FROM job_decision_gone d LEFT JOIN decision s ON s.id = d.decision"""}

_ENDED = f"({listed(FINAL)})"

_MONTHS = sql("history.months", f"""
    SELECT make_archive_month(day::date)
    FROM (SELECT day FROM (
              SELECT (now() AT TIME ZONE 'UTC')::date + make_interval(months => n) AS day
              FROM generate_series(0, %(ahead)s::int) AS n
              UNION SELECT (statechangetime AT TIME ZONE 'UTC')::date FROM (
                  SELECT statechangetime FROM job WHERE jobstatus IN {_ENDED}
                  ORDER BY statechangetime LIMIT 1) oldest) days
          WHERE to_regclass('job_archive_' || to_char(day, 'YYYYMM')) IS NULL) missing""")

_ARCHIVE = sql("history.archive", f"""
    WITH gone AS MATERIALIZED (
        SELECT pandaid, (statechangetime AT TIME ZONE 'UTC')::date AS endedon FROM job
        WHERE jobstatus IN {_ENDED} AND statechangetime < now() - make_interval(secs => %(keep_s)s)
        ORDER BY statechangetime LIMIT %(limit)s FOR UPDATE SKIP LOCKED),
    {"".join(f'''
    {table}_gone AS (DELETE FROM {table} r USING gone g WHERE r.pandaid = g.pandaid RETURNING g.endedon, r.*),
    {table}_kept AS ({_KEPT.get(table, f"INSERT INTO {table}_archive SELECT * FROM {table}_gone")}),''' for table in _BELONGINGS)}
    job_gone AS (DELETE FROM job r USING gone g WHERE r.pandaid = g.pandaid RETURNING g.endedon, r.*),
    job_kept AS (INSERT INTO job_archive SELECT * FROM job_gone)
    SELECT count(*) FROM gone""", planned_each_time=True)


async def make_months(txn: Transaction) -> None:
    """See to it that this month and the next have their partitions, and the month of the longest ended job too."""
    await txn.run(_MONTHS, ahead=MONTHS_AHEAD)


async def archive(txn: Transaction, keep_s: float, limit: int) -> int:
    """Move jobs that ended longer than `keep_s` ago, the longest ended first, at most so many; how many it were."""
    return int((await txn.one(_ARCHIVE, keep_s=keep_s, limit=limit))[0])
