"""Jobs as their pilots meet them: what tells one pilot from another, and a note on a job that two pilots claim to run."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from pandad.spec.caller import Identity
from pandad.spec.jobstatus import Actor, Event, JobStatus
from pandad.taskbuffer.statement import sql
from pandad.taskbuffer.store import Transaction

INTRUSION = "second pilot"  # the note in the job's history


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatched:
    """Where a job is, and who has it. ``batch_id``, ``pilot_id``, ``node``: the first that its pilot said, None before."""

    status: JobStatus
    attempt_nr: int
    command: str | None = None
    reported: JobStatus | None = None
    holder: Identity | None = None
    batch_id: str | None = None
    pilot_id: str | None = None
    node: str | None = None


_LOOK = sql("dispatched.look", """
    SELECT jobstatus, attemptnr, commandtopilot, reportedstatus, holderanchor, holdersubject, batchid, pilotid, modificationhost
    FROM job WHERE pandaid = %(panda_id)s FOR UPDATE""")


async def look(txn: Transaction, panda_id: int) -> Dispatched | None:
    """The job, locked until the transaction ends: what is decided by this still holds when it is written. None: no such job."""
    row = await txn.maybe(_LOOK, panda_id=panda_id)
    if row is None:
        return None
    status, attempt_nr, command, reported, anchor, subject, batch_id, pilot_id, node = row
    return Dispatched(
        status=JobStatus(status), attempt_nr=attempt_nr, command=command, reported=JobStatus(reported) if reported else None,
        holder=Identity(anchor, subject) if subject is not None else None, batch_id=batch_id, pilot_id=pilot_id, node=node)


_HAD = sql("dispatched.had", f"""
    SELECT EXISTS (
        SELECT 1 FROM job_event
        WHERE pandaid = %(panda_id)s AND attemptnr = %(attempt_nr)s AND event = '{Event.CLAIMED}'
          AND who = ANY (%(who)s::text[]))""")


async def had(txn: Transaction, panda_id: int, attempt_nr: int, who: Collection[Identity]) -> bool:
    """Whether that attempt was handed to somebody of one of these names. A hint only: the history keeps no anchors."""
    (found,) = await txn.one(_HAD, panda_id=panda_id, attempt_nr=attempt_nr, who=[each.subject for each in who])
    return bool(found)


# Neither the time of the last word nor any other value of the pilot that has the job may change: an intruder's heartbeats must
# not keep a dead job alive. Once per attempt, so that it cannot fill the history either.
_INTRUSION = sql("dispatched.intrusion", f"""
    WITH marked AS (
        UPDATE job SET superrorcode = %(code)s, superrordiag = %(diag)s
        WHERE pandaid = %(panda_id)s AND NOT EXISTS (
            SELECT 1 FROM job_event e
            WHERE e.pandaid = %(panda_id)s AND e.attemptnr = job.attemptnr AND e.event = '{INTRUSION}')
        RETURNING pandaid, jobstatus, attemptnr)
    INSERT INTO job_event (pandaid, event, fromstatus, tostatus, attemptnr, actor, who, why)
    SELECT pandaid, '{INTRUSION}', jobstatus, jobstatus, attemptnr, '{Actor.PILOT}', %(who)s, %(diag)s FROM marked""")


async def note_intrusion(txn: Transaction, panda_id: int, *, code: int, diag: str, who: str) -> None:
    """Say on the job, once per attempt, that somebody else than its pilot reports it. Nothing else of it changes."""
    await txn.run(_INTRUSION, panda_id=panda_id, code=code, diag=diag, who=who)
