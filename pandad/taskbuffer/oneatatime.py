"""What a person may have at most is counted, then added to: two of his requests at a time could both find room for one more."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

from pandad.spec.caller import Identity
from pandad.taskbuffer.statement import sql
from pandad.taskbuffer.store import Transaction


class Matter(IntEnum):
    """What is counted; requests about different matters do not wait for each other."""

    TASKS = 17
    UPLOADS = 18
    SECRETS = 19
    LINK_CODES = 20


# In one order, whoever of a person's identities asks, so that no two of them wait for each other.
_WAIT = sql("oneatatime.wait", """
    SELECT pg_advisory_xact_lock(key) FROM (
        SELECT hashtextextended(o.anchor || ' ' || o.subject, %(matter)s::bigint) AS key
        FROM unnest(%(anchors)s::text[], %(subjects)s::text[]) AS o(anchor, subject) ORDER BY key) AS ordered""")


async def one_at_a_time(txn: Transaction, matter: Matter, person: Iterable[Identity]) -> None:
    """Wait until no other transaction is at this matter of that person's, and keep others from it until this one ends.

    The statements after this one see what those before had committed; so it goes before what counts.
    """
    identities = list(person)
    await txn.run(_WAIT, matter=int(matter), anchors=[i.anchor for i in identities], subjects=[i.subject for i in identities])
