"""The audit: acts in a chain in which each row is sealed together with the seal of the row before it.

An act's row is written in the act's own transaction: both are there or neither. It gets its place and its seal afterwards, from
one round of a loop at a time, so that those who act never wait for each other. What is done to a row before its seal, within some
seconds, is not seen; what is done after is.

A seal is SHA-256, with the keys of [secrets] key_file HMAC-SHA-256: without a key, who can write to the database can make a whole
new chain, with one he cannot.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256

import orjson

from pandad.spec.act import Act
from pandad.taskbuffer.pool import Row
from pandad.taskbuffer.statement import ddl, sql
from pandad.taskbuffer.store import Transaction

PAGE = 1000  # rows in one reading

_COLUMNS = "id, at, who, anchor, account, host, act, target, why, place, seal"

_NOTE = sql("audit.note", """
    INSERT INTO audit (who, anchor, account, host, act, target, why)
    VALUES (%(who)s, %(anchor)s, %(account)s::bigint, %(host)s, %(act)s, %(target)s, %(why)s)""")

_HEAD = sql("audit.head", "SELECT place, seal FROM audit_head")

_LOCK_HEAD = sql("audit.lock_head", "SELECT place, seal FROM audit_head FOR UPDATE")

_UNSEALED = sql("audit.unsealed", f"""
    SELECT {_COLUMNS} FROM audit WHERE place IS NULL ORDER BY id LIMIT {PAGE}""")

_SEAL = sql("audit.seal", """
    WITH sealed AS (
        UPDATE audit a SET place = s.place, seal = s.seal
        FROM unnest(%(ids)s::bigint[], %(places)s::bigint[], %(seals)s::bytea[]) AS s(id, place, seal)
        WHERE a.id = s.id AND a.place IS NULL RETURNING a.place, a.seal)
    UPDATE audit_head h SET place = s.place, seal = s.seal
    FROM (SELECT place, seal FROM sealed ORDER BY place DESC LIMIT 1) s""")

_CHAIN = sql("audit.chain", f"""
    SELECT {_COLUMNS} FROM audit WHERE place > %(after)s::bigint ORDER BY place LIMIT {PAGE}""")

_STRAYS = sql("audit.strays", """
    SELECT count(*) FILTER (WHERE place IS NULL), count(*) FILTER (WHERE place < 1) FROM audit
    WHERE place IS NULL OR place < 1""")

_ONE_MOMENT = ddl("audit.one_moment", "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")

_SHOW = sql("audit.show", f"""
    SELECT {_COLUMNS} FROM audit
    WHERE (%(who)s::text IS NULL OR strpos(who, %(who)s::text) > 0) AND (%(act)s::text IS NULL OR act = %(act)s::text)
      AND (%(target)s::text IS NULL OR strpos(target, %(target)s::text) > 0)
      AND at > now() - make_interval(days => %(days)s::integer)
    ORDER BY id DESC LIMIT %(most)s""", planned_each_time=True)


@dataclass(frozen=True, slots=True)
class Entry:
    """A row. ``place``, ``seal``: None until it is in the chain."""

    id: int
    at: datetime
    who: str
    anchor: str
    account: int | None
    host: str
    act: str
    target: str
    why: str
    place: int | None = None
    seal: bytes | None = None


@dataclass(slots=True)
class Verdict:
    """What became of the chain.

    :param problems: what is wrong with it, from its beginning. :param rows: in the chain. :param unsealed: not yet in it.
    :param without_key: rows sealed without a key, though there is one: only those from before there was.
    """

    problems: list[str] = field(default_factory=list)
    rows: int = 0
    unsealed: int = 0
    without_key: int = 0


async def note(txn: Transaction, act: Act) -> None:
    """Write down what this transaction does."""
    await txn.run(_NOTE, who=act.who, anchor=act.anchor, account=act.account, host=act.host, act=act.act, target=act.target,
                  why=act.why)
    txn.hint("audit")


async def seal(txn: Transaction, keys: Sequence[bytes]) -> bool:
    """Put the rows that wait for it into the chain; True if there may be more.

    :param keys: the first seals; without one it is done without.
    """
    place, before = await txn.one(_LOCK_HEAD)
    rows = [_entry(row) for row in await txn.many(_UNSEALED)]
    before, places, seals = bytes(before), [], []
    for row in rows:
        place += 1
        before = _sealed(row, place, before, keys[0] if keys else None)
        places.append(place)
        seals.append(before)
    if rows:
        await txn.run(_SEAL, ids=[row.id for row in rows], places=places, seals=seals)
    return len(rows) == PAGE


async def verify(txn: Transaction, keys: Sequence[bytes]) -> Verdict:
    """Look through the whole chain, as this transaction sees it."""
    verdict, before, after, keyed = Verdict(), b"", 0, False
    head_place, head_seal = await txn.one(_HEAD)
    while page := [_entry(row) for row in await txn.many(_CHAIN, after=after)]:
        for row in page:
            assert row.place is not None and row.seal is not None
            with_key = any(hmac.compare_digest(row.seal, _sealed(row, row.place, before, key)) for key in keys)
            without = row.seal == _sealed(row, row.place, before, None)
            verdict.problems += _problems(row, after + 1, with_key or (without and not keyed), without and keyed)
            keyed, verdict.without_key = keyed or with_key, verdict.without_key + (bool(keys) and without)
            verdict.rows, before, after = verdict.rows + 1, row.seal, row.place
    if (head_place, bytes(head_seal)) != (after, before):
        verdict.problems.append(f"the chain ends at place {after}, and its end was noted as place {head_place}")
    verdict.unsealed, misplaced = await txn.one(_STRAYS)
    if misplaced:
        verdict.problems.append(f"{misplaced} rows are at places before the first")
    return verdict


async def verify_apart(txn: Transaction, keys: Sequence[bytes]) -> Verdict:
    """The same in a transaction of its own, which sees one moment however long it takes."""
    await txn.run(_ONE_MOMENT)
    return await verify(txn, keys)


def _problems(row: Entry, expected: int, is_sealed: bool, lost_its_key: bool) -> list[str]:
    found = []
    if row.place != expected:
        found.append(f"place {expected} is empty; the next row is at {row.place}")
    if lost_its_key:
        found.append(f"the row at place {row.place} was sealed without a key, after rows that were sealed with one")
    elif not is_sealed:
        found.append(f"the row at place {row.place} (id {row.id}, {row.act} by {row.who}) does not fit its seal: it, or what "
                     "stood before it, was changed, or it was sealed with a key that is not in key_file")
    return found


async def show(txn: Transaction, who: str | None, act: str | None, target: str | None, days: int, most: int) -> list[Entry]:
    """The last acts of those days, the newest first; of somebody, of a kind, about something, by a part of the text."""
    return [_entry(row) for row in await txn.many(_SHOW, who=who, act=act, target=target, days=days, most=most)]


def _sealed(row: Entry, place: int, before: bytes, key: bytes | None) -> bytes:
    text = orjson.dumps([place, before.hex(), row.id, round(row.at.timestamp() * 1_000_000), row.who, row.anchor, row.account,
                         row.host, row.act, row.target, row.why])
    return sha256(text).digest() if key is None else hmac.digest(key, text, sha256)


def _entry(row: Row) -> Entry:
    entry = Entry(*row)
    return entry if entry.seal is None else replace(entry, seal=bytes(entry.seal))  # the driver gives a memoryview
