"""Scouts: the first jobs of a task, which go before the others."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from pandad.spec.facts import Scouting
from pandad.spec.jobstatus import FINAL
from pandad.taskbuffer.statement import listed, sql
from pandad.taskbuffer.store import Transaction

# Of tasks whose scouts are no matter any more their jobs are not looked at.
_FIND = sql("scouts.find", f"""
    SELECT s.jeditaskid, s.jobs, CASE WHEN s.opened IS NULL THEN (
               SELECT count(*) FROM job_ever j WHERE j.pandaid = ANY (s.jobs) AND j.jobstatus IN ({listed(FINAL)})) ELSE 0 END,
           s.opened IS NOT NULL OR s.since < now() - make_interval(secs => %(wait_s)s)
    FROM task_scout s WHERE s.jeditaskid = ANY (%(task_ids)s::bigint[])""", planned_each_time=True)

_SEND = sql("scouts.send", """
    INSERT INTO task_scout AS s (jeditaskid, jobs)
    SELECT jeditaskid, array_agg(pandaid ORDER BY pandaid)
    FROM unnest(%(task_ids)s::bigint[], %(ids)s::bigint[]) AS n(jeditaskid, pandaid) GROUP BY 1 ORDER BY 1
    ON CONFLICT (jeditaskid) DO UPDATE SET jobs = ARRAY(SELECT DISTINCT unnest(s.jobs || EXCLUDED.jobs) ORDER BY 1)""")

_OPEN = sql("scouts.open", """
    UPDATE task_scout SET opened = now() WHERE jeditaskid = ANY (%(task_ids)s::bigint[]) AND opened IS NULL""")


async def find(txn: Transaction, task_ids: Collection[int], wait_s: float) -> dict[int, Scouting]:
    """How it stands with the scouts of these tasks, of those that have sent some.

    :param wait_s: after this they are waited for no longer.
    """
    rows = await txn.many(_FIND, task_ids=sorted(task_ids), wait_s=wait_s)
    return {task_id: Scouting(frozenset(jobs), ended, is_over) for task_id, jobs, ended, is_over in rows}


async def send(txn: Transaction, jobs: Sequence[tuple[int, int]]) -> None:
    """These went: (jediTaskID, PandaID)."""
    await txn.run(_SEND, task_ids=[task for task, _ in jobs], ids=[panda_id for _, panda_id in jobs])


async def open_up(txn: Transaction, task_ids: Collection[int]) -> None:
    """Nobody needs to wait for the scouts of these tasks any more."""
    await txn.run(_OPEN, task_ids=sorted(task_ids))
