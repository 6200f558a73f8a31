"""Where waiting jobs stand: how many go before them, and what holds their owner back. Every answer reads a bounded part of an
index, so that it costs the same at a million waiting jobs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pandad.spec.job import JobSpec
from pandad.spec.jobstatus import IN_SLOT, JobStatus
from pandad.spec.line import Line
from pandad.taskbuffer import lines
from pandad.taskbuffer.jobs import JOB_ROW, job_from_row
from pandad.taskbuffer.pool import Row
from pandad.taskbuffer.statement import listed, sql
from pandad.taskbuffer.store import Transaction

COUNT_MOST = 2000  # a count of so many says "at least"


@dataclass(frozen=True, slots=True)
class Count:
    """Of jobs. ``at_least``: there may be more."""

    jobs: int
    at_least: bool = False


def _counted(rows: Sequence[Row]) -> Count:
    """What a bounded statement found."""
    jobs = sum(row[0] for row in rows)
    return Count(jobs, jobs >= COUNT_MOST)


_LINE_OF = sql("places.line_of", "SELECT line FROM job WHERE pandaid = %(panda_id)s::bigint")

# A better priority, or the same and an older id, in two ranges of the index; as one condition it would be read from the start.
_BETTER = """
    SELECT count(*) FROM (
        (SELECT 1 FROM job WHERE {where} AND currentpriority > %(priority)s::bigint LIMIT {most})
        UNION ALL
        (SELECT 1 FROM job WHERE {where} AND currentpriority = %(priority)s::bigint AND pandaid < %(panda_id)s::bigint
         LIMIT {most}) LIMIT {most}) AS better"""

_BEFORE_IN_LINE = sql("places.before_in_line", _BETTER.format(most=COUNT_MOST, where=(
    f"jobstatus = '{JobStatus.ACTIVATED}' AND computingsite = %(queue)s::text AND line = %(line)s::bigint")))

_BEFORE_THROTTLED = sql("places.before_throttled", _BETTER.format(most=COUNT_MOST, where=(
    f"jobstatus = '{JobStatus.THROTTLED}' AND line = %(line)s::bigint")))

_BEFORE_DEFINED = sql("places.before_defined", _BETTER.format(most=COUNT_MOST, where=(
    f"jobstatus = '{JobStatus.DEFINED}' AND brokerageerrorcode = 0 AND line = %(line)s::bigint")))

_CORES = sql("places.cores", f"""
    SELECT line, sum(coalesce(corecount, 1))::bigint FROM job
    WHERE jobstatus IN ({listed(IN_SLOT)}) AND line = ANY (%(lines)s::bigint[]) GROUP BY line""")


_FIRST_DEFINED = sql("places.first_defined", f"""
    WITH first AS (SELECT pandaid FROM job WHERE jobstatus = '{JobStatus.DEFINED}'
                   ORDER BY currentpriority DESC, pandaid LIMIT %(limit)s)
    SELECT {JOB_ROW} FROM first JOIN job j USING (pandaid) LEFT JOIN job_text t USING (pandaid)
    ORDER BY j.currentpriority DESC, j.pandaid""", planned_each_time=True)


async def line_of(txn: Transaction, panda_id: int) -> Line | None:
    """The line that a live job stands in; None for a job in the archive."""
    row = await txn.maybe(_LINE_OF, panda_id=panda_id)
    found = await lines.find(txn, [row[0]]) if row is not None else []
    return found[0] if found else None


async def before_in_line(txn: Transaction, queue: str, line: int, priority: int, panda_id: int) -> Count:
    """Activated jobs of the same line at that queue that go before this one."""
    return _counted(await txn.many(_BEFORE_IN_LINE, queue=queue, line=line, priority=priority, panda_id=panda_id))


async def before_throttled(txn: Transaction, line: int, priority: int, panda_id: int) -> Count:
    """Throttled jobs of the same line that are let go before this one."""
    return _counted(await txn.many(_BEFORE_THROTTLED, line=line, priority=priority, panda_id=panda_id))


async def before_defined(txn: Transaction, line: int, priority: int, panda_id: int) -> Count:
    """Defined jobs of the same line that brokerage looks at before this one, but for those that no queue took before."""
    return _counted(await txn.many(_BEFORE_DEFINED, line=line, priority=priority, panda_id=panda_id))


async def cores_of(txn: Transaction, line_ids: Sequence[int]) -> int:
    """Cores that jobs of these lines have now."""
    return sum(cores for _, cores in await txn.many(_CORES, lines=list(line_ids)))


async def first_defined(txn: Transaction, limit: int) -> list[JobSpec]:
    """The defined jobs that go first, whether or not brokerage has looked at them."""
    return [job_from_row(row) for row in await txn.many(_FIRST_DEFINED, limit=limit)]
