"""What pilots could take now, line by line: the source of the demand that is published, and of why a queue's jobs wait."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from pandad.spec.jobstatus import JobStatus
from pandad.spec.line import Line
from pandad.taskbuffer import lines
from pandad.taskbuffer.pool import Row
from pandad.taskbuffer.statement import sql
from pandad.taskbuffer.store import Transaction

COUNT_MOST = 500  # jobs of one line that are counted: so much is read of each at the most
LINES_MOST = 5000  # over all queues


class Waits(NamedTuple):
    """A line at a queue. ``jobs``: COUNT_MOST stands for that many or more. ``since``: when the job at its head came there."""

    queue: str
    line: Line
    jobs: int
    since: datetime


# From line to line by job_activated, and of each its head and a bounded part of what stands behind.
_WALK = """
    WITH RECURSIVE here AS (
        ({first})
        UNION ALL
        SELECT n.queue, n.line, h.number + 1 FROM here h CROSS JOIN LATERAL ({next}) AS n WHERE h.number < {most})
    SELECT h.queue, h.line, c.jobs, head.statechangetime, now()
    FROM here h
    CROSS JOIN LATERAL (
        SELECT j.statechangetime FROM job j WHERE j.jobstatus = '{status}' AND j.computingsite = h.queue AND j.line = h.line
        ORDER BY j.currentpriority DESC, j.pandaid LIMIT 1) AS head
    CROSS JOIN LATERAL (
        SELECT count(*) AS jobs FROM (
            SELECT 1 FROM job j WHERE j.jobstatus = '{status}' AND j.computingsite = h.queue AND j.line = h.line
            LIMIT {count}) AS bounded) AS c"""

_PAIR = "SELECT j.computingsite AS queue, j.line{number} FROM job j WHERE j.jobstatus = '{status}'"


def _walk(first: str, after: str) -> str:
    begin = _PAIR.format(number=", 1 AS number", status=JobStatus.ACTIVATED)
    follow = _PAIR.format(number="", status=JobStatus.ACTIVATED)
    order = "ORDER BY j.computingsite, j.line LIMIT 1"
    return _WALK.format(first=f"{begin} {first} {order}", next=f"{follow} AND {after} {order}", most=LINES_MOST,
                        count=COUNT_MOST, status=JobStatus.ACTIVATED)


_EVERYWHERE = sql("demand.everywhere", _walk("", "(j.computingsite, j.line) > (h.queue, h.line)"))
_AT = sql("demand.at", _walk(
    "AND j.computingsite = %(queue)s::text", "j.computingsite = h.queue AND j.line > h.line"))


# {queue: {resource type: {label: {state: jobs}}}} of all that are placed, in PanDA's order of nesting.
_STATES = sql("demand.states", """
    SELECT queue, resource_type, label, jobstatus, jobs FROM tally_now WHERE queue <> '' ORDER BY 1, 2, 3, 4""")

States = dict[str, dict[str, dict[str, dict[str, int]]]]


async def states(txn: Transaction) -> States:
    """Jobs by queue, resource type, label and state, from the counters."""
    found: States = {}
    for queue, resource_type, label, status, jobs in await txn.many(_STATES):
        found.setdefault(queue, {}).setdefault(resource_type, {}).setdefault(label, {})[status] = jobs
    return found


async def everywhere(txn: Transaction) -> tuple[list[Waits], datetime | None]:
    """The lines of all queues, by queue, and the time by the database's clock; None where nothing waits."""
    return await _waits(txn, await txn.many(_EVERYWHERE))


async def at(txn: Transaction, queue: str) -> list[Waits]:
    """The lines of one queue."""
    return (await _waits(txn, await txn.many(_AT, queue=queue)))[0]


async def _waits(txn: Transaction, rows: Sequence[Row]) -> tuple[list[Waits], datetime | None]:
    known = {line.id: line for line in await lines.find(txn, list({row[1] for row in rows}))} if rows else {}
    found = [Waits(queue, known[line], jobs, since) for queue, line, jobs, since, _ in rows if line in known]
    return found, rows[0][4] if rows else None
