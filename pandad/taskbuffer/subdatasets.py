"""`_sub` datasets that are there before the jobs start whose outputs they will carry: one for all jobs that write into a dataset
and want it at one endpoint. Those that set out first take it, and another one is made if more are to come."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from pandad.spec.jobstatus import FINAL, JobStatus
from pandad.taskbuffer.datasets import WAIT
from pandad.taskbuffer.shipments import MOVES, NUMBERS, SUFFIX_LENGTH
from pandad.taskbuffer.statement import listed, sql
from pandad.taskbuffer.store import Transaction

PREPARE = "make _sub dataset"  # the kind of errand


@dataclass(frozen=True, slots=True, order=True)
class Bound:
    """Files of a dataset that are bound for an endpoint. ``lasting``: no rule for the whole dataset keeps them there."""

    scope: str
    dataset: str
    endpoint: str
    lasting: bool


@dataclass(frozen=True, slots=True)
class Sub:
    """The dataset for them. ``id``: that its shipment will have."""

    id: int
    bound: Bound
    name: str
    made: bool = True


_WANTED = "unnest(%(scopes)s::text[], %(names)s::text[], %(endpoints)s::text[], %(lasting)s::boolean[]) " \
          "AS w(scope, name, endpoint, lasting)"
_SUB = "s.shipment, d.scope, d.name, s.endpoint, s.lasting, s.name, s.made"

# A row that is there is locked, so that nobody takes it before the jobs that count on it are stored.
_EXPECT = sql("subdatasets.expect", f"""
    WITH wanted AS (
        SELECT d.id, d.name, w.endpoint, w.lasting, nextval({NUMBERS}) AS number
        FROM {_WANTED} JOIN dataset d USING (scope, name)),
    there AS (
        INSERT INTO sub_dataset AS s (shipment, dataset, name, endpoint, lasting)
        SELECT number, id, left(name, %(longest)s::int) || '_sub0' || number, endpoint, lasting FROM wanted
        ORDER BY id, endpoint, lasting
        ON CONFLICT (dataset, endpoint, lasting) DO UPDATE SET endpoint = excluded.endpoint RETURNING s.*)
    SELECT {_SUB} FROM there s JOIN dataset d ON d.id = s.dataset ORDER BY s.shipment""")

_MADE = sql("subdatasets.made", f"""
    WITH there AS (
        UPDATE sub_dataset SET made = true WHERE shipment = ANY (%(ids)s::bigint[]) RETURNING shipment, dataset),
    waiting AS (
        SELECT pandaid FROM job WHERE jobstatus IN ({listed(WAIT)}) AND pandaid IN (
            SELECT m.pandaid FROM dataset_job m JOIN there t ON t.dataset = m.dataset) ORDER BY pandaid FOR UPDATE),
    woken AS (UPDATE job j SET nextcheck = now() FROM waiting w WHERE j.pandaid = w.pandaid)
    SELECT shipment FROM there""")

_WANTS = "f.pandaid = m.pandaid AND s.endpoint IN (f.destinationse, substr(f.destinationdblocktoken, 5))"

_GIVE_UP = sql("subdatasets.give_up", f"""
    WITH s AS (DELETE FROM sub_dataset WHERE shipment = ANY (%(ids)s::bigint[]) AND NOT made RETURNING dataset, endpoint)
    SELECT DISTINCT m.pandaid FROM s JOIN dataset_job m ON m.dataset = s.dataset
    WHERE EXISTS (SELECT FROM file f WHERE {_WANTS}) ORDER BY m.pandaid""")

_TAKE = sql("subdatasets.take", f"""
    DELETE FROM sub_dataset s USING dataset d, {_WANTED}
    WHERE d.id = s.dataset AND s.made AND (d.scope, d.name, s.endpoint, s.lasting) = (w.scope, w.name, w.endpoint, w.lasting)
    RETURNING {_SUB}""")

# Jobs that have set out are transferring by now.
_TO_COME = sql("subdatasets.to_come", f"""
    SELECT s.scope, s.name, s.endpoint, s.lasting FROM {_WANTED.replace("AS w(", "AS s(")} JOIN dataset d USING (scope, name)
    WHERE EXISTS (
        SELECT FROM dataset_job m JOIN job j ON j.pandaid = m.pandaid
        WHERE m.dataset = d.id AND j.jobstatus NOT IN ({listed((*FINAL, JobStatus(MOVES)))})
          AND EXISTS (SELECT FROM file f WHERE {_WANTS}))""")

_LEAVE = sql("subdatasets.leave", f"""
    DELETE FROM sub_dataset s USING dataset d, unnest(%(scopes)s::text[], %(names)s::text[]) AS w(scope, name)
    WHERE d.id = s.dataset AND (d.scope, d.name) = (w.scope, w.name)
    RETURNING {_SUB}""")


async def expect(txn: Transaction, bounds: Collection[Bound], name_length: int) -> list[Sub]:
    """Jobs will send files so: the dataset of each, under a name of its own if it is new. Their own datasets are known.

    :param name_length: the longest name that is allowed.
    """
    if not bounds:
        return []
    return _subs(await txn.many(_EXPECT, **_columns(bounds), longest=name_length - SUFFIX_LENGTH))


async def made(txn: Transaction, ids: Collection[int]) -> set[int]:
    """These are there now, and jobs that wait for them are looked at again; those of them that are still wanted."""
    rows = await txn.many(_MADE, ids=list(ids))
    txn.hint("activator")
    return {row[0] for row in rows}


async def give_up(txn: Transaction, ids: Collection[int]) -> list[int]:
    """These cannot be made; the jobs that count on them, started or not."""
    return [row[0] for row in await txn.many(_GIVE_UP, ids=list(ids))]


async def take(txn: Transaction, bounds: Collection[Bound]) -> dict[Bound, Sub]:
    """Files set out: the datasets that are there for them. They are the caller's now."""
    if not bounds:
        return {}
    return {sub.bound: sub for sub in _subs(await txn.many(_TAKE, **_columns(bounds)))}


async def to_come(txn: Transaction, bounds: Collection[Bound]) -> list[Bound]:
    """Those of them for which there are jobs that have not set out yet."""
    if not bounds:
        return []
    return [Bound(*row) for row in await txn.many(_TO_COME, **_columns(bounds))]


async def leave(txn: Transaction, datasets: Collection[tuple[str, str]]) -> list[Sub]:
    """Nobody writes into these (scope, name) any more; what was made for them in vain."""
    if not datasets:
        return []
    return _subs(await txn.many(_LEAVE, scopes=[scope for scope, _ in datasets], names=[name for _, name in datasets]))


def _columns(bounds: Iterable[Bound]) -> dict[str, list[str] | list[bool]]:
    ordered = sorted(bounds)
    return {"scopes": [b.scope for b in ordered], "names": [b.dataset for b in ordered],
            "endpoints": [b.endpoint for b in ordered], "lasting": [b.lasting for b in ordered]}


def _subs(rows: Sequence[Sequence[object]]) -> list[Sub]:
    return [Sub(int(str(row[0])), Bound(str(row[1]), str(row[2]), str(row[3]), bool(row[4])), str(row[5]), bool(row[6]))
            for row in rows]
