"""Calls that the outside still owes us: written with the change of state that wants them, removed with the one that follows."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Any

from pandad.spec.obstacle import Obstacle
from pandad.taskbuffer.outages import lived_s
from pandad.taskbuffer.statement import as_json, sql
from pandad.taskbuffer.store import Transaction

CHANNEL = "outbox"
ERROR_LENGTH = 500


class Step(IntEnum):
    """What goes before what, of errands with one subject."""

    MAKE = 0
    FILL = 10
    RULE = 20
    CLOSE = 30
    ERASE = 40


@dataclass(frozen=True, slots=True)
class Errand:
    """One call to be made.

    :param kind: the handler. :param key: with the kind, what makes it the same errand; what differs in the payload has to differ
        here too. :param subject: of the errands with one subject those of the lowest step are made first, whichever came first.
    :param payload: JSON. :param panda_id: the job that waits for it; None: none, or several.
    """

    kind: str
    key: str
    subject: str
    step: Step
    payload: Mapping[str, Any]
    panda_id: int | None = None


@dataclass(frozen=True, slots=True)
class Pending:
    """An errand that is not done. ``age_s``: since it was asked for, outages of pandad left out. ``tries``: that failed.
    ``obstacle``: what has to pass first, if it has a name."""

    id: int
    errand: Errand
    asked: datetime
    age_s: float
    tries: int
    error: str | None
    obstacle: Obstacle | None = None

    @property
    def payload(self) -> Mapping[str, Any]:
        """What the handler goes by."""
        return self.errand.payload


@dataclass(frozen=True, slots=True)
class PutOff:
    """An errand that failed for now: in how many seconds it is tried again, and why. ``obstacle``: see Pending."""

    pending: Pending
    in_s: float
    error: str
    obstacle: Obstacle | None = None


_ASK = sql("outbox.ask", """
    INSERT INTO errand (kind, key, subject, step, payload, pandaid)
    SELECT kind, key, subject, step, payload, pandaid
    FROM jsonb_to_recordset(%(errands)s::jsonb)
        AS e(kind text, key text, subject text, step smallint, payload jsonb, pandaid bigint) ORDER BY kind, key
    ON CONFLICT (kind, key) DO NOTHING""")

_PENDING = f"""e.id, e.kind, e.key, e.subject, e.step, e.payload, e.pandaid, e.asked, {lived_s('e.asked')}, e.tries, e.error,
    e.obstacle"""

_DUE = sql("outbox.due", f"""
    SELECT {_PENDING} FROM errand e
    WHERE e.due <= now() AND e.kind = ANY (%(kinds)s::text[])
      AND NOT EXISTS (SELECT FROM errand b WHERE b.subject = e.subject AND b.step < e.step)
    ORDER BY e.due, e.id LIMIT %(limit)s""", planned_each_time=True)

_TAKE = sql("outbox.take", "DELETE FROM errand WHERE id = ANY (%(ids)s::bigint[]) RETURNING id")

_PUT_OFF = sql("outbox.put_off", """
    UPDATE errand e SET due = now() + make_interval(secs => p.in_s), tries = p.tries + 1, error = p.error, obstacle = p.obstacle
    FROM unnest(%(ids)s::bigint[], %(tries)s::int[], %(in_s)s::float[], %(errors)s::text[], %(obstacles)s::text[])
        AS p(id, tries, in_s, error, obstacle)
    WHERE e.id = p.id AND e.id = ANY (%(ids)s::bigint[]) AND e.tries = p.tries""")

_WITHDRAW = sql("outbox.withdraw", "DELETE FROM errand WHERE kind = %(kind)s AND key = ANY (%(keys)s::text[]) RETURNING key")

_OF_JOB = sql("outbox.of_job", f"""
    SELECT {_PENDING} FROM errand e WHERE e.pandaid = %(panda_id)s
    UNION
    SELECT {_PENDING} FROM errand e WHERE e.subject = ANY (%(subjects)s::text[]) AND e.pandaid IS NULL ORDER BY 1""")


async def ask(txn: Transaction, errands: Iterable[Errand]) -> None:
    """Have these calls made after the commit, once in effect; one that is asked for already is not asked for again."""
    rows = [{"kind": e.kind, "key": e.key, "subject": e.subject, "step": e.step, "payload": dict(e.payload),
             "pandaid": e.panda_id} for e in errands]
    if rows:
        await txn.run(_ASK, errands=as_json(rows))
        txn.hint(CHANNEL)


async def due(txn: Transaction, kinds: Collection[str], limit: int) -> list[Pending]:
    """Those of these kinds that may be made now, the longest due first."""
    return [_pending(row) for row in await txn.many(_DUE, kinds=list(kinds), limit=limit)]


async def take(txn: Transaction, pending: Sequence[Pending]) -> list[Pending]:
    """Remove errands that were made. Those of them that were still there: what follows from these, and only these, is the
    caller's to do, in this transaction; the others another process has settled."""
    ours = {row[0] for row in await txn.many(_TAKE, ids=sorted(p.id for p in pending))}
    return [p for p in pending if p.id in ours]


async def put_off(txn: Transaction, put: Sequence[PutOff]) -> None:
    """These failed for now."""
    put = sorted(put, key=lambda p: p.pending.id)
    await txn.run(_PUT_OFF, ids=[p.pending.id for p in put], tries=[p.pending.tries for p in put], in_s=[p.in_s for p in put],
                  errors=[p.error[:ERROR_LENGTH] for p in put],
                  obstacles=[p.obstacle for p in put])


async def withdraw(txn: Transaction, kind: str, keys: Collection[str]) -> list[str]:
    """These need not be made any more, if they have not been; the keys of those that were still there. One may be under way."""
    return [row[0] for row in await txn.many(_WITHDRAW, kind=kind, keys=list(keys))]


async def of_job(txn: Transaction, panda_id: int, subjects: Collection[str] = ()) -> list[Pending]:
    """What a job waits for: its own errands, and those that it shares, by their subjects; the oldest first."""
    return [_pending(row) for row in await txn.many(_OF_JOB, panda_id=panda_id, subjects=list(subjects))]


def _pending(row: Sequence[Any]) -> Pending:
    number, kind, key, subject, step, payload, panda_id, asked, age_s, tries, error, obstacle = row
    return Pending(number, Errand(kind, key, subject, Step(step), payload, panda_id), asked, float(age_s), tries, error,
                   Obstacle(obstacle) if obstacle else None)
