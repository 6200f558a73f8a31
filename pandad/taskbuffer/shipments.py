"""Outputs on their way to their destination: what set out together, by which rule, and which jobs wait for it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from pandad.spec.file import FileName
from pandad.spec.jobstatus import JobStatus
from pandad.taskbuffer.statement import as_json, sql
from pandad.taskbuffer.store import Transaction

MOVES, LOST = JobStatus.TRANSFERRING, JobStatus.FAILED  # the same words are those of files
THERE = "ready"
SEND = "move outputs"  # the kind of errand that makes the dataset and the rule of one


@dataclass(frozen=True, slots=True)
class NewShipment:
    """Files that shall go to an endpoint together.

    :param dataset: the one that they belong to; the shipment's own is named after it. :param files: (row_ID, PandaID) of each.
    :param lasting: its own rule is what keeps them there. :param ready: number and name of a dataset that was made for them.
    """

    scope: str
    dataset: str
    endpoint: str
    activity: str
    comment: str
    files: Sequence[tuple[int, int]]
    lasting: bool = False
    ready: tuple[int, str] | None = None


@dataclass(frozen=True, slots=True)
class Shipment:
    """One that is under way. ``rule``: None if it has not been made. ``trouble``: why it is stuck. ``lasting``: its rule is what
    keeps the files at their destination."""

    id: int
    scope: str
    name: str
    endpoint: str
    activity: str
    comment: str
    rule: str | None = None
    trouble: str | None = None
    since: datetime | None = None
    lasting: bool = False


_COLUMNS = "s.id, s.scope, s.name, s.endpoint, s.activity, s.comment, s.rule, s.trouble, s.since, s.lasting"
NUMBERS = "pg_get_serial_sequence('shipment', 'id')"

# PanDA's names end so, and Rucio tells of no others.
_MAKE = sql("shipments.make", f"""
    WITH asked AS (
        SELECT coalesce(a.number, nextval({NUMBERS})) AS id, a.* FROM jsonb_to_recordset(%(shipments)s::jsonb)
            AS a(scope text, dataset text, endpoint text, activity text, comment text, files jsonb, lasting boolean,
                 number bigint, name text)),
    made AS (
        INSERT INTO shipment AS s (id, scope, name, endpoint, activity, comment, lasting) OVERRIDING SYSTEM VALUE
        SELECT id, scope, coalesce(name, left(dataset, %(longest)s::int) || '_sub0' || id), endpoint, activity, comment, lasting
        FROM asked RETURNING s.*),
    loaded AS (
        INSERT INTO shipment_file (shipment, row_id, pandaid)
        SELECT asked.id, (f ->> 0)::bigint, (f ->> 1)::bigint FROM asked, jsonb_array_elements(files) AS f)
    SELECT {_COLUMNS} FROM made s ORDER BY s.id""")

_FIND = sql("shipments.find", f"""
    SELECT {_COLUMNS}, array(
        SELECT f.scope FROM shipment_file m JOIN file f ON f.row_id = m.row_id WHERE m.shipment = s.id ORDER BY f.row_id), array(
        SELECT f.lfn FROM shipment_file m JOIN file f ON f.row_id = m.row_id WHERE m.shipment = s.id ORDER BY f.row_id)
    FROM shipment s WHERE s.id = ANY (%(ids)s::bigint[])""")

_RULED = sql("shipments.ruled", """
    UPDATE shipment s SET rule = r.rule, nextcheck = now()
    FROM unnest(%(ids)s::bigint[], %(rules)s::text[]) AS r(id, rule) WHERE s.id = r.id AND s.id = ANY (%(ids)s::bigint[])
    RETURNING s.id""")

# Who is gone from `transferring` (killed, past its limit) waits for nothing any more.
_DUE = sql("shipments.due", f"""
    SELECT {_COLUMNS}, EXISTS (
        SELECT FROM shipment_file m JOIN job j ON j.pandaid = m.pandaid AND j.jobstatus = '{MOVES}' WHERE m.shipment = s.id)
    FROM shipment s WHERE s.nextcheck <= now() AND s.rule IS NOT NULL ORDER BY s.nextcheck, s.id LIMIT %(limit)s""",
    planned_each_time=True)

_HEARD = sql("shipments.heard", """
    WITH named AS (SELECT * FROM unnest(%(scopes)s::text[], %(names)s::text[]) AS n(scope, name))
    UPDATE shipment s SET nextcheck = now() WHERE s.nextcheck > now() AND s.rule IS NOT NULL AND s.id IN (
        SELECT id FROM shipment WHERE rule = ANY (%(rules)s::text[])
        UNION ALL SELECT id FROM shipment JOIN named USING (scope, name))""")

_AGAIN = sql("shipments.again", """
    UPDATE shipment s SET nextcheck = now() + make_interval(secs => %(in_s)s), trouble = nullif(t.trouble, '')
    FROM unnest(%(ids)s::bigint[], %(troubles)s::text[]) AS t(id, trouble)
    WHERE s.id = t.id AND s.id = ANY (%(ids)s::bigint[])
    RETURNING s.id""")

# Two shipments of one job that arrive at a time: who comes second sees that the other one is gone.
_LOCK = sql("shipments.lock", """
    SELECT pandaid FROM job WHERE pandaid IN (SELECT m.pandaid FROM shipment_file m WHERE m.shipment = ANY (%(ids)s::bigint[]))
    ORDER BY pandaid FOR UPDATE""")

_END = sql("shipments.end", f"""
    WITH gone AS (DELETE FROM shipment WHERE id = ANY (%(ids)s::bigint[]) RETURNING id, endpoint),
    landed AS (
        UPDATE file f SET status = CASE WHEN %(arrived)s::boolean THEN '{THERE}' ELSE '{LOST}' END,
            destinationse = CASE WHEN %(arrived)s::boolean THEN g.endpoint ELSE f.destinationse END
        FROM shipment_file m JOIN gone g ON g.id = m.shipment
        WHERE f.row_id = m.row_id AND m.shipment = ANY (%(ids)s::bigint[]) AND f.status = '{MOVES}')
    SELECT DISTINCT m.pandaid FROM shipment_file m JOIN gone g ON g.id = m.shipment
    WHERE NOT %(arrived)s::boolean OR NOT EXISTS (
        SELECT FROM shipment_file o WHERE o.pandaid = m.pandaid AND o.shipment <> ALL (%(ids)s::bigint[]))
    ORDER BY m.pandaid""")

_UNRULED = sql("shipments.unruled", """
    UPDATE shipment SET rule = NULL, trouble = NULL WHERE id = ANY (%(ids)s::bigint[]) AND rule IS NOT NULL RETURNING id""")

_OF_JOB = sql("shipments.of_job", f"""
    SELECT DISTINCT {_COLUMNS} FROM shipment s JOIN shipment_file m ON m.shipment = s.id WHERE m.pandaid = %(panda_id)s
    ORDER BY s.id""")


async def make(txn: Transaction, shipments: Sequence[NewShipment], name_length: int) -> list[Shipment]:
    """Store them, each under a name of its own, those with a new one in their order.

    :param name_length: the longest name that is allowed.
    """
    rows = [{"scope": s.scope, "dataset": s.dataset, "endpoint": s.endpoint, "activity": s.activity, "comment": s.comment,
             "files": list(map(list, s.files)), "lasting": s.lasting, "number": s.ready and s.ready[0],
             "name": s.ready and s.ready[1]} for s in shipments]
    return [Shipment(*row) for row in await txn.many(_MAKE, shipments=as_json(rows), longest=name_length - SUFFIX_LENGTH)]


SUFFIX_LENGTH = len("_sub0") + 19


async def find(txn: Transaction, ids: Collection[int]) -> dict[int, tuple[Shipment, list[FileName]]]:
    """Those of them that are there, by id, with the names of their files."""
    rows = await txn.many(_FIND, ids=list(ids))
    return {row[0]: (Shipment(*row[:-2]), list(map(FileName, *row[-2:]))) for row in rows}


async def ruled(txn: Transaction, rules: Sequence[tuple[int, str]]) -> set[int]:
    """The rules of these shipments were made; those of them that are still there."""
    rows = await txn.many(_RULED, ids=[shipment for shipment, _ in rules], rules=[rule for _, rule in rules])
    return {row[0] for row in rows}


async def unruled(txn: Transaction, ids: Sequence[int]) -> set[int]:
    """The rules of these are gone; which of them had one."""
    return {row[0] for row in await txn.many(_UNRULED, ids=list(ids))}


async def due(txn: Transaction, limit: int) -> list[tuple[Shipment, bool]]:
    """Those whose rules should be looked at now, and whether a job still waits for them."""
    return [(Shipment(*row[:-1]), row[-1]) for row in await txn.many(_DUE, limit=limit)]


async def heard(txn: Transaction, rules: Collection[str], names: Collection[tuple[str, str]]) -> int:
    """Somebody says that something happened to these rules or datasets (scope, name): how many shipments are to be looked at
    for that. What is said is not believed, and what is said of others is no matter."""
    return await txn.run(_HEARD, rules=list(rules), scopes=[scope for scope, _ in names], names=[name for _, name in names])


async def again(txn: Transaction, looked_at: Sequence[tuple[int, str | None]], in_s: float) -> None:
    """They are not there yet; beside each what is wrong with its rule, if anything is."""
    await txn.many(_AGAIN, ids=[shipment for shipment, _ in looked_at],
                   troubles=[trouble or "" for _, trouble in looked_at], in_s=in_s)


async def arrived(txn: Transaction, ids: Sequence[int]) -> list[int]:
    """All files of these are at their destination. The jobs for which these were the last; their files say it."""
    await txn.many(_LOCK, ids=list(ids))
    return [row[0] for row in await txn.many(_END, ids=list(ids), arrived=True)]


async def lost(txn: Transaction, ids: Sequence[int]) -> list[int]:
    """These will not arrive; the jobs that waited for one of them."""
    await txn.many(_LOCK, ids=list(ids))
    return [row[0] for row in await txn.many(_END, ids=list(ids), arrived=False)]


async def of_job(txn: Transaction, panda_id: int) -> list[Shipment]:
    """Those that a job waits for, oldest first."""
    return [Shipment(*row) for row in await txn.many(_OF_JOB, panda_id=panda_id)]
