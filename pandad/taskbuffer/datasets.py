"""Datasets that jobs write into, from the first job that will to the last that could."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from pandad.spec.jobstatus import FINAL, JobStatus
from pandad.taskbuffer.statement import listed, sql
from pandad.taskbuffer.store import Transaction

OPEN, IDLE, EMPTY = "open", "idle", "empty"
WAIT = (JobStatus.ASSIGNED, JobStatus.WAITING)  # of jobs whose dataset is not there yet
LOOK_S = 60  # between two looks at whether the last job of a dataset has ended


@dataclass(frozen=True, slots=True, order=True)
class Member:
    """A job that will write into a dataset."""

    scope: str
    name: str
    panda_id: int


# A dataset that is about to be closed or erased is wanted again; who looks at it now is waited for.
_EXPECT = sql("datasets.expect", f"""
    WITH wanted AS (
        SELECT * FROM unnest(%(scopes)s::text[], %(names)s::text[], %(ids)s::bigint[]) AS w(scope, name, pandaid)),
    there AS (
        INSERT INTO dataset AS d (scope, name) SELECT DISTINCT scope, name FROM wanted ORDER BY scope, name
        ON CONFLICT (scope, name) DO UPDATE SET state = '{OPEN}', nextcheck = now(), nomore = false
        RETURNING d.id, d.scope, d.name, d.made),
    joined AS (
        INSERT INTO dataset_job (dataset, pandaid) SELECT t.id, w.pandaid FROM wanted w JOIN there t USING (scope, name)
        ON CONFLICT DO NOTHING)
    SELECT scope, name FROM there WHERE NOT made ORDER BY scope, name""")

# Who waits for it is looked at again; the lock is that of every move, so that none waits for another in a ring.
_MADE = sql("datasets.made", f"""
    WITH there AS (
        UPDATE dataset d SET made = true FROM unnest(%(scopes)s::text[], %(names)s::text[]) AS m(scope, name)
        WHERE (d.scope, d.name) = (m.scope, m.name) RETURNING d.id),
    waiting AS (
        SELECT pandaid FROM job WHERE jobstatus IN ({listed(WAIT)}) AND pandaid IN (
            SELECT m.pandaid FROM dataset_job m JOIN there t ON t.id = m.dataset) ORDER BY pandaid FOR UPDATE)
    UPDATE job j SET nextcheck = now() FROM waiting w WHERE j.pandaid = w.pandaid""")

_GIVE_UP = sql("datasets.give_up", """
    WITH gone AS (
        DELETE FROM dataset d USING unnest(%(scopes)s::text[], %(names)s::text[]) AS m(scope, name)
        WHERE (d.scope, d.name) = (m.scope, m.name) AND NOT d.made RETURNING d.id)
    SELECT DISTINCT m.pandaid FROM dataset_job m JOIN gone g ON g.id = m.dataset ORDER BY m.pandaid""")

_NO_MORE = sql("datasets.no_more", """
    UPDATE dataset d SET nomore = true, nextcheck = now() FROM unnest(%(scopes)s::text[], %(names)s::text[]) AS n(scope, name)
    WHERE (d.scope, d.name) = (n.scope, n.name)""")

_FILLED = sql("datasets.filled", """
    UPDATE dataset d SET filled = true FROM unnest(%(scopes)s::text[], %(names)s::text[]) AS f(scope, name)
    WHERE (d.scope, d.name) = (f.scope, f.name) AND NOT d.filled""")

_KEEP = sql("datasets.keep", """
    WITH wanted AS (
        SELECT scope, name, array_agg(DISTINCT endpoint) AS endpoints
        FROM unnest(%(scopes)s::text[], %(names)s::text[], %(endpoints)s::text[]) AS w(scope, name, endpoint) GROUP BY 1, 2),
    before AS MATERIALIZED (
        SELECT d.id, d.scope, d.name, d.kept, w.endpoints FROM dataset d JOIN wanted w USING (scope, name)
        WHERE NOT w.endpoints <@ d.kept ORDER BY d.id FOR UPDATE OF d),
    marked AS (
        UPDATE dataset d SET kept = array(SELECT unnest(b.kept) UNION SELECT unnest(b.endpoints)) FROM before b WHERE d.id = b.id)
    SELECT b.scope, b.name, e FROM before b, unnest(b.endpoints) AS e WHERE e <> ALL (b.kept) ORDER BY 1, 2, 3""")

_GONE = "gone"

_LOOK = sql("datasets.look", f"""
    WITH due AS MATERIALIZED (
        SELECT d.*, EXISTS (
            SELECT FROM dataset_job m JOIN job j ON j.pandaid = m.pandaid AND j.jobstatus NOT IN ({listed(FINAL)})
            WHERE m.dataset = d.id) AS used
        FROM dataset d WHERE d.nextcheck <= now() ORDER BY d.nextcheck, d.id LIMIT %(limit)s FOR UPDATE SKIP LOCKED),
    turn AS MATERIALIZED (
        SELECT *, CASE WHEN used THEN '{OPEN}' WHEN state = '{OPEN}' THEN '{IDLE}'
                       WHEN state = '{IDLE}' AND NOT filled THEN '{EMPTY}' ELSE '{_GONE}' END AS becomes FROM due),
    ended AS (
        DELETE FROM dataset_job m USING due WHERE m.dataset = due.id AND NOT EXISTS (
            SELECT FROM job j WHERE j.pandaid = m.pandaid AND j.jobstatus NOT IN ({listed(FINAL)}))),
    gone AS (DELETE FROM dataset d USING turn t WHERE d.id = t.id AND t.becomes = '{_GONE}'),
    kept AS (
        UPDATE dataset d SET state = t.becomes, nextcheck = now() + make_interval(secs => CASE t.becomes
            WHEN '{OPEN}' THEN {LOOK_S} WHEN '{IDLE}' THEN CASE WHEN t.nomore THEN 0 ELSE %(close_s)s END ELSE %(erase_s)s END)
        FROM turn t WHERE d.id = t.id AND t.becomes <> '{_GONE}')
    SELECT scope, name, state, becomes FROM turn""", planned_each_time=True)


@dataclass(frozen=True, slots=True)
class Ended:
    """What is to be done to datasets, as pairs of scope and name. ``left``: nobody writes into them any more. ``looked_at``: how
    many were."""

    left: Sequence[tuple[str, str]]
    close: Sequence[tuple[str, str]]
    erase: Sequence[tuple[str, str]]
    looked_at: int


async def expect(txn: Transaction, members: Iterable[Member]) -> list[tuple[str, str]]:
    """These jobs will write into these datasets, which stay open for them; (scope, name) of those that are not there yet."""
    wanted = list(members)
    if not wanted:
        return []
    rows = await txn.many(_EXPECT, scopes=[m.scope for m in wanted], names=[m.name for m in wanted],
                          ids=[m.panda_id for m in wanted])
    return [(scope, name) for scope, name in rows]


async def made(txn: Transaction, names: Collection[tuple[str, str]]) -> None:
    """These are there now: jobs that wait for them are looked at again."""
    await txn.run(_MADE, scopes=[scope for scope, _ in names], names=[name for _, name in names])
    txn.hint("activator")


async def give_up(txn: Transaction, names: Collection[tuple[str, str]]) -> list[int]:
    """These cannot be made; the jobs that would have written into them."""
    rows = await txn.many(_GIVE_UP, scopes=[scope for scope, _ in names], names=[name for _, name in names])
    return [row[0] for row in rows]


async def no_more(txn: Transaction, names: Collection[tuple[str, str]]) -> None:
    """Nobody will ask for further jobs that write into these: they are closed as soon as the last of them has ended."""
    await txn.run(_NO_MORE, scopes=[scope for scope, _ in names], names=[name for _, name in names])


async def filled(txn: Transaction, names: Collection[tuple[str, str]]) -> None:
    """Files were put into these."""
    if names:
        await txn.run(_FILLED, scopes=[scope for scope, _ in names], names=[name for _, name in names])


async def keep(txn: Transaction, wanted: Collection[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """All files of these datasets (scope, name) are wanted at an endpoint: those of them of which that is news."""
    if not wanted:
        return []
    rows = await txn.many(_KEEP, scopes=[scope for scope, _, _ in wanted], names=[name for _, name, _ in wanted],
                          endpoints=[endpoint for *_, endpoint in wanted])
    return [(scope, name, endpoint) for scope, name, endpoint in rows]


async def look(txn: Transaction, limit: int, close_s: float, erase_s: float) -> Ended:
    """Look at those that are due.

    :param close_s: so long after its last job ended a dataset is to be closed. :param erase_s: and, without a file, erased so
        long after that.
    """
    rows = await txn.many(_LOOK, limit=limit, close_s=close_s, erase_s=erase_s)
    left = [(scope, name) for scope, name, _, becomes in rows if becomes == IDLE]
    close = [(scope, name) for scope, name, state, becomes in rows if state == IDLE and becomes != OPEN]
    erase = [(scope, name) for scope, name, state, becomes in rows if state == EMPTY and becomes != OPEN]
    return Ended(left, close, erase, len(rows))
