"""Who has jobs, by line: what runs, what waits for pilots, and what waits for a queue. Bounded, however much waits."""

from __future__ import annotations

from dataclasses import dataclass

from pandad.spec.jobstatus import IN_SLOT, JobStatus
from pandad.spec.line import Line
from pandad.taskbuffer import demand, lines
from pandad.taskbuffer.statement import listed, sql
from pandad.taskbuffer.store import Transaction

UNPLACED_MOST = 10_000  # jobs without a queue that are looked at, in the order of their priority

_RUNNING = sql("people.running", f"""
    SELECT line, count(*), sum(coalesce(corecount, 1)::float)::bigint FROM job
    WHERE jobstatus IN ({listed(IN_SLOT)}) GROUP BY line""")

_UNPLACED = sql("people.unplaced", f"""
    SELECT line, count(*) FROM (
        SELECT line FROM job WHERE jobstatus = '{JobStatus.DEFINED}' ORDER BY currentpriority DESC, pandaid
        LIMIT {UNPLACED_MOST}) AS first
    GROUP BY line""")

_HELD = sql("people.held", f"SELECT line, count(*) FROM job WHERE jobstatus = '{JobStatus.THROTTLED}' GROUP BY line")


@dataclass(slots=True)
class Busy:
    """The jobs of one line. ``at_least``: more of them wait than were counted."""

    line: Line
    running: int = 0
    cores: int = 0
    waiting: int = 0  # for a pilot
    held: int = 0  # by a cap
    unplaced: int = 0  # for a queue
    at_least: bool = False


async def busy(txn: Transaction) -> list[Busy]:
    """All lines of which jobs are counted, in no order."""
    running = {line: (jobs, cores) for line, jobs, cores in await txn.many(_RUNNING)}
    unplaced: dict[int, int] = dict(await txn.many(_UNPLACED))
    held: dict[int, int] = dict(await txn.many(_HELD))
    heads, _ = await demand.everywhere(txn)
    counts = await demand.counts(txn, heads)
    ids = {*running, *unplaced, *held, *(head.line.id for head in heads)}
    found = {line.id: Busy(line) for line in await lines.find(txn, list(ids))}
    for line, each in found.items():
        each.running, each.cores = running.get(line, (0, 0))
        each.unplaced, each.held = unplaced.get(line, 0), held.get(line, 0)
    for (_, line), jobs in counts.items():
        if line in found:
            found[line].waiting += jobs
            found[line].at_least |= jobs >= demand.COUNT_MOST
    full = sum(unplaced.values()) >= UNPLACED_MOST
    for each in found.values():
        each.at_least |= full and each.unplaced > 0
    return list(found.values())
