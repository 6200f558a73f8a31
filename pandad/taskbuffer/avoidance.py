"""Queues that a job avoids for a time: while it does, they stand in its ``avoided`` beside those that it avoids for good."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pandad.spec.jobstatus import LIVE, Actor, JobStatus
from pandad.taskbuffer import moves
from pandad.taskbuffer.moves import Change
from pandad.taskbuffer.statement import sql
from pandad.taskbuffer.store import Transaction

NOTE = "may come back"
AT_ONCE_S = 0.001


@dataclass(frozen=True, slots=True)
class Avoidance:
    """Until when a job avoids a queue, and because of what."""

    queue: str
    until: datetime
    why: str


_AVOID = sql("avoidance.avoid", """
    INSERT INTO avoidance (pandaid, queue, until, why)
    SELECT w.pandaid, w.queue, now() + make_interval(secs => %(for_s)s), %(why)s
    FROM unnest(%(ids)s::bigint[], %(queues)s::text[]) AS w(pandaid, queue) ORDER BY 1, 2
    ON CONFLICT (pandaid, queue) DO UPDATE SET until = EXCLUDED.until, why = EXCLUDED.why""")

_IS_OVER = sql("avoidance.is_over", "SELECT EXISTS (SELECT FROM avoidance WHERE until <= now())")

# The jobs in the order of their ids, as all who lock several.
_OVER = sql("avoidance.over", """
    WITH over AS (
        SELECT pandaid, queue FROM avoidance WHERE until <= now() ORDER BY until LIMIT %(limit)s)
    SELECT j.pandaid, o.queue, j.avoided, j.jobstatus FROM over o JOIN job j ON j.pandaid = o.pandaid
    ORDER BY j.pandaid FOR UPDATE OF j""", planned_each_time=True)

_FORGET = sql("avoidance.forget", """
    DELETE FROM avoidance a USING unnest(%(ids)s::bigint[], %(queues)s::text[]) AS w(pandaid, queue)
    WHERE (a.pandaid, a.queue) = (w.pandaid, w.queue)""")

_OF_JOB = sql("avoidance.of_job", "SELECT queue, until, why FROM avoidance WHERE pandaid = %(panda_id)s ORDER BY until, queue")


async def avoid(txn: Transaction, queues: Mapping[int, str], for_s: float, why: str) -> None:
    """These jobs, by PandaID, avoid that queue for so long; the caller puts it into their ``avoided``."""
    if queues:
        await txn.run(_AVOID, ids=list(queues), queues=list(queues.values()), for_s=for_s, why=why)


async def is_over(txn: Transaction) -> bool:
    """Whether the time of any is."""
    return bool((await txn.one(_IS_OVER))[0])


async def end(txn: Transaction, limit: int, *, actor: Actor, who: str) -> int:
    """The time of so many is over at most: their jobs may go there again, and those without a queue are looked at at once. How
    many there were."""
    rows = await txn.many(_OVER, limit=limit)
    open_to: dict[int, list[str]] = {}
    for panda_id, queue, _, _ in rows:
        open_to.setdefault(panda_id, []).append(queue)
    changes = [_change(panda_id, open_to[panda_id], avoided, JobStatus(status))
               for panda_id, avoided, status in {row[0]: (row[0], row[2], row[3]) for row in rows}.values()]
    if changes:
        await moves.touch(txn, NOTE, changes, LIVE, actor=actor, who=who)
        await txn.run(_FORGET, ids=[row[0] for row in rows], queues=[row[1] for row in rows])
        txn.hint("brokerage")
    return len(rows)


def _change(panda_id: int, queues: Sequence[str], avoided: Sequence[str], status: JobStatus) -> Change:
    left = [name for name in avoided if name not in queues]
    return Change(panda_id, {"avoided": left}, why=f"it may go to {', '.join(sorted(queues))} again",
                  check_in_s=AT_ONCE_S if status is JobStatus.DEFINED else 0)


async def of_job(txn: Transaction, panda_id: int) -> list[Avoidance]:
    """The queues that a job avoids for a time, the one whose time ends first in front."""
    return [Avoidance(*row) for row in await txn.many(_OF_JOB, panda_id=panda_id)]
