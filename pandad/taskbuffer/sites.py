"""PanDA queues and what runs on them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from pandad.spec.errors import NotFound
from pandad.spec.site import Queue, QueueStatus, queue_from_description
from pandad.taskbuffer import moves
from pandad.taskbuffer.statement import sql
from pandad.taskbuffer.store import Transaction

_PUT = sql("sites.put", """
    INSERT INTO queue (name, description, status, changedby) VALUES (%(name)s, %(description)s::jsonb, %(status)s, %(who)s)
    ON CONFLICT (name) DO UPDATE SET description = EXCLUDED.description, status = EXCLUDED.status, reason = NULL,
        changedby = EXCLUDED.changedby, changed = now()""")

_SET_STATUS = sql("sites.set_status", """
    UPDATE queue SET status = %(status)s, reason = %(reason)s, changedby = %(who)s, changed = now() WHERE name = %(name)s
    RETURNING description, status""")

_FIND_ALL = sql("sites.find_all", "SELECT description, status FROM queue ORDER BY name")

_FIND = sql("sites.find", "SELECT description, status FROM queue WHERE name = %(name)s")


async def put(txn: Transaction, queue: Queue, who: str) -> None:
    """Add a queue, or replace its description and status."""
    await txn.run(_PUT, name=queue.name, description=orjson.dumps(dict(queue.description)).decode(), status=queue.status, who=who)
    await _changed(txn)


async def set_status(txn: Transaction, name: str, status: QueueStatus, reason: str, who: str) -> Queue:
    """Change whether a queue takes work.

    :raise NotFound: there is no such queue.
    """
    row = await txn.maybe(_SET_STATUS, name=name, status=status, reason=reason, who=who)
    if row is None:
        raise NotFound("queue", name)
    await _changed(txn)
    return _queue(*row)


async def find(txn: Transaction, name: str) -> Queue:
    """One queue.

    :raise NotFound: there is no such queue.
    """
    row = await txn.maybe(_FIND, name=name)
    if row is None:
        raise NotFound("queue", name)
    return _queue(*row)


async def find_all(txn: Transaction) -> list[Queue]:
    """All queues, by name."""
    return [_queue(*row) for row in await txn.many(_FIND_ALL)]


async def _changed(txn: Transaction) -> None:
    """A job that no queue took may find one now."""
    await moves.recheck(txn)
    txn.hint("brokerage")


def _queue(description: Mapping[str, Any], status: str) -> Queue:
    return queue_from_description({**description, "status": status})
