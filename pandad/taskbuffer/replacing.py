"""Jobs that have a queue and no pilot yet, and perhaps should be elsewhere."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from pandad.spec.job import JobSpec
from pandad.spec.jobstatus import Actor, Event, JobStatus
from pandad.spec.timeouts import ANALYSIS_LABELS
from pandad.taskbuffer import placements
from pandad.taskbuffer.statement import listed, sql
from pandad.taskbuffer.store import Transaction
from pandad.taskbuffer.worklists import BROKERED_COLUMNS, brokered

PLACED = frozenset({JobStatus.ASSIGNED, JobStatus.WAITING, JobStatus.ACTIVATED})
NOT_MOVED = "not moved"  # the note in the history of a job that is pinned where it cannot run
LEFT = "left "  # and then the queue and a colon: how the history says from where a job was taken
DAY_S = 24 * 3600

_PLACED = listed(PLACED)
_PINNED = "j.relocationflag = 1"

_AT = sql("replacing.at", f"""
    SELECT j.pandaid, j.computingsite, {_PINNED} FROM job j
    WHERE j.computingsite = ANY (%(queues)s::text[]) AND j.jobstatus IN ({_PLACED})
      AND (%(pinned)s::boolean OR NOT ({_PINNED})) AND j.pandaid <> ALL (%(besides)s::bigint[])
    LIMIT %(limit)s""", planned_each_time=True)

_STUCK = sql("replacing.stuck", f"""
    SELECT j.pandaid, j.computingsite, true FROM job j
    WHERE j.computingsite = ANY (%(queues)s::text[]) AND j.jobstatus IN ({_PLACED}) AND {_PINNED}
      AND NOT EXISTS (SELECT FROM job_event e WHERE e.pandaid = j.pandaid AND e.event = '{NOT_MOVED}'
                                                      AND e.at > j.statechangetime)
    LIMIT %(limit)s""", planned_each_time=True)

_WAITED = sql("replacing.waited", f"""
    SELECT j.statechangetime, extract(epoch FROM now() - j.statechangetime)::float, {BROKERED_COLUMNS} FROM job j
    WHERE j.jobstatus = %(status)s::job_status AND NOT ({_PINNED})
      AND j.statechangetime < now() - make_interval(secs => CASE
          WHEN coalesce(j.prodsourcelabel, '') IN ({listed(ANALYSIS_LABELS)}) THEN %(analysis_s)s::float
          ELSE %(production_s)s::float END)
      AND j.statechangetime < now() - make_interval(secs => least(%(analysis_s)s::float, %(production_s)s::float))
      AND j.statechangetime >= coalesce(%(since)s::timestamptz, '-infinity')
      AND (j.statechangetime, j.pandaid) > (coalesce(%(since)s::timestamptz, '-infinity'), %(after)s::bigint)
    ORDER BY j.statechangetime, j.pandaid LIMIT %(limit)s""", planned_each_time=True)

_LEFT = sql("replacing.left", f"""
    SELECT pandaid, why FROM job_event
    WHERE pandaid = ANY (%(ids)s::bigint[]) AND event = '{Event.UNBROKERED}' AND actor = '{Actor.BROKERAGE}'
      AND at > now() - make_interval(secs => {DAY_S})""")

# An output that got its endpoint from the queue gets another one with another queue.
_UNPLACE = sql("replacing.unplace", """
    UPDATE file f SET
        status = 'defined',
        dispatchdblocktoken = CASE WHEN f.type = 'input' THEN NULL ELSE f.dispatchdblocktoken END,
        destinationse = CASE WHEN f.type = 'input' THEN f.destinationse ELSE nullif(f.destinationse, u.endpoint) END
    FROM unnest(%(ids)s::bigint[], %(endpoints)s::text[]) AS u(pandaid, endpoint)
    WHERE f.pandaid = u.pandaid AND f.pandaid = ANY (%(ids)s::bigint[]) AND f.type IN ('input', 'output', 'log')""")


@dataclass(frozen=True, slots=True)
class Placed:
    """A job at a queue."""

    panda_id: int
    queue: str
    is_pinned: bool


@dataclass(frozen=True, slots=True)
class Waited:
    """A job that has been where it is for long. ``job``: with what brokerage reads of it."""

    job: JobSpec
    status: JobStatus
    since: datetime
    waited_s: float


async def at(txn: Transaction, queues: Collection[str], limit: int, *, pinned: bool,
             besides: Collection[int] = ()) -> list[Placed]:
    """Jobs that wait at these queues.

    :param pinned: also those that may go nowhere else. :param besides: not these.
    """
    rows = await txn.many(_AT, queues=sorted(queues), limit=limit, pinned=pinned, besides=sorted(besides))
    return [Placed(*row) for row in rows]


async def stuck(txn: Transaction, queues: Collection[str], limit: int) -> list[Placed]:
    """Jobs that are pinned to these queues, and whose history does not say yet that they stay."""
    return [Placed(*row) for row in await txn.many(_STUCK, queues=sorted(queues), limit=limit)]


async def waited(txn: Transaction, status: JobStatus, analysis_s: float, production_s: float, limit: int,
                 after: Waited | None = None) -> list[Waited]:
    """Jobs that have been in that state for longer than those limits, the longest first; none that is pinned.

    :param after: the last one of the page before.
    """
    rows = await txn.many(
        _WAITED, status=status, analysis_s=analysis_s, production_s=production_s, limit=limit,
        since=after.since if after else None, after=(after.job.PandaID or 0) if after else 0)
    return [Waited(brokered(row), status, since, waited_s) for since, waited_s, *row in rows]


async def left(txn: Transaction, ids: Sequence[int]) -> dict[int, list[str]]:
    """The queues from which brokerage took these jobs within the last day; of others than those that it took none."""
    found: dict[int, list[str]] = defaultdict(list)
    for panda_id, why in await txn.many(_LEFT, ids=list(ids)):
        found[panda_id].append(str(why).removeprefix(LEFT).partition(":")[0])
    return dict(found)


async def unplace(txn: Transaction, jobs: Sequence[tuple[int, str | None]]) -> None:
    """Forget on the files of these jobs what came of their queue, and what is brought there: (PandaID, endpoint that its outputs
    got)."""
    if jobs:
        ids, endpoints = map(list, zip(*jobs, strict=True))
        await txn.run(_UNPLACE, ids=ids, endpoints=endpoints)
        await placements.leave(txn, ids)
