"""Harvesters: that they live, how many workers they have where, what they say to operators, and what they are told to do."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pandad.taskbuffer.statement import as_json, sql
from pandad.taskbuffer.store import Transaction

KEPT = "interval '7 days'"  # of what is said to operators
AGAIN = "interval '1 hour'"  # a command that was not acknowledged goes out again after that
CLEANED = 100  # old notes that new ones take away

DIALOG, METRIC = "dialog", "metric"

Counts = Mapping[str, Mapping[str, Mapping[str, int]]]
"""Workers by type of job, resource type and status."""

_BEAT = sql("harvesters.beat", """
    INSERT INTO harvester (id, told) VALUES (%(harvester_id)s, %(told)s::jsonb)
    ON CONFLICT (id) DO UPDATE SET told = harvester.told || EXCLUDED.told, seen = now()""")

_FORGET_COUNTS = sql("harvesters.forget_counts", """
    DELETE FROM worker_count WHERE harvesterid = %(harvester_id)s AND queue = %(queue)s""")

_COUNT = sql("harvesters.count", """
    INSERT INTO worker_count (harvesterid, queue, jobtype, resourcetype, status, workers)
    SELECT %(harvester_id)s::text, %(queue)s::text, c.jobtype, c.resourcetype, c.status, c.workers
    FROM jsonb_to_recordset(%(counts)s::jsonb) AS c(jobtype text, resourcetype text, status text, workers bigint)
    ON CONFLICT (harvesterid, queue, jobtype, resourcetype, status) DO UPDATE SET workers = EXCLUDED.workers, told = now()""")

_COUNTS = sql("harvesters.counts", """
    SELECT queue, harvesterid, jobtype, resourcetype, status, workers FROM worker_count ORDER BY 1, 2, 3, 4, 5""")

_NOTE = sql("harvesters.note", f"""
    WITH old AS (
        SELECT harvesterid, kind, key FROM harvester_note WHERE told < now() - {KEPT}
        ORDER BY told LIMIT {CLEANED} FOR UPDATE SKIP LOCKED),
    gone AS (DELETE FROM harvester_note n USING old WHERE (n.harvesterid, n.kind, n.key) = (old.harvesterid, old.kind, old.key))
    INSERT INTO harvester_note (harvesterid, kind, key, note)
    SELECT DISTINCT ON (n.key) %(harvester_id)s::text, %(kind)s::text, n.key, n.note
    FROM jsonb_to_recordset(%(notes)s::jsonb) AS n(key text, note jsonb)
    ON CONFLICT (harvesterid, kind, key) DO UPDATE SET note = EXCLUDED.note, told = now()""")

_SWEEP = sql("harvesters.sweep", """
    INSERT INTO harvester_command (harvesterid, command, params)
    SELECT h.harvesterid, %(command)s::text, %(params)s::jsonb
    FROM (SELECT harvesterid FROM worker_count WHERE queue = %(queue)s::text
          UNION SELECT harvesterid FROM worker WHERE queue = %(queue)s::text AND ended IS NULL) AS h
    ON CONFLICT (harvesterid, command) DO UPDATE SET id = DEFAULT, params = EXCLUDED.params, asked = now(), told = NULL""")

_TELL = sql("harvesters.tell", f"""
    WITH due AS (
        SELECT id FROM harvester_command
        WHERE harvesterid = %(harvester_id)s::text AND (told IS NULL OR told < now() - {AGAIN})
        ORDER BY id LIMIT %(most)s FOR UPDATE SKIP LOCKED)
    UPDATE harvester_command c SET told = now() FROM due WHERE c.id = due.id RETURNING c.id, c.command, c.params, c.asked""",
            planned_each_time=True)

_DONE = sql("harvesters.done", "DELETE FROM harvester_command WHERE id = ANY (%(ids)s::bigint[]) AND told IS NOT NULL")


@dataclass(frozen=True, slots=True)
class Command:
    """What a Harvester is to do."""

    id: int
    command: str
    params: Mapping[str, Any]
    asked: datetime


async def beat(txn: Transaction, harvester_id: str, told: Mapping[str, Any]) -> None:
    """It lives, and says this of itself; what it does not say stays."""
    await txn.run(_BEAT, harvester_id=harvester_id, told=as_json([told])[1:-1])


async def count(txn: Transaction, harvester_id: str, queue: str, counts: Counts) -> None:
    """So many workers it has at a queue now; what it said of that before is over."""
    rows = [{"jobtype": job_type, "resourcetype": resource_type, "status": status, "workers": workers}
            for job_type, by_type in counts.items() for resource_type, by_status in by_type.items()
            for status, workers in by_status.items()]
    await txn.run(_FORGET_COUNTS, harvester_id=harvester_id, queue=queue)
    await txn.run(_COUNT, harvester_id=harvester_id, queue=queue, counts=as_json(rows))


async def counts(txn: Transaction) -> dict[str, dict[str, dict[str, dict[str, dict[str, int]]]]]:
    """By queue, Harvester, type of job, resource type and status."""
    found: Any = defaultdict(lambda: defaultdict(lambda: defaultdict(lambda: defaultdict(dict))))
    for queue, harvester_id, job_type, resource_type, status, workers in await txn.many(_COUNTS):
        found[queue][harvester_id][job_type][resource_type][status] = workers
    told: dict[str, dict[str, dict[str, dict[str, dict[str, int]]]]] = found
    return told


async def note(txn: Transaction, harvester_id: str, kind: str, notes: Mapping[str, object]) -> None:
    """Keep what it says, by keys by which a repeat is known."""
    rows = [{"key": key, "note": said} for key, said in notes.items()]
    await txn.run(_NOTE, harvester_id=harvester_id, kind=kind, notes=as_json(rows))


async def sweep(txn: Transaction, queue: str, command: str, params: Mapping[str, object]) -> int:
    """Have every Harvester with workers at a queue do this; how many there are. The same again takes the place of the first."""
    return await txn.run(_SWEEP, queue=queue, command=command, params=as_json([params])[1:-1])


async def tell(txn: Transaction, harvester_id: str, most: int) -> list[Command]:
    """What it is to do and was not told lately."""
    return sorted((Command(*row) for row in await txn.many(_TELL, harvester_id=harvester_id, most=most)), key=lambda c: c.id)


async def done(txn: Transaction, ids: Sequence[int]) -> int:
    """They have it; how many there were."""
    return await txn.run(_DONE, ids=list(ids))
