"""What people uploaded for their jobs: whose it is, how large, and when it was wanted last. The bytes lie in a folder."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from pandad.spec.caller import Identity
from pandad.spec.jobstatus import FINAL
from pandad.spec.taskstatus import TASK_FINAL
from pandad.taskbuffer.statement import listed, sql
from pandad.taskbuffer.store import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheFile:
    """``crc``: what its gzip footer claims. ``digest``: SHA-256 of all of it. ``host``: that took it."""

    name: str
    owner: Identity
    size_bytes: int
    crc: int
    digest: bytes
    host: str


_FIND = sql("cachefiles.find", """
    SELECT name, anchor, subject, bytes, crc, digest, host FROM cache_file WHERE name = %(name)s""")

_PUT = sql("cachefiles.put", """
    INSERT INTO cache_file (name, anchor, subject, bytes, crc, digest, host)
    SELECT %(name)s, %(anchor)s, %(subject)s, %(bytes)s::bigint, %(crc)s::bigint, %(digest)s::bytea, %(host)s
    WHERE (SELECT coalesce(sum(f.bytes), 0) FROM unnest(%(subjects)s::text[], %(anchors)s::text[]) AS o(subject, anchor)
           JOIN cache_file f ON f.subject = o.subject AND f.anchor = o.anchor) + %(bytes)s::bigint <= %(most_bytes)s::bigint
    ON CONFLICT (name) DO NOTHING""")

_ALIKE = sql("cachefiles.alike", """
    UPDATE cache_file SET used = now() WHERE name = (
        SELECT f.name FROM unnest(%(subjects)s::text[], %(anchors)s::text[]) AS o(subject, anchor)
        JOIN cache_file f ON f.subject = o.subject AND f.anchor = o.anchor
        WHERE f.bytes = %(bytes)s::bigint AND f.crc = %(crc)s::bigint
        ORDER BY f.stored DESC, f.name LIMIT 1)
    RETURNING name""")

_TOUCH = sql("cachefiles.touch", """
    UPDATE cache_file SET used = now() WHERE name = ANY (%(names)s::text[])""")

_REMOVE = sql("cachefiles.remove", "DELETE FROM cache_file WHERE name = %(name)s")

_UNUSED = sql("cachefiles.unused", """
    SELECT name FROM cache_file WHERE used < now() - make_interval(secs => %(keep_s)s) ORDER BY used LIMIT %(most)s""",
    planned_each_time=True)

# His tasks and jobs are those of all identities of his account.
_NEEDED = sql("cachefiles.needed", f"""
    SELECT f.name FROM cache_file f
    CROSS JOIN LATERAL (
        SELECT f.subject, f.anchor
        UNION SELECT o.subject, o.anchor FROM account_identity m JOIN account_identity o USING (account)
        WHERE m.subject = f.subject AND m.anchor = f.anchor) AS w(subject, anchor)
    WHERE f.name = ANY (%(names)s::text[]) AND (EXISTS (
        SELECT FROM task k
        WHERE k.ownersubject = w.subject AND k.owneranchor = w.anchor AND k.status NOT IN ({listed(TASK_FINAL)})
          AND strpos(k.parameters::text, f.name) > 0)
    OR EXISTS (
        SELECT FROM job j JOIN job_text t ON t.pandaid = j.pandaid
        WHERE j.ownersubject = w.subject AND j.owneranchor = w.anchor AND j.jobstatus NOT IN ({listed(FINAL)})
          AND strpos(t.jobparameters, f.name) > 0))""")

_EXPIRE = sql("cachefiles.expire", """
    DELETE FROM cache_file
    WHERE name = ANY (%(names)s::text[]) AND used < now() - make_interval(secs => %(keep_s)s) RETURNING name""")

_UNKNOWN = sql("cachefiles.unknown", """
    SELECT name FROM unnest(%(names)s::text[]) AS here(name)
    WHERE NOT EXISTS (SELECT FROM cache_file f WHERE f.name = here.name)""")


async def find(txn: Transaction, name: str) -> CacheFile | None:
    """The file of that name."""
    row = await txn.maybe(_FIND, name=name)
    if row is None:
        return None
    called, anchor, subject, size, crc, digest, host = row
    return CacheFile(name=called, owner=Identity(anchor, subject), size_bytes=size, crc=crc, digest=bytes(digest), host=host)


async def put(txn: Transaction, file: CacheFile, person: Collection[Identity], most_bytes: int) -> bool:
    """Note a new file; False: there is one of that name, or all of that person's would have more than `most_bytes`."""
    return await txn.run(_PUT, name=file.name, anchor=file.owner.anchor, subject=file.owner.subject, bytes=file.size_bytes,
                         crc=file.crc, digest=file.digest, host=file.host, most_bytes=most_bytes, **_of(person)) > 0


async def alike(txn: Transaction, person: Collection[Identity], size: int, crc: int) -> str | None:
    """The newest file of that person's with that size and footer, which is wanted again from now on."""
    row = await txn.maybe(_ALIKE, bytes=size, crc=crc, **_of(person))
    return row[0] if row else None


async def touch(txn: Transaction, names: Collection[str]) -> int:
    """They are wanted now; how many there were."""
    return await txn.run(_TOUCH, names=list(names))


async def remove(txn: Transaction, name: str) -> None:
    """Forget a file."""
    await txn.run(_REMOVE, name=name)


async def unused(txn: Transaction, keep_s: int, most: int) -> list[str]:
    """Files that nobody wanted for so long, the longest first."""
    return [name for (name,) in await txn.many(_UNUSED, keep_s=keep_s, most=most)]


async def needed(txn: Transaction, names: Collection[str]) -> list[str]:
    """Those of them that a task or a job of their owner's names which is not at its end."""
    return [name for (name,) in await txn.many(_NEEDED, names=list(names))]


async def expire(txn: Transaction, names: Collection[str], keep_s: int) -> list[str]:
    """Forget those of them that are still unwanted; which."""
    return [name for (name,) in await txn.many(_EXPIRE, names=list(names), keep_s=keep_s)]


async def unknown(txn: Transaction, names: Iterable[str]) -> list[str]:
    """Those of them that are no files known here."""
    return [name for (name,) in await txn.many(_UNKNOWN, names=list(names))]


def _of(person: Collection[Identity]) -> dict[str, list[str]]:
    return {"subjects": [each.subject for each in person], "anchors": [each.anchor for each in person]}
