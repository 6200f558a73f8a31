"""Harvester workers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pandad.spec.jobstatus import IN_SLOT
from pandad.taskbuffer.statement import as_json, listed, sql
from pandad.taskbuffer.store import Transaction

RUNNING = "running"
OVER = ("finished", "failed", "cancelled", "missed")  # Harvester's words for the ends of a worker


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerWord:
    """``jobs``: that it runs, by PandaID. ``told``: all that Harvester said, as it came."""

    worker_id: int
    status: str
    queue: str | None
    node: str | None
    diag: str | None
    jobs: Sequence[int]
    told: Mapping[str, Any]


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


# A worker that ended stays so; of two ends the later word counts. Times are the database's, as everywhere.
_PUT_ALL = sql("workers.put_all", f"""
    WITH said AS (
        SELECT DISTINCT ON (workerid) * FROM jsonb_to_recordset(%(workers)s::jsonb)
            AS s(workerid bigint, status text, queue text, node text, diag text, told jsonb, jobs jsonb)),
    kept AS (
        INSERT INTO worker (harvesterid, workerid, status, queue, node, diag, told, started, ended)
        SELECT %(harvester_id)s::text, workerid, status, queue, node, diag, told,
               CASE WHEN status = '{RUNNING}' THEN now() END, CASE WHEN status IN ({listed(OVER)}) THEN now() END
        FROM said ORDER BY workerid
        ON CONFLICT (harvesterid, workerid) DO UPDATE SET
            status = CASE WHEN worker.ended IS NOT NULL AND EXCLUDED.ended IS NULL THEN worker.status ELSE EXCLUDED.status END,
            queue = coalesce(EXCLUDED.queue, worker.queue), node = coalesce(EXCLUDED.node, worker.node),
            diag = coalesce(EXCLUDED.diag, worker.diag), told = EXCLUDED.told,
            started = coalesce(worker.started, EXCLUDED.started), ended = coalesce(worker.ended, EXCLUDED.ended),
            modified = now())
    INSERT INTO job_worker (pandaid, attemptnr, harvesterid, workerid)
    SELECT j.pandaid, j.attemptnr, %(harvester_id)s::text, s.workerid
    FROM said s CROSS JOIN LATERAL jsonb_array_elements_text(coalesce(s.jobs, '[]')) AS id
    JOIN job j ON j.pandaid = id::bigint AND j.jobstatus IN ({listed(IN_SLOT)})
    ON CONFLICT (pandaid, attemptnr) DO NOTHING""")

_LAST = sql("workers.last", "SELECT coalesce(max(workerid), 0) FROM worker WHERE harvesterid = %(harvester_id)s::text")

_ENDED = sql("workers.ended", """
    SELECT j.pandaid, w.status, to_char(w.ended AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'), coalesce(w.diag, 'no reason given')
    FROM job j JOIN job_worker b USING (pandaid, attemptnr) JOIN worker w USING (harvesterid, workerid)
    WHERE j.pandaid = ANY (%(panda_ids)s::bigint[]) AND w.ended IS NOT NULL""")


async def put(txn: Transaction, harvester_id: str, worker_id: int, status: str, queue: str | None, node: str | None,
              diag: str | None = None) -> None:
    """Keep what is said of a worker; repeating it changes nothing."""
    await txn.run(_PUT, harvester_id=harvester_id, worker_id=worker_id, status=status, queue=queue, node=node, diag=diag)


async def put_all(txn: Transaction, harvester_id: str, told: Sequence[WorkerWord]) -> None:
    """Keep what a Harvester says of its workers, and which jobs they run; repeating it changes nothing."""
    rows = [{"workerid": w.worker_id, "status": w.status, "queue": w.queue, "node": w.node, "diag": w.diag, "told": w.told,
             "jobs": list(w.jobs)} for w in told]
    await txn.run(_PUT_ALL, harvester_id=harvester_id, workers=as_json(rows))


async def last(txn: Transaction, harvester_id: str) -> int:
    """The highest number of a worker of that Harvester's; 0: it has none."""
    (number,) = await txn.one(_LAST, harvester_id=harvester_id)
    return int(number)


async def ended(txn: Transaction, panda_ids: Sequence[int]) -> dict[int, str]:
    """Which of these jobs are in the hands of a worker that has ended: PanDA's message of WORKER_ALREADY_DONE, by PandaID."""
    rows = await txn.many(_ENDED, panda_ids=list(panda_ids))
    return {panda_id: f"worker already {status} at {when} with {diag}" for panda_id, status, when, diag in rows}
