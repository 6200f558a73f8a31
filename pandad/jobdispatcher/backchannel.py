"""The back channel's second half: what a pilot in debug mode sent is noted, and what it is to do next is composed."""

from __future__ import annotations

from pandad.jobdispatcher.requests import JobUpdate
from pandad.spec import pilotcommand
from pandad.spec.pilotcommand import DEBUG_OFF, NOTHING
from pandad.taskbuffer import outputs
from pandad.taskbuffer.store import Store


async def answered(store: Store, update: JobUpdate, command: str, who: str) -> str:
    """What to answer to a stored update of the job's own pilot, for which the job's row says `command`.

    Only a job with a pending debug command costs a transaction more. A pilot that sends output though nobody wants it is told to
    stop that: so switching debug mode off needs no memory of whether the pilot has heard it.

    :raise StoreUnavailable: not noted; the pilot must send the update again.
    """
    if pilotcommand.is_debug_command(command):
        stdout = update.stdout or None
        return await store.transact("debug_output", outputs.exchange, update.job_id, update.attempt_nr, stdout, who)
    return DEBUG_OFF if update.stdout and command == NOTHING else command
