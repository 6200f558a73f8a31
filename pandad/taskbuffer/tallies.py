"""What is counted as it happens: every statement that moves jobs appends what it moved, and `fold` adds that to the totals.

An appended row is committed with the move, and it is either still there or in the totals: no crash loses one or counts it twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import log

from pandad.spec.facts import BUCKET_S, FAST_CPU_S, FAST_S, USAGE_STEPS
from pandad.spec.jobstatus import FINAL, JobStatus
from pandad.taskbuffer.statement import listed, sql
from pandad.taskbuffer.store import Transaction

KEPT_DAYS = 3  # of what is counted by five minutes
LINES_KEPT_H = 3  # of how attempts began and ended by line
USAGE_KEPT_DAYS = 60  # after the last job of a task

# In the columns of a job as it was, and what its event brings: whether a failed attempt is the mark of a broken node. A pilot
# that was merely not heard of any more took its time, and is no such mark. A payload that never began has no times.
FAST = f"""(c.cause IS NOT NULL AND j.jobstatus = '{JobStatus.HOLDING}' AND j.reportedstatus IS NOT NULL
            AND j.cpuconsumptiontime < {FAST_CPU_S} AND coalesce(j.endtime - j.starttime < interval '{FAST_S} s', true))"""


def counted(moved: str, columns: Mapping[str, str], where: str = "true", *, together: bool) -> str:
    """The part of a statement that appends what it moved.

    :param moved: the part that gives the jobs, with corecount. :param columns: of tally_delta, to what is in them.
    :param together: a row for all jobs alike, where there may be many; for a few a row each costs a third of that.
    """
    values = ", ".join(columns.values())
    jobs, group = ("count(*)", f"GROUP BY {values}, corecount") if together else ("1", "")
    return f"""
        INSERT INTO tally_delta ({", ".join(columns)}, jobs, cores)
        SELECT {values}, {jobs}, {jobs} * counted_cores(corecount) FROM {moved} WHERE {where} {group}"""


def _in_bucket(quantity: str) -> str:
    """The number of the bucket, from 0, that this quantity falls into, and of which `facts.usage` knows the upper edge."""
    return f"ceil({USAGE_STEPS / log(2)} * ln(greatest({quantity}, 1)::float))::smallint"


def _bucket(at: str) -> str:
    return f"date_bin('{BUCKET_S} s', {at}, 'epoch')"


# Of two at a time the second waits, and then finds the rows gone. All write in the order of the keys, after they have all their
# rows, so that none waits for another in a ring.
_FOLD = sql("tallies.fold", f"""
    WITH gone AS MATERIALIZED (
        DELETE FROM tally_delta WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM tally_delta LIMIT %(limit)s)) RETURNING *),
    part AS (
        SELECT queue, jobstatus, label, resource_type, jobs, cores FROM gone
        UNION ALL
        SELECT wasqueue, wasstatus, label, wastype, -jobs, -cores FROM gone WHERE wasstatus IS NOT NULL),
    live AS (
        INSERT INTO tally AS t (queue, jobstatus, label, resource_type, jobs, cores)
        SELECT coalesce(queue, ''), jobstatus, coalesce(label, ''), coalesce(resource_type, ''),
               sum(jobs::float), sum(cores::float) FROM part
        WHERE jobstatus NOT IN ({listed(FINAL)})
        GROUP BY 1, 2, 3, 4 HAVING sum(jobs::float) <> 0 OR sum(cores::float) <> 0 ORDER BY 1, 2, 3, 4
        ON CONFLICT (queue, jobstatus, label, resource_type)
            DO UPDATE SET jobs = t.jobs + EXCLUDED.jobs, cores = t.cores + EXCLUDED.cores),
    came AS (
        SELECT {_bucket("at")} AS bucket, wasqueue AS queue, line, cause, fast, jobs::float AS jobs,
               jobstatus = '{JobStatus.RUNNING}' AND wasstatus <> jobstatus AS started,
               jobstatus = '{JobStatus.FINISHED}' AND wasstatus <> jobstatus AS finished
        FROM gone WHERE wasqueue IS NOT NULL
          AND (jobstatus IN ('{JobStatus.RUNNING}', '{JobStatus.FINISHED}') OR cause IS NOT NULL)),
    ends AS (
        INSERT INTO queue_end AS e (bucket, queue, started, finished, failed, fast)
        SELECT bucket, queue, coalesce(sum(jobs) FILTER (WHERE started), 0), coalesce(sum(jobs) FILTER (WHERE finished), 0),
               coalesce(sum(jobs) FILTER (WHERE cause IS NOT NULL), 0), coalesce(sum(jobs) FILTER (WHERE fast), 0)
        FROM came GROUP BY 1, 2 ORDER BY 1, 2
        ON CONFLICT (bucket, queue) DO UPDATE SET started = e.started + EXCLUDED.started,
            finished = e.finished + EXCLUDED.finished, failed = e.failed + EXCLUDED.failed, fast = e.fast + EXCLUDED.fast),
    lines AS (
        INSERT INTO line_end AS e (bucket, queue, line, started, finished, fast)
        SELECT bucket, queue, line, coalesce(sum(jobs) FILTER (WHERE started), 0),
               coalesce(sum(jobs) FILTER (WHERE finished), 0), coalesce(sum(jobs) FILTER (WHERE fast), 0)
        FROM came WHERE line IS NOT NULL AND (started OR finished OR fast) GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
        ON CONFLICT (bucket, queue, line) DO UPDATE SET started = e.started + EXCLUDED.started,
            finished = e.finished + EXCLUDED.finished, fast = e.fast + EXCLUDED.fast),
    causes AS (
        INSERT INTO queue_cause AS e (bucket, queue, cause, jobs)
        SELECT bucket, queue, cause, sum(jobs) FROM came WHERE cause IS NOT NULL GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
        ON CONFLICT (bucket, queue, cause) DO UPDATE SET jobs = e.jobs + EXCLUDED.jobs),
    used AS (
        INSERT INTO task_usage AS u (jeditaskid, quantity, bucket, jobs, used)
        SELECT jeditaskid, quantity, {_in_bucket("amount")}, sum(jobs), current_date
        FROM gone CROSS JOIN LATERAL (
            VALUES ('memory', memory / 1024.0), ('walltime', extract(epoch FROM walltime))) AS q(quantity, amount)
        WHERE jobstatus = '{JobStatus.FINISHED}' AND jeditaskid > 0 AND amount IS NOT NULL GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
        ON CONFLICT (jeditaskid, quantity, bucket) DO UPDATE SET jobs = u.jobs + EXCLUDED.jobs, used = EXCLUDED.used)
    SELECT count(*) FROM gone""", planned_each_time=True)

# Each start of a process is another process: of those that are no more the last requests of a queue are kept, and no others.
_DROP = sql("tallies.drop", f"""
    WITH empty AS (DELETE FROM tally WHERE jobs = 0 AND cores = 0),
    ends AS (DELETE FROM queue_end WHERE bucket < now() - interval '{KEPT_DAYS} days'),
    lines AS (DELETE FROM line_end WHERE bucket < now() - interval '{LINES_KEPT_H} hours'),
    causes AS (DELETE FROM queue_cause WHERE bucket < now() - interval '{KEPT_DAYS} days'),
    calls AS (DELETE FROM pilot_call WHERE bucket < now() - interval '{KEPT_DAYS} days'),
    refusals AS (DELETE FROM pilot_refusal WHERE bucket < now() - interval '{KEPT_DAYS} days'),
    requests AS (
        DELETE FROM pilot_request p WHERE at < now() - interval '{KEPT_DAYS} days' OR at < now() - interval '1 hour' AND EXISTS (
            SELECT FROM pilot_request newer WHERE newer.queue = p.queue AND newer.at > p.at)),
    last AS (DELETE FROM pilot_last l WHERE queue <> '' AND NOT EXISTS (SELECT FROM queue q WHERE q.name = l.queue)),
    scouts AS (DELETE FROM task_scout WHERE since < now() - interval '{USAGE_KEPT_DAYS} days'),
    used AS (DELETE FROM task_usage WHERE used < current_date - {USAGE_KEPT_DAYS})
    SELECT""")

# The difference is the same in every snapshot in which no counting was forgotten, so that nobody has to stand still for it.
RECOUNT = sql("tallies.recount", """
    INSERT INTO tally_delta (queue, jobstatus, label, resource_type, jobs, cores)
    SELECT queue, jobstatus, label, resource_type, coalesce(s.jobs, 0) - coalesce(n.jobs, 0),
           coalesce(s.cores, 0) - coalesce(n.cores, 0)
    FROM tally_scan s FULL JOIN tally_now n USING (queue, jobstatus, label, resource_type)
    WHERE (s.jobs, s.cores) IS DISTINCT FROM (n.jobs, n.cores)
    RETURNING queue, jobstatus, jobs""", planned_each_time=True)


async def fold(txn: Transaction, limit: int) -> int:
    """Add at most so many appended rows to the totals; how many it were."""
    return int((await txn.one(_FOLD, limit=limit))[0])


async def drop(txn: Transaction) -> None:
    """Remove what is too old to be of use, and what counts nothing any more."""
    await txn.run(_DROP)
