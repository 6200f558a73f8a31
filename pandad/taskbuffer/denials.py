"""Tokens that are denied, whatever their issuer says: a token by its id, all of a subject, or all of an issuer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pandad.spec.token import Denial, DenialKind
from pandad.taskbuffer.statement import sql
from pandad.taskbuffer.store import Transaction


@dataclass(frozen=True, slots=True)
class Denied:
    """One denial, and how it came to be."""

    denial: Denial
    reason: str
    denied_by: str
    denied_at: datetime


_PUT = sql("denials.put", """
    INSERT INTO token_denial (issuer, kind, value, reason, deniedby)
    VALUES (%(issuer)s, %(kind)s, %(value)s, %(reason)s, %(who)s)
    ON CONFLICT (issuer, kind, value) DO UPDATE
    SET reason = excluded.reason, deniedby = excluded.deniedby, deniedat = now()""")

_REMOVE = sql("denials.remove", """
    DELETE FROM token_denial WHERE issuer = %(issuer)s AND kind = %(kind)s AND value = %(value)s""")

_FIND_ALL = sql("denials.find_all", """
    SELECT issuer, kind, value, reason, deniedby, deniedat FROM token_denial ORDER BY issuer, kind, value""")


async def put(txn: Transaction, denial: Denial, reason: str, who: str) -> None:
    """Deny; again with another reason if it is denied already."""
    await txn.run(_PUT, issuer=denial.issuer, kind=denial.kind.value, value=denial.value, reason=reason, who=who)


async def remove(txn: Transaction, denial: Denial) -> bool:
    """Deny no longer; False if it was not denied."""
    return await txn.run(_REMOVE, issuer=denial.issuer, kind=denial.kind.value, value=denial.value) > 0


async def find_all(txn: Transaction) -> list[Denied]:
    """All denials, by issuer."""
    return [Denied(Denial(issuer, DenialKind(kind), value), *rest) for issuer, kind, value, *rest in await txn.many(_FIND_ALL)]


async def reasons(txn: Transaction) -> dict[Denial, str]:
    """Why what is denied."""
    return {each.denial: each.reason for each in await find_all(txn)}
