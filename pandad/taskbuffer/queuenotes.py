"""A queue with all that operators and sources said of it, for those who ask why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pandad.spec.errors import NotFound
from pandad.spec.site import Queue
from pandad.taskbuffer import sites
from pandad.taskbuffer.statement import sql
from pandad.taskbuffer.store import Transaction

_WORDS = sql("queuenotes.words", "SELECT to_jsonb(q) - 'description' - 'digest' FROM queue q WHERE name = %(name)s::text")

BY_WHOM = frozenset({"changedby", "setby"})  # who said it


@dataclass(frozen=True, slots=True)
class Noted:
    """``words``: every column beside the description, times as ISO texts; the status in force is the queue's own."""

    queue: Queue
    words: Mapping[str, Any]

    def shown(self, whole: bool) -> dict[str, Any]:
        """queue, status, and the words that say something. ``whole``: with who said them."""
        said = {key: value for key, value in self.words.items() if value is not None and (whole or key not in BY_WHOM)}
        return {**said, "queue": self.queue.name, "status": self.queue.status.value}


async def find(txn: Transaction, name: str) -> Noted:
    """One queue.

    :raise NotFound: there is no such queue.
    """
    row = await txn.maybe(_WORDS, name=name)
    return Noted(await sites.find(txn, name), row[0] if row else {})


async def maybe(txn: Transaction, name: str | None) -> Noted | None:
    """The same, None if there is no such queue."""
    try:
        return await find(txn, name) if name is not None else None
    except NotFound:
        return None
