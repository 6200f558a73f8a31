"""What a pilot's word means for its job, and whether the job is that pilot's to speak of. Pure tables.

Rules: PanDA's guards on pilot updates (updateJobStatus), made exact where several pilots can speak of one job. Two differences
are meant. The same final report again is answered as it was the first time, because its reply may have been lost; PanDA says
"alreadydone". And a heartbeat that its own final report has overtaken stops nobody, though the job may be finished already.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from pandad.jobdispatcher.requests import JobUpdate
from pandad.spec.caller import Caller
from pandad.spec.jobstatus import BEFORE_PILOT, IN_SLOT, Event, JobStatus
from pandad.taskbuffer.dispatched import Dispatched


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a pilot's state word says: the event, and the states in which it is only a sign of life.

    ``finer``: the word is finer than the states are, and becomes the sub-status.
    """

    event: Event
    also_in: frozenset[JobStatus] = frozenset()
    reports: JobStatus | None = None
    finer: bool = False


_RUNNING = frozenset({JobStatus.RUNNING})

# "transferring" comes from Harvester while it stages out for the payload: the job still holds its slot.
MEANINGS: Mapping[str, Meaning] = {
    "starting": Meaning(Event.STARTED, frozenset({JobStatus.STARTING, JobStatus.RUNNING})),
    "running": Meaning(Event.RUNNING, _RUNNING),
    "stagein": Meaning(Event.RUNNING, _RUNNING, finer=True),
    "stageout": Meaning(Event.RUNNING, _RUNNING, finer=True),
    "transferring": Meaning(Event.RUNNING, _RUNNING, finer=True),
    "holding": Meaning(Event.RECOVERING),
    "finished": Meaning(Event.REPORTED, reports=JobStatus.FINISHED),
    "failed": Meaning(Event.REPORTED, reports=JobStatus.FAILED),
}


def is_last_word(word: str) -> bool:
    """Whether a pilot says no more after that state word, at least until much later: its job ended, or its report is owed."""
    meaning = MEANINGS.get(word)
    return meaning is not None and meaning.event in (Event.REPORTED, Event.RECOVERING)


class Verdict(StrEnum):
    """What becomes of a word."""

    TAKE = "take"      # it is stored
    IGNORE = "ignore"  # nothing changes; the answer is as if it had been taken
    DONE = "done"      # nothing changes; the pilot hears that the job had ended before
    STOP = "stop"      # nothing changes; the pilot is to stop


class Fence(StrEnum):
    """Which part of (PandaID, attemptNr, batchID, pilotID, node, holder) tells that a word is not from the job's pilot."""

    JOB = "unknown job"
    ATTEMPT = "another attempt"
    BATCH = "another batch job"
    PILOT = "another pilot"
    NODE = "another node"
    HOLDER = "another holder"


V = Verdict

# Per state the verdict on a sign of life, on "holding" and on a last word, of the pilot that has the job. In HOLDING the row is
# that of a job whose final report is owed.
TABLE: Mapping[JobStatus, tuple[Verdict, Verdict, Verdict]] = {
    **dict.fromkeys(BEFORE_PILOT, (V.STOP, V.STOP, V.STOP)),  # it went back to the queue: this pilot lost it
    **dict.fromkeys(IN_SLOT, (V.TAKE, V.TAKE, V.TAKE)),
    JobStatus.HOLDING: (V.IGNORE, V.IGNORE, V.TAKE),
    JobStatus.MERGING: (V.IGNORE, V.IGNORE, V.DONE),
    JobStatus.TRANSFERRING: (V.IGNORE, V.DONE, V.DONE),
    JobStatus.FINISHED: (V.IGNORE, V.IGNORE, V.DONE),
    JobStatus.FAILED: (V.DONE, V.DONE, V.DONE),
    JobStatus.CANCELLED: (V.STOP, V.STOP, V.DONE),
    JobStatus.CLOSED: (V.STOP, V.STOP, V.DONE),
}

_NUMBER = re.compile(r"[0-9]+(\.+[0-9]+)?")


def verdict(job: Dispatched, meaning: Meaning) -> Verdict:
    """On a word of the pilot that has, or had, this attempt."""
    if meaning.reports is None:
        return TABLE[job.status][meaning.event is Event.RECOVERING]
    if job.reported is not None or job.status not in IN_SLOT | BEFORE_PILOT | {JobStatus.HOLDING}:
        return V.IGNORE if meaning.reports is (job.reported or job.status) else V.DONE
    return TABLE[job.status][2]


def fence(job: Dispatched | None, update: JobUpdate, caller: Caller) -> Fence | None:
    """What shows that this word is from somebody else than the job's pilot; None: nothing does.

    A pilot that tells its attempt needs no more than that, and a batch id that is the first seen one. An old pilot that does not
    is known by all that it says of itself; the holder, under whichever identity, decides only when neither batch nor pilot id
    agree.
    """
    if job is None:
        return Fence.JOB
    if update.attempt_nr is not None:
        if update.attempt_nr != job.attempt_nr:
            return Fence.ATTEMPT
        return Fence.BATCH if other_batch(update.batch_id, job.batch_id) else None
    if other_batch(update.batch_id, job.batch_id):
        return Fence.BATCH
    if _differ(update.pilot_id, job.pilot_id):
        return Fence.PILOT
    if _differ(update.node, job.node):
        return Fence.NODE
    is_known = _agree(update.batch_id, job.batch_id) or _agree(update.pilot_id, job.pilot_id)
    return Fence.HOLDER if not caller.is_(job.holder) and not is_known else None


def other_batch(ours: str | None, theirs: str | None) -> bool:
    """Two different batch ids, neither of them a mere number, which batch systems use again: the fence of `moves.Change`."""
    return _differ(ours, theirs) and not _NUMBER.fullmatch(str(ours)) and not _NUMBER.fullmatch(str(theirs))


def _differ(ours: str | None, theirs: str | None) -> bool:
    return bool(ours and theirs and ours != theirs)


def _agree(ours: str | None, theirs: str | None) -> bool:
    return bool(ours and ours == theirs)
