"""Submitters: their serial numbers."""

from __future__ import annotations

from collections.abc import Sequence

from pandad.spec.caller import Identity
from pandad.taskbuffer.statement import sql
from pandad.taskbuffer.store import Transaction

# In the order of their names, so that two rounds with the same submitters never wait for each other in a ring.
_NEXT_SERIALS = sql("users.next_serials", """
    WITH counted AS (
        INSERT INTO submitter (anchor, subject, jobdefinitionid)
        SELECT anchor, subject, count(*) FROM unnest(%(anchors)s::text[], %(subjects)s::text[]) AS s(anchor, subject)
        GROUP BY anchor, subject ORDER BY anchor, subject
        ON CONFLICT (anchor, subject) DO UPDATE SET jobdefinitionid = submitter.jobdefinitionid + EXCLUDED.jobdefinitionid
        RETURNING anchor, subject, jobdefinitionid)
    SELECT c.jobdefinitionid + 1 - row_number() OVER (PARTITION BY anchor, subject ORDER BY place DESC), nextval('job_jobsetid')
    FROM unnest(%(anchors)s::text[], %(subjects)s::text[]) WITH ORDINALITY AS s(anchor, subject, place)
    JOIN counted c USING (anchor, subject) ORDER BY place""")


async def next_serial(txn: Transaction, owner: Identity) -> tuple[int, int]:
    """(jobDefinitionID, jobsetID) for a new submission: the first counts per identity, the second over all."""
    (numbers,) = await next_serials(txn, [owner])
    return numbers


async def next_serials(txn: Transaction, owners: Sequence[Identity]) -> list[tuple[int, int]]:
    """The same for a submission of each of these owners, in order."""
    rows = await txn.many(_NEXT_SERIALS, anchors=[o.anchor for o in owners], subjects=[o.subject for o in owners])
    return [(serial, jobset) for serial, jobset in rows]
