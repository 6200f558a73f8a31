"""Where daemons take queues, storage endpoints and links from, and how that went last."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pandad.taskbuffer.statement import sql
from pandad.taskbuffer.store import Transaction

QUEUES, ENDPOINTS, LINKS = KINDS = ("queues", "endpoints", "links")

_LAST = sql("sources.last", """
    SELECT tried > now() - make_interval(secs => %(refresh_s)s::float), etag, modified, digest
    FROM source WHERE kind = %(kind)s AND address = %(address)s""")

_TOOK = sql("sources.took", """
    INSERT INTO source (kind, address, etag, modified, digest, took)
    VALUES (%(kind)s, %(address)s, %(etag)s, %(modified)s, %(digest)s, now())
    ON CONFLICT (kind) DO UPDATE SET address = EXCLUDED.address, etag = EXCLUDED.etag, modified = EXCLUDED.modified,
        digest = EXCLUDED.digest, tried = now(), took = now(), problem = NULL""")

_CONFIRMED = sql("sources.confirmed", """
    UPDATE source SET tried = now(), took = now(), problem = NULL WHERE kind = %(kind)s AND address = %(address)s""")

_FAILED = sql("sources.failed", """
    INSERT INTO source AS s (kind, address, problem) VALUES (%(kind)s, %(address)s, %(problem)s)
    ON CONFLICT (kind) DO UPDATE SET address = EXCLUDED.address, tried = now(), problem = EXCLUDED.problem,
        etag = CASE WHEN s.address = EXCLUDED.address THEN s.etag END,
        modified = CASE WHEN s.address = EXCLUDED.address THEN s.modified END,
        digest = CASE WHEN s.address = EXCLUDED.address THEN s.digest END""")

_FORGET = sql("sources.forget", """
    UPDATE source SET etag = NULL, modified = NULL, digest = NULL
    WHERE kind = %(kind)s AND num_nonnulls(etag, modified, digest) > 0""")

_FIND_ALL = sql("sources.find_all", "SELECT kind, address, tried, took, problem FROM source ORDER BY kind")


@dataclass(frozen=True, slots=True)
class Mark:
    """What the server of a source said of the content that was taken last; asked again, it may say that it has nothing newer.

    :param digest: of the content itself, for servers and files that say nothing.
    """

    etag: str | None = None
    modified: str | None = None
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class SourceState:
    """``took``: when the source was found right last, whether or not anything was new. ``problem``: of the last try."""

    kind: str
    address: str
    tried: datetime
    took: datetime | None
    problem: str | None


async def due(txn: Transaction, kind: str, address: str, refresh_s: float) -> Mark | None:
    """The mark to ask that address with; None if it was asked within ``refresh_s``."""
    row = await txn.maybe(_LAST, kind=kind, address=address, refresh_s=refresh_s)
    if row is None:
        return Mark()
    fresh, *mark = row
    return None if fresh else Mark(*mark)


async def took(txn: Transaction, kind: str, address: str, mark: Mark) -> None:
    """The source was right, and what it has is here."""
    await txn.run(_TOOK, kind=kind, address=address, etag=mark.etag, modified=mark.modified, digest=mark.digest)


async def confirmed(txn: Transaction, kind: str, address: str) -> None:
    """The source has nothing new. Its mark stays what it is: somebody may have changed meanwhile what is here."""
    await txn.run(_CONFIRMED, kind=kind, address=address)


async def failed(txn: Transaction, kind: str, address: str, problem: str) -> None:
    """The source could not be used; what is here stays."""
    await txn.run(_FAILED, kind=kind, address=address, problem=problem)


async def forget(txn: Transaction, kind: str) -> None:
    """What is here may differ from what the source had last: ask for all of it the next time."""
    await txn.run(_FORGET, kind=kind)


async def find_all(txn: Transaction) -> list[SourceState]:
    """How it goes, by kind."""
    return [SourceState(*row) for row in await txn.many(_FIND_ALL)]
