"""Secrets of users, as they are stored: sealed. Only the vault can open them; see vault.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pandad.spec.caller import Identity
from pandad.spec.principal import identity_of
from pandad.spec.specialhandling import DEBUG_MODE, USE_SECRETS
from pandad.taskbuffer.statement import sql
from pandad.taskbuffer.store import Transaction

MOST_BYTES = 4 * 1024 * 1024  # of all secrets of an identity: they travel with each of its jobs


@dataclass(frozen=True, slots=True)
class Sealed:
    """One secret."""

    owner: Identity
    name: str
    sealed: bytes


_PUT = sql("secrets.put", """
    INSERT INTO user_secret (anchor, subject, name, sealed)
    SELECT %(anchor)s, %(subject)s, %(name)s, %(sealed)s::bytea
    WHERE (SELECT coalesce(sum(octet_length(s.sealed)), 0) FROM user_secret s
           WHERE s.subject = %(subject)s AND s.anchor = %(anchor)s AND s.name <> %(name)s) + octet_length(%(sealed)s::bytea)
          <= %(most_bytes)s::bigint
    ON CONFLICT (subject, anchor, name) DO UPDATE SET sealed = excluded.sealed, changed = now()""")

_REMOVE = sql("secrets.remove", """
    DELETE FROM user_secret
    WHERE subject = %(subject)s AND anchor = %(anchor)s AND (%(name)s::text IS NULL OR name = %(name)s::text)""")

_OF_OWNER = sql("secrets.of_owner", """
    SELECT anchor, subject, name, sealed FROM user_secret WHERE subject = %(subject)s AND anchor = %(anchor)s ORDER BY name""")

_OF_SUBJECT = sql("secrets.of_subject", """
    SELECT anchor, subject, name, sealed FROM user_secret
    WHERE subject = %(subject)s AND (anchor = %(anchor)s::text OR (%(anchor)s::text IS NULL AND anchor ~ '^/'))
    ORDER BY anchor, name""")

# The first arm is for the payload, the second for its pilot.
_OF_JOBS = sql("secrets.of_jobs", f"""
    WITH wanted AS (
        SELECT pandaid, owneranchor, ownersubject, string_to_array(coalesce(specialhandling, ''), ',') AS tags
        FROM job WHERE pandaid = ANY (%(ids)s::bigint[]))
    SELECT array_agg(w.pandaid), false, s.anchor, s.subject, s.name, s.sealed
    FROM wanted w JOIN user_secret s ON s.subject = w.ownersubject AND s.anchor = w.owneranchor
    WHERE NOT %(only_asked)s::boolean OR '{USE_SECRETS}' = ANY (w.tags)
    GROUP BY s.subject, s.anchor, s.name
    UNION ALL
    SELECT array_agg(w.pandaid), true, s.anchor, s.subject, s.name, s.sealed
    FROM wanted w JOIN user_secret s ON s.subject = %(pilot_owner)s::text
        AND (s.anchor = %(pilot_anchor)s::text OR (%(pilot_anchor)s::text IS NULL AND s.anchor ~ '^/'))
    WHERE '{DEBUG_MODE}' = ANY (w.tags)
    GROUP BY s.subject, s.anchor, s.name""")


async def put(txn: Transaction, owner: Identity, name: str, sealed: bytes, most_bytes: int) -> bool:
    """Store a secret, in the place of an older one of that name; False: all of the owner's together would be too large."""
    return await txn.run(_PUT, anchor=owner.anchor, subject=owner.subject, name=name, sealed=sealed, most_bytes=most_bytes) > 0


async def remove(txn: Transaction, owner: Identity, name: str | None) -> int:
    """Forget a secret, or all of the owner's; how many there were."""
    return await txn.run(_REMOVE, anchor=owner.anchor, subject=owner.subject, name=name)


async def of_owner(txn: Transaction, owner: Identity) -> list[Sealed]:
    """All secrets of an identity."""
    return [_sealed(*row) for row in await txn.many(_OF_OWNER, anchor=owner.anchor, subject=owner.subject)]


async def of_subject(txn: Transaction, named: str) -> list[Sealed]:
    """All secrets of whom the configuration names: as with the roles of [identity], a DN is that of certificates only."""
    subject, anchor = _named(named)
    return [_sealed(*row) for row in await txn.many(_OF_SUBJECT, subject=subject, anchor=anchor)]


async def of_jobs(txn: Transaction, ids: Sequence[int], pilot_owner: str | None,
                  only_asked: bool) -> list[tuple[list[int], bool, Sealed]]:
    """What goes along with these jobs, each secret once: (PandaIDs, whether it is for the pilot itself, the secret).

    :param pilot_owner: whose secrets pilots of jobs in debug mode get, as the configuration names him: DN or SUBJECT from ANCHOR.
    :param only_asked: the owners' secrets go only with jobs that have the tag for it.
    """
    subject, anchor = _named(pilot_owner) if pilot_owner is not None else (None, None)
    rows = await txn.many(_OF_JOBS, ids=list(ids), pilot_owner=subject, pilot_anchor=anchor, only_asked=only_asked)
    return [(with_jobs, for_pilot, _sealed(*secret)) for with_jobs, for_pilot, *secret in rows]


def _named(text: str) -> tuple[str, str | None]:
    identity = identity_of(text)
    return (text, None) if identity is None else (identity.subject, identity.anchor)


def _sealed(anchor: str, subject: str, name: str, sealed: memoryview) -> Sealed:
    return Sealed(Identity(anchor, subject), name, bytes(sealed))
