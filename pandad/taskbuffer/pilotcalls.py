"""What the pilots that talk to a process asked for and got, added to the counts of all processes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pandad.spec.facts import BUCKET_S, Refusal
from pandad.taskbuffer.statement import as_json, sql
from pandad.taskbuffer.store import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """See spec.facts.Asked. ``age_s``: how long ago it was."""

    age_s: float
    demands: Mapping[str, object]
    jobs: int
    refusals: Sequence[Refusal] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """What came from the pilots of one queue since the last time, if there is such a queue.

    :param served: jobs. :param refused: calls by criterion. :param asked_s, heard_s: how long ago the last was; None: none came.
    :param requests: the last different ones of this process, those included that were put before; empty: as before.
    """

    queue: str
    asked: int
    served: int
    heard: int
    refused: Mapping[str, int]
    asked_s: float | None
    heard_s: float | None
    requests: Sequence[Request] = field(default_factory=list)


# Queues that do not exist are one, so that whoever invents names fills no table. The order is that of the keys, as several
# processes do this at the same time.
_PUT = sql("pilotcalls.put", f"""
    WITH said AS (
        SELECT coalesce(q.name, '') AS queue, s.*, date_bin('{BUCKET_S} s', now(), 'epoch') AS bucket
        FROM jsonb_to_recordset(%(calls)s::jsonb) AS
            s(queue text, asked bigint, served bigint, heard bigint, refused jsonb, asked_s float, heard_s float, requests jsonb)
            LEFT JOIN queue q ON q.name = s.queue),
    calls AS (
        INSERT INTO pilot_call AS c (bucket, queue, asked, served, heard)
        SELECT bucket, s.name, sum(s.asked), sum(s.served), sum(s.heard)
        FROM said AS s(name) GROUP BY 1, 2 ORDER BY 1, 2
        ON CONFLICT (bucket, queue) DO UPDATE SET
            asked = c.asked + EXCLUDED.asked, served = c.served + EXCLUDED.served, heard = c.heard + EXCLUDED.heard),
    refusals AS (
        INSERT INTO pilot_refusal AS c (bucket, queue, criterion, calls)
        SELECT bucket, s.name, r.key, sum(r.value::bigint)
        FROM said AS s(name) CROSS JOIN LATERAL jsonb_each_text(s.refused) AS r GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
        ON CONFLICT (bucket, queue, criterion) DO UPDATE SET calls = c.calls + EXCLUDED.calls),
    lasts AS (
        INSERT INTO pilot_last AS l (queue, asked, heard)
        SELECT s.name, now() - make_interval(secs => min(s.asked_s)), now() - make_interval(secs => min(s.heard_s))
        FROM said AS s(name) GROUP BY 1 ORDER BY 1
        ON CONFLICT (queue) DO UPDATE SET
            asked = greatest(l.asked, EXCLUDED.asked), heard = greatest(l.heard, EXCLUDED.heard))
    INSERT INTO pilot_request (queue, process, at, requests)
    SELECT DISTINCT ON (s.name) s.name, %(process)s, now(), (
        SELECT jsonb_agg(r || jsonb_build_object('at', now() - make_interval(secs => (r ->> 'age_s')::float)))
        FROM jsonb_array_elements(s.requests) AS r)
    FROM said AS s(name) WHERE s.requests <> '[]' ORDER BY s.name, s.asked_s
    ON CONFLICT (queue, process) DO UPDATE SET at = EXCLUDED.at, requests = EXCLUDED.requests""")


async def put(txn: Transaction, calls: Sequence[Calls], process: str) -> None:
    """Add these, at most one of each queue. One statement."""
    await txn.run(_PUT, calls=as_json(calls), process=process)
