"""What waits for pilots, line by line: the source of the demand that is published, and of why a queue's jobs wait."""

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

LINES_MOST = 10_000  # over all queues
LINES_AT_MOST = 500  # of one queue
COUNT_MOST = 500  # jobs of one line that are counted


class Head(NamedTuple):
    """A line at a queue. ``since``: when the job at its head came there."""

    queue: str
    line: Line
    since: datetime


# From line to line by job_activated, and of each its head, however many jobs stand behind.
_WALK = """
    WITH RECURSIVE here AS (
        ({first} ORDER BY j.computingsite, j.line LIMIT 1)
        UNION ALL
        SELECT n.queue, n.line, h.number + 1 FROM here h CROSS JOIN LATERAL (
            SELECT j.computingsite AS queue, j.line FROM job j WHERE j.jobstatus = '{status}' AND {after}
            ORDER BY j.computingsite, j.line LIMIT 1) AS n
        WHERE h.number < {most})
    SELECT h.queue, h.line, head.statechangetime, now() FROM here h CROSS JOIN LATERAL (
        SELECT j.statechangetime FROM job j WHERE j.jobstatus = '{status}' AND j.computingsite = h.queue AND j.line = h.line
        ORDER BY j.currentpriority DESC, j.pandaid LIMIT 1) AS head"""
_FIRST = f"SELECT j.computingsite AS queue, j.line, 1 AS number FROM job j WHERE j.jobstatus = '{JobStatus.ACTIVATED}'"

_EVERYWHERE = sql("demand.everywhere", _WALK.format(
    first=_FIRST, after="(j.computingsite, j.line) > (h.queue, h.line)", most=LINES_MOST, status=JobStatus.ACTIVATED))

_AT = sql("demand.at", _WALK.format(
    first=f"{_FIRST} AND j.computingsite = %(queue)s::text", after="j.computingsite = h.queue AND j.line > h.line",
    most=LINES_AT_MOST, status=JobStatus.ACTIVATED))

_COUNTS = sql("demand.counts", f"""
    SELECT w.queue, w.line, c.jobs
    FROM unnest(%(queues)s::text[], %(lines)s::bigint[]) AS w(queue, line) CROSS JOIN LATERAL (
        SELECT count(*) AS jobs FROM (
            SELECT 1 FROM job j WHERE j.jobstatus = '{JobStatus.ACTIVATED}' AND j.computingsite = w.queue AND j.line = w.line
            LIMIT {COUNT_MOST}) AS bounded) AS c""")

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


async def everywhere(txn: Transaction) -> tuple[list[Head], datetime | None]:
    """The lines of all queues, by queue, and the time by the database's clock; None where nothing waits."""
    rows = await txn.many(_EVERYWHERE)
    return await _heads(txn, rows), rows[0][3] if rows else None


async def at(txn: Transaction, queue: str) -> list[Head]:
    """The lines of one queue, LINES_AT_MOST at the most."""
    return await _heads(txn, await txn.many(_AT, queue=queue))


async def counts(txn: Transaction, heads: Sequence[Head]) -> dict[tuple[str, int], int]:
    """By queue and line, how many jobs wait; COUNT_MOST stands for that many or more."""
    if not heads:
        return {}
    rows = await txn.many(_COUNTS, queues=[head.queue for head in heads], lines=[head.line.id for head in heads])
    return {(queue, line): jobs for queue, line, jobs in rows}


async def _heads(txn: Transaction, rows: Sequence[Row]) -> list[Head]:
    known = {line.id: line for line in await lines.find(txn, list({row[1] for row in rows}))} if rows else {}
    return [Head(queue, known[line], since) for queue, line, since, _ in rows if line in known]
