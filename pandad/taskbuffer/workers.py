"""Harvester workers."""

from __future__ import annotations

from collections.abc import Sequence

from pandad.taskbuffer.statement import sql
from pandad.taskbuffer.store import Transaction

_PUT = sql("workers.put", """
    INSERT INTO worker (harvesterid, workerid, status, queue, node, diag, started, ended)
    VALUES (%(harvester_id)s, %(worker_id)s, %(status)s, %(queue)s, %(node)s, %(diag)s,
            CASE WHEN %(status)s = 'started' THEN now() END, CASE WHEN %(status)s = 'finished' THEN now() END)
    ON CONFLICT (harvesterid, workerid) DO UPDATE SET
        -- A late "started" after the "finished" changes nothing but the start.
        status = CASE WHEN worker.status = 'finished' THEN worker.status ELSE EXCLUDED.status END,
        queue = coalesce(EXCLUDED.queue, worker.queue), node = coalesce(EXCLUDED.node, worker.node),
        diag = coalesce(EXCLUDED.diag, worker.diag),
        started = coalesce(worker.started, EXCLUDED.started), ended = coalesce(worker.ended, EXCLUDED.ended), modified = now()""")


_ENDED = sql("workers.ended", """
    SELECT j.pandaid, w.status, to_char(w.ended AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'), coalesce(w.diag, 'no reason given')
    FROM job j JOIN job_worker b USING (pandaid, attemptnr) JOIN worker w USING (harvesterid, workerid)
    WHERE j.pandaid = ANY (%(panda_ids)s::bigint[]) AND w.ended IS NOT NULL""")


async def put(txn: Transaction, harvester_id: str, worker_id: int, status: str, queue: str | None, node: str | None,
              diag: str | None = None) -> None:
    """Keep what is said of a worker; repeating it changes nothing."""
    await txn.run(_PUT, harvester_id=harvester_id, worker_id=worker_id, status=status, queue=queue, node=node, diag=diag)


async def ended(txn: Transaction, panda_ids: Sequence[int]) -> dict[int, str]:
    """Which of these jobs are in the hands of a worker that has ended: PanDA's message of WORKER_ALREADY_DONE, by PandaID."""
    rows = await txn.many(_ENDED, panda_ids=list(panda_ids))
    return {panda_id: f"worker already {status} at {when} with {diag}" for panda_id, status, when, diag in rows}
