"""What operators do about queues: add, switch, remove, import. Each change is in the audit."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from pandad.spec.act import Doer
from pandad.spec.difference import Difference
from pandad.spec.site import Queue, QueueStatus
from pandad.taskbuffer import audit, imports, sites
from pandad.taskbuffer.imports import Manner
from pandad.taskbuffer.store import Transaction


async def put(txn: Transaction, queues: Sequence[Queue], by: Doer) -> None:
    """Add queues, or replace their descriptions."""
    for queue in queues:
        act = by("put queue", queue.name)
        await sites.put(txn, queue, act.operator)
        await audit.note(txn, act)


async def set_status(txn: Transaction, name: str, status: QueueStatus | None, reason: str, until: datetime | timedelta | None,
                     by: Doer) -> Queue:
    """Decide whether a queue takes work, or with None leave that to its source again.

    :raise NotFound: there is no such queue. :raise BadRequest: `until` is over.
    """
    act = by("set queue", f"{name} to {status or 'what its source says'}", reason)
    found = await (sites.lift(txn, name) if status is None
                   else sites.set_status(txn, name, status, reason, act.operator, until))
    await audit.note(txn, act)
    return found


async def remove(txn: Transaction, name: str, by: Doer, followed: str = "") -> None:
    """Take a queue out.

    :param followed: the source that the daemon follows: what is there would come back.
    :raise NotFound: there is no such queue. :raise QueueInUse: it takes work, or there are jobs, or it would come back.
    """
    for found in await sites.standings(txn, name):
        if found.source is not None and found.source == followed and found.gone is None:
            raise sites.QueueInUse(name, f"is in {followed}, which the daemon follows; leave it offline")
    await sites.remove(txn, name)
    await audit.note(txn, by("remove queue", name))


async def take_in(txn: Transaction, kind: str, dump: Any, manner: Manner, by: Doer) -> Difference:
    """Make what is here of that kind what a dump says; see imports.take. A dump that changes nothing is not noted."""
    found = await imports.take(txn, kind, dump, manner)
    if not manner.dry and not found.is_empty:
        await audit.note(txn, by(f"import {kind}", manner.source, found.summary))
    return found
