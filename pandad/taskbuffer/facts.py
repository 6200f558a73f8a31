"""What is known of queues, their jobs and their pilots, read from the counters; what that costs does not grow with the jobs.

The counts of jobs are exact: what a scan in the same snapshot would give. All else is as of the last round of the loop that adds
it up. How the counters are kept stands in tallies.py and traffic.py.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from pandad.spec.facts import BUCKET_S, USAGE_STEPS, Asked, Demand, Eaten, Ends, Pilots, Refusal, Usage
from pandad.spec.jobstatus import JobStatus
from pandad.taskbuffer.statement import sql
from pandad.taskbuffer.store import Transaction


def _sums(*columns: str) -> str:
    """Of float, as in the view tally_now."""
    return ", ".join(f"sum({column}::float)::bigint AS {column}" for column in columns)


_COUNTS = sql("facts.counts", f"""
    SELECT queue, jobstatus, {_sums("jobs")} FROM tally_part WHERE queue <> '' GROUP BY queue, jobstatus
    HAVING sum(jobs::float) <> 0""")

_OF_STATE = "SELECT queue, resource_type, label, jobs, cores FROM tally_now WHERE jobstatus = '{}' ORDER BY 1, 2, 3"
_DEMAND = sql("facts.demand", _OF_STATE.format(JobStatus.ACTIVATED))
_UNPLACED = sql("facts.unplaced", _OF_STATE.format(JobStatus.DEFINED))

# From the beginning of the bucket in which the window begins.
_SINCE = f"bucket > now() - make_interval(secs => %(window_s)s + {BUCKET_S}) AND (%(of)s::text IS NULL OR queue = %(of)s::text)"

_ENDS = sql("facts.ends", f"""
    WITH cause AS (
        SELECT queue, jsonb_object_agg(cause, jobs) AS causes FROM (
            SELECT queue, cause, {_sums("jobs")} FROM queue_cause WHERE {_SINCE} GROUP BY 1, 2) c GROUP BY queue),
    ends AS (
        SELECT queue, {_sums("started", JobStatus.FINISHED, JobStatus.FAILED, "fast")} FROM queue_end
        WHERE {_SINCE} GROUP BY queue)
    SELECT e.queue, e.started, e.finished, e.failed, e.fast, coalesce(c.causes, '{{}}')
    FROM ends e LEFT JOIN cause c USING (queue)""", planned_each_time=True)

# By its owner's identity, for names are labels; work of a group is told apart by tasks, for its owner is one account.
_EATEN = sql("facts.eaten", f"""
    WITH each AS (
        SELECT queue, line, {_sums("started", JobStatus.FINISHED, "fast")} FROM line_end
        WHERE bucket > now() - make_interval(secs => %(window_s)s + {BUCKET_S}) GROUP BY 1, 2),
    everywhere AS (SELECT line, {_sums("started", JobStatus.FINISHED, "fast")} FROM each GROUP BY 1)
    SELECT e.queue, CASE WHEN l.workinggroup <> '' THEN concat_ws(' ', l.workinggroup, l.jeditaskid)
                    ELSE concat_ws(' ', l.ownersubject, l.owneranchor) END,
           e.fast, a.fast - e.fast, greatest(a.started - e.started - a.fast + e.fast, a.finished - e.finished)
    FROM each e JOIN everywhere a USING (line) JOIN line l ON l.id = e.line
    WHERE e.fast > 0 AND e.queue = ANY (%(queues)s::text[]) ORDER BY 1, 2, 3""", planned_each_time=True)

_PILOTS = sql("facts.pilots", f"""
    WITH refusal AS (
        SELECT queue, jsonb_object_agg(criterion, calls) AS refused FROM (
            SELECT queue, criterion, {_sums("calls")} FROM pilot_refusal WHERE {_SINCE} GROUP BY 1, 2) c GROUP BY queue),
    call AS (SELECT queue, {_sums("asked", "served", "heard")} FROM pilot_call WHERE {_SINCE} GROUP BY queue)
    SELECT queue, coalesce(c.asked, 0), coalesce(c.served, 0), coalesce(r.refused, '{{}}'), l.asked, coalesce(c.heard, 0), l.heard
    FROM pilot_last l FULL JOIN call c USING (queue) LEFT JOIN refusal r USING (queue)
    WHERE %(of)s::text IS NULL OR queue = %(of)s::text""", planned_each_time=True)

_ASKED = sql("facts.asked", """
    SELECT (r.entry ->> 'at')::timestamptz, r.entry -> 'demands', (r.entry ->> 'jobs')::bigint, r.entry -> 'refusals'
    FROM pilot_request p CROSS JOIN LATERAL jsonb_array_elements(p.requests) AS r(entry)
    WHERE p.queue = %(queue)s ORDER BY 1 DESC LIMIT %(limit)s""", planned_each_time=True)

# The first bucket with which 95 of 100 are in it or below.
_USAGE = sql("facts.usage", """
    WITH summed AS (
        SELECT jeditaskid, quantity, bucket, sum(jobs) OVER (PARTITION BY jeditaskid, quantity ORDER BY bucket) AS upto,
               sum(jobs) OVER (PARTITION BY jeditaskid, quantity) AS jobs
        FROM task_usage WHERE jeditaskid = ANY (%(task_ids)s::bigint[]))
    SELECT jeditaskid, quantity, min(jobs)::bigint, min(bucket) FROM summed WHERE upto * 100 >= jobs * 95
    GROUP BY jeditaskid, quantity""")


async def counts(txn: Transaction) -> dict[str, dict[JobStatus, int]]:
    """How many jobs each queue has in each state; queues and states without one are not there, nor jobs without a queue."""
    found: dict[str, dict[JobStatus, int]] = defaultdict(dict)
    for queue, status, jobs in await txn.many(_COUNTS):
        found[queue][JobStatus(status)] = jobs
    return dict(found)


async def demand(txn: Transaction) -> list[Demand]:
    """The activated jobs, which pilots could take now, by queue, resource type and label."""
    return [Demand(*row) for row in await txn.many(_DEMAND)]


async def unplaced(txn: Transaction) -> list[Demand]:
    """The jobs that wait for brokerage, by resource type and label; of no queue, but for those that are pinned to one."""
    return [Demand(*row) for row in await txn.many(_UNPLACED)]


async def ends(txn: Transaction, window_s: int, of: str | None = None) -> dict[str, Ends]:
    """How attempts began and ended at each queue of which something is known.

    :param of: this queue only; for a window of days.
    """
    return {queue: Ends(window_s, *rest) for queue, *rest in await txn.many(_ENDS, window_s=window_s, of=of)}


async def eaten(txn: Transaction, window_s: int, queues: Collection[str]) -> dict[str, list[Eaten]]:
    """Whose jobs failed fast at those queues; a window of more than LINES_KEPT_H hours is cut to that."""
    found: dict[str, list[Eaten]] = {queue: [] for queue in queues}
    for queue, *rest in await txn.many(_EATEN, window_s=window_s, queues=sorted(queues)):
        found[queue].append(Eaten(*rest))
    return found


async def pilots(txn: Transaction, window_s: int, of: str | None = None) -> dict[str, Pilots]:
    """What pilots did at each queue at which one ever was; under UNKNOWN_QUEUE at all that do not exist.

    :param of: this queue only; for a window of days.
    """
    return {queue: Pilots(window_s, *rest) for queue, *rest in await txn.many(_PILOTS, window_s=window_s, of=of)}


async def asked(txn: Transaction, queue: str, limit: int) -> list[Asked]:
    """The last different requests of a queue's pilots, at all processes, the newest first."""
    return [_asked(*row) for row in await txn.many(_ASKED, queue=queue, limit=limit)]


def _asked(at: datetime, demands: Mapping[str, object], jobs: int, refusals: Collection[Mapping[str, Any]]) -> Asked:
    return Asked(at, demands, jobs, tuple(Refusal(**each) for each in refusals))


async def usage(txn: Transaction, task_ids: Collection[int]) -> dict[int, Usage]:
    """What the finished jobs of these tasks used, of tasks that have some; what was never measured is 0."""
    found: dict[int, dict[str, tuple[int, int]]] = defaultdict(dict)
    for task_id, quantity, jobs, bucket in await txn.many(_USAGE, task_ids=list(task_ids)):
        found[task_id][quantity] = jobs, round(2 ** (bucket / USAGE_STEPS))
    none = 0, 0
    return {task_id: Usage(max(jobs for jobs, _ in of.values()), of.get("walltime", none)[1], of.get("memory", none)[1])
            for task_id, of in found.items()}
