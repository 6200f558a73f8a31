"""Submitters: their serial numbers."""

from __future__ import annotations

from pandad.spec.caller import Identity
from pandad.taskbuffer.statement import sql
from pandad.taskbuffer.store import Transaction

_NEXT_SERIAL = sql("users.next_serial", """
    INSERT INTO submitter (anchor, subject, jobdefinitionid) VALUES (%(anchor)s, %(subject)s, 1)
    ON CONFLICT (anchor, subject) DO UPDATE SET jobdefinitionid = submitter.jobdefinitionid + 1
    RETURNING jobdefinitionid, nextval('job_jobsetid')""")


async def next_serial(txn: Transaction, owner: Identity) -> tuple[int, int]:
    """(jobDefinitionID, jobsetID) for a new submission: the first counts per identity, the second over all."""
    row = await txn.one(_NEXT_SERIAL, anchor=owner.anchor, subject=owner.subject)
    return row[0], row[1]
