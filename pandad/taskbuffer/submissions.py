"""Submissions that may come again, and the numbers that they got the first time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pandad.spec.caller import Identity
from pandad.spec.jobstatus import JobStatus
from pandad.taskbuffer.statement import sql
from pandad.taskbuffer.store import Transaction

KEPT_S = 86400  # a key is good for a day
_CLEANED = 10  # old rows that a new one takes away, so that the table cannot grow


@dataclass(frozen=True, slots=True)
class Earlier:
    """A submission under the same key. ``age_s``: by the database's clock."""

    digest: str
    panda_ids: Sequence[int]
    serial: int  # jobDefinitionID
    jobset: int
    at: datetime
    age_s: float


# Of two at the same time the second waits here for the first, and then sees its row, or, if it was rolled back, makes its own. A
# row without jobs is the caller's own: no other transaction can see it so.
_BEGIN = sql("submissions.begin", """
    INSERT INTO submission (anchor, subject, key, digest) VALUES (%(anchor)s, %(subject)s, %(key)s, %(digest)s)
    ON CONFLICT (anchor, subject, key) DO UPDATE SET key = EXCLUDED.key
    RETURNING digest, pandaids, jobdefinitionid, jobsetid, at, extract(epoch FROM now() - at)""")

_KEEP = sql("submissions.keep", f"""
    WITH old AS (
        SELECT anchor, subject, key FROM submission WHERE at < now() - make_interval(secs => {KEPT_S})
        ORDER BY at LIMIT {_CLEANED} FOR UPDATE SKIP LOCKED),
    cleaned AS (
        DELETE FROM submission s USING old
        WHERE (s.anchor, s.subject, s.key) = (old.anchor, old.subject, old.key)
          AND (s.anchor, s.subject, s.key) <> (%(anchor)s::text, %(subject)s::text, %(key)s::text))
    UPDATE submission SET digest = %(digest)s, at = now(), pandaids = %(panda_ids)s::bigint[], jobdefinitionid = %(serial)s,
                          jobsetid = %(jobset)s
    WHERE anchor = %(anchor)s::text AND subject = %(subject)s::text AND key = %(key)s::text""")

_HOPEFUL = sql("submissions.hopeful", f"""
    SELECT count(*) FROM job_ever WHERE pandaid = ANY (%(panda_ids)s::bigint[])
      AND jobstatus NOT IN ('{JobStatus.FAILED}', '{JobStatus.CANCELLED}', '{JobStatus.CLOSED}')""")


async def begin(txn: Transaction, owner: Identity, key: str, digest: str) -> Earlier | None:
    """Take the key, and hold it until the transaction ends; the submission that has it already, if there is one."""
    digest, panda_ids, serial, jobset, at, age_s = await txn.one(
        _BEGIN, anchor=owner.anchor, subject=owner.subject, key=key, digest=digest)
    return Earlier(digest, panda_ids, serial, jobset, at, float(age_s)) if panda_ids else None


async def keep(txn: Transaction, owner: Identity, key: str, digest: str, panda_ids: Sequence[int], serial: int,
               jobset: int) -> None:
    """Store what the submission with this key became, in place of an earlier one."""
    await txn.run(_KEEP, anchor=owner.anchor, subject=owner.subject, key=key, digest=digest, panda_ids=list(panda_ids),
                  serial=serial, jobset=jobset)


async def is_hopeful(txn: Transaction, panda_ids: Sequence[int]) -> bool:
    """Whether each of these jobs is on its way, or finished: nobody has a reason yet to submit it again."""
    (count,) = await txn.one(_HOPEFUL, panda_ids=list(panda_ids))
    return bool(count == len(panda_ids))
