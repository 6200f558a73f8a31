"""What pilots are lent, as it is stored: sealed. Only the vault can open it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pandad.spec.caller import Identity
from pandad.spec.pilotcredential import Kind
from pandad.taskbuffer.statement import sql
from pandad.taskbuffer.store import Transaction

_PUT = sql("pilotcredentials.put", """
    INSERT INTO pilot_credential (kind, name, role, sealed, notafter, putby)
    VALUES (%(kind)s, %(name)s, %(role)s, %(sealed)s::bytea, %(not_after)s::timestamptz, %(by)s)
    ON CONFLICT (kind, name, role) DO UPDATE
    SET sealed = excluded.sealed, notafter = excluded.notafter, putby = excluded.putby, changed = now()""")

_REMOVE = sql("pilotcredentials.remove", """
    DELETE FROM pilot_credential WHERE kind = %(kind)s AND name = %(name)s AND role = %(role)s""")

_FIND = sql("pilotcredentials.find", """
    SELECT sealed FROM pilot_credential
    WHERE kind = %(kind)s AND name = %(name)s AND role = %(role)s AND (notafter IS NULL OR notafter > now())""")

_LIST = sql("pilotcredentials.list", """
    SELECT kind, name, role, notafter, changed, putby FROM pilot_credential ORDER BY kind, name, role""")


@dataclass(frozen=True, slots=True)
class Lent:
    """One, without what it holds. ``not_after``: not handed out from then on; None: no end."""

    kind: Kind
    name: str
    role: str
    not_after: datetime | None
    changed: datetime
    by: str


def bound_to(kind: Kind, role: str) -> Identity:
    """In the place of an owner, for the vault: a sealed text moved to another row does not open."""
    return Identity(f"pilot credential: {kind}", role)


async def put(txn: Transaction, kind: Kind, name: str, role: str, sealed: bytes, not_after: datetime | None, by: str) -> None:
    """Store one, in the place of the one before."""
    await txn.run(_PUT, kind=str(kind), name=name, role=role, sealed=sealed, not_after=not_after, by=by)


async def remove(txn: Transaction, kind: Kind, name: str, role: str) -> int:
    """Forget one; how many there were."""
    return await txn.run(_REMOVE, kind=str(kind), name=name, role=role)


async def find(txn: Transaction, kind: Kind, name: str, role: str = "") -> bytes | None:
    """One that is there and not over, sealed."""
    row = await txn.maybe(_FIND, kind=str(kind), name=name, role=role)
    return bytes(row[0]) if row else None


async def find_all(txn: Transaction) -> Sequence[Lent]:
    """What there is."""
    return [Lent(Kind(kind), *rest) for kind, *rest in await txn.many(_LIST)]
