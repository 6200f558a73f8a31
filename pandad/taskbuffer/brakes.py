"""Queues that are braked, and the test jobs that they get."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from pandad.spec.facts import Brake, Probe
from pandad.spec.jobstatus import RETRIES, Event
from pandad.taskbuffer.statement import listed, sql
from pandad.taskbuffer.store import Transaction

_BEGUN = frozenset({Event.STARTED, Event.RUNNING})
_FAILED = RETRIES | {Event.FAILED, Event.LOST, Event.TIMED_OUT}
_GONE = frozenset({Event.UNBROKERED, Event.KILLED, Event.FORCE_KILLED, Event.CLOSED})

_FIND_ALL = sql("brakes.find_all", """
    SELECT b.queue, b.since, b.why, b.level, b.until, b.until <= now(), b.probes,
           ARRAY(SELECT j.produsername FROM job j WHERE j.pandaid = ANY (b.probes) AND j.produsername IS NOT NULL)
    FROM queue_brake b WHERE b.released IS NULL""")

_RELEASED = sql("brakes.released", """
    SELECT queue FROM queue_brake WHERE released > now() - make_interval(secs => %(window_s)s)""")

_LAST_LEVELS = sql("brakes.last_levels", "SELECT queue, level FROM queue_brake WHERE released IS NOT NULL")

_PROBES = sql("brakes.probes", f"""
    SELECT b.queue, p.pandaid, coalesce(j.produsername, ''),
           extract(epoch FROM coalesce(e.failed, now()) - e.begun)::float, e.failed IS NOT NULL, e.finished, e.gone
    FROM queue_brake b CROSS JOIN LATERAL unnest(b.probes) AS p(pandaid) LEFT JOIN job j ON j.pandaid = p.pandaid
    CROSS JOIN LATERAL (
        SELECT min(at) FILTER (WHERE event IN ({listed(_BEGUN)})) AS begun,
               min(at) FILTER (WHERE event IN ({listed(_FAILED)})) AS failed,
               coalesce(bool_or(event = '{Event.COMPLETED}'), false) AS finished,
               coalesce(bool_or(event IN ({listed(_GONE)})), false) AS gone
        FROM job_event_ever e WHERE e.pandaid = p.pandaid AND e.at > b.until) e
    WHERE b.released IS NULL""")

_PUT = sql("brakes.put", """
    INSERT INTO queue_brake AS b (queue, why, level, until)
    SELECT name, %(why)s, %(level)s, now() + make_interval(secs => %(pause_s)s) FROM queue WHERE name = %(queue)s
    ON CONFLICT (queue) DO UPDATE SET
        since = CASE WHEN b.released IS NULL THEN b.since ELSE now() END, why = EXCLUDED.why, level = EXCLUDED.level,
        until = EXCLUDED.until, probes = '{}', released = NULL""")

_RELEASE = sql("brakes.release", """
    UPDATE queue_brake SET released = now(), probes = '{}' WHERE queue = %(queue)s AND released IS NULL""")

_TEST_ANEW = sql("brakes.test_anew", """
    UPDATE queue_brake SET probes = '{}' WHERE queue = %(queue)s AND released IS NULL""")

_ADD = sql("brakes.add", """
    UPDATE queue_brake SET probes = probes || %(ids)s::bigint[] WHERE queue = %(queue)s AND released IS NULL""")

_FORGET = sql("brakes.forget", """
    DELETE FROM queue_brake WHERE released < now() - make_interval(secs => %(window_s)s)""")


async def find_all(txn: Transaction) -> dict[str, Brake]:
    """By queue, those that are braked."""
    return {queue: Brake(since, why, level, until, tested, tuple(probes), frozenset(owners))
            for queue, since, why, level, until, tested, probes, owners in await txn.many(_FIND_ALL)}


async def released(txn: Transaction, window_s: float) -> set[str]:
    """Queues that were released not longer ago than that."""
    return {queue for (queue,) in await txn.many(_RELEASED, window_s=window_s)}


async def last_levels(txn: Transaction) -> dict[str, int]:
    """Of queues whose release is not forgotten, how often their test jobs had failed in a row before."""
    return dict(await txn.many(_LAST_LEVELS))


async def probes(txn: Transaction) -> dict[str, list[Probe]]:
    """By braked queue, what became of its test jobs there."""
    found: dict[str, list[Probe]] = defaultdict(list)
    for queue, *rest in await txn.many(_PROBES):
        found[queue].append(Probe(*rest))
    return dict(found)


async def put(txn: Transaction, queue: str, why: str, level: int, pause_s: float) -> None:
    """Brake a queue, or brake it on; without test jobs for so long. One that is not there any more is left alone."""
    await txn.run(_PUT, queue=queue, why=why, level=level, pause_s=pause_s)


async def release(txn: Transaction, queue: str) -> None:
    """Let a queue have all work again."""
    await txn.run(_RELEASE, queue=queue)


async def test_anew(txn: Transaction, queue: str) -> None:
    """Let others take the place of its test jobs."""
    await txn.run(_TEST_ANEW, queue=queue)


async def add_probes(txn: Transaction, queue: str, ids: Sequence[int]) -> None:
    """These jobs go there to test it."""
    await txn.run(_ADD, queue=queue, ids=list(ids))


async def forget(txn: Transaction, window_s: float) -> None:
    """Forget brakes that were released longer ago than that."""
    await txn.run(_FORGET, window_s=window_s)
