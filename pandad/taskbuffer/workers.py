"""Harvester workers."""

from __future__ import annotations

from pandad.taskbuffer.statement import sql
from pandad.taskbuffer.store import Transaction

_PUT = sql("workers.put", """
    INSERT INTO worker (harvesterid, workerid, status, queue, node, started, ended)
    VALUES (%(harvester_id)s, %(worker_id)s, %(status)s, %(queue)s, %(node)s,
            CASE WHEN %(status)s = 'started' THEN now() END, CASE WHEN %(status)s = 'finished' THEN now() END)
    ON CONFLICT (harvesterid, workerid) DO UPDATE SET
        -- A late "started" after the "finished" changes nothing but the start.
        status = CASE WHEN worker.status = 'finished' THEN worker.status ELSE EXCLUDED.status END,
        queue = coalesce(EXCLUDED.queue, worker.queue), node = coalesce(EXCLUDED.node, worker.node),
        started = coalesce(worker.started, EXCLUDED.started), ended = coalesce(worker.ended, EXCLUDED.ended), modified = now()""")


async def put(txn: Transaction, harvester_id: str, worker_id: int, status: str, queue: str | None, node: str | None) -> None:
    """Keep what a worker says of itself; repeating it changes nothing."""
    await txn.run(_PUT, harvester_id=harvester_id, worker_id=worker_id, status=status, queue=queue, node=node)
