"""Hear of jobs: store a pilot's word if it is for its job, and answer. Each may come twice, late, or from a stranger."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cache

from pandad import metrics
from pandad.jobdispatcher.backchannel import answered
from pandad.jobdispatcher.guards import MEANINGS, Fence, Meaning, Verdict, fence, verdict
from pandad.jobdispatcher.requests import JobUpdate
from pandad.jobdispatcher.traffic import Traffic
from pandad.spec import errorcodes
from pandad.spec.attribute import attributes_of
from pandad.spec.caller import Caller, Identity, Role
from pandad.spec.errors import Forbidden, NotAuthenticated
from pandad.spec.job import JobSpec
from pandad.spec.jobstatus import IN_SLOT, Actor, JobStatus
from pandad.spec.pilotcommand import ALREADY_DONE, KILL, NOTHING
from pandad.taskbuffer import dispatched, files, moves
from pandad.taskbuffer.batch import Batcher
from pandad.taskbuffer.dispatched import Dispatched
from pandad.taskbuffer.moves import Change, Happening
from pandad.taskbuffer.store import Store, Transaction

STDOUT_LENGTH = 2048  # of the tail that is kept
METADATA_LENGTH = 2**22  # a longer job report is not kept; cut, it would be no JSON
LISTED = 3  # names in a message
LANES = 2  # rounds of updates at a time: about a tenth more of them each second, with 64 pilots that never rest
DIAG_LENGTH = 250  # of supErrorDiag
TOLD = frozenset({JobStatus.HOLDING}) | IN_SLOT  # a second pilot is worth a note while the first has, or owes, something


@dataclass(frozen=True, slots=True)
class Word:
    """What a pilot says, and under which DN."""

    who: str
    update: JobUpdate


class Heartbeat:
    """Takes updates of jobs from pilots."""

    def __init__(self, store: Store, traffic: Traffic | None = None) -> None:
        self._store, self._traffic = store, traffic
        self._batcher: Batcher[None, Word, str | None] = Batcher(
            "update", self._together, row=lambda word: word.update.job_id, lanes=LANES)

    async def update(self, caller: Caller, update: JobUpdate) -> str:
        """Store what the pilot says; the command to answer, always a text.

        An unknown state word is answered and ignored, as PanDA does. When this returns, what was said is durable.

        :raise NotAuthenticated, Forbidden: the caller is no pilot, and not who holds the job.
        :raise StoreUnavailable: nothing is known to be stored; the pilot must send it again.
        """
        if caller.identity is None:
            raise NotAuthenticated("a job is only updated by a pilot with a certificate or token, and none came with the call")
        meaning = MEANINGS.get(update.job_status)
        if meaning is None:
            return NOTHING
        answer = await self._stored(caller, caller.identity, meaning, update)
        return await answered(self._store, update, answer, caller.identity.subject)

    async def _stored(self, caller: Caller, who: Identity, meaning: Meaning, update: JobUpdate) -> str:
        if caller.has(Role.PILOT, Role.PRODUCTION) and is_plain(update):
            command = await self._batcher.ask(None, Word(who.subject, update))
            if command is not None:
                return command
        return await self._store.transact("update_job_checked", _checked, caller, who, meaning, update, self._traffic)

    async def _together(self, _: None, words: Sequence[Word]) -> list[str | None]:
        return await self._store.once("update_job", _apply, words, self._traffic)


def is_plain(update: JobUpdate) -> bool:
    """Whether the fences of one statement, attempt and batch id, are all that it needs, and the job all that it changes."""
    return update.attempt_nr is not None and not update.corrupted_files


async def _apply(txn: Transaction, words: Sequence[Word], traffic: Traffic | None = None) -> list[str | None]:
    """The straight way, one statement: per word the command to answer, None if the job is not where the word expects it."""
    alike: dict[tuple[str, str], list[JobUpdate]] = defaultdict(list)
    for word in words:
        alike[word.update.job_status, word.who].append(word.update)
    moved = await moves.happen(txn, [_happening(MEANINGS[status], who, updates) for (status, who), updates in alike.items()])
    commands = {m.panda_id: m.command or NOTHING for m in moved}
    if traffic is not None:
        txn.after_commit(lambda: traffic.heard(m.queue for m in moved))
    if any(MEANINGS[word.update.job_status].reports and word.update.job_id in commands for word in words):
        txn.hint("adder")
    return [commands.get(word.update.job_id) for word in words]


def _happening(meaning: Meaning, who: str, updates: Sequence[JobUpdate]) -> Happening:
    changes = [change_of(meaning, update) for update in updates]
    return moves.happening(meaning.event, changes, actor=Actor.PILOT, who=who, also_in=meaning.also_in)


async def _checked(txn: Transaction, caller: Caller, who: Identity, meaning: Meaning, update: JobUpdate,
                   traffic: Traffic | None) -> str:
    """The careful way: look at the job first, and let nobody else near it until all is written."""
    job = await dispatched.look(txn, update.job_id)
    stranger = fence(job, update, caller)
    if not await _lost_it(txn, caller, stranger, update):
        refuse_stranger(caller, job, update.job_id)
    if job is None or stranger is not None:
        return await _stopped(txn, job, stranger, update, who)
    answer = answer_to(job, meaning)
    if answer is not None:
        return answer
    (command,) = await _apply(txn, [Word(who.subject, replace(update, attempt_nr=job.attempt_nr))], traffic)
    assert command is not None, f"job {update.job_id} was locked in {job.status}, and is not there"
    if update.corrupted_files:
        await files.mark_corrupted(txn, update.job_id, corrupted(update))
    return command


async def _lost_it(txn: Transaction, caller: Caller, stranger: Fence | None, update: JobUpdate) -> bool:
    """Whether this is a user's own pilot whose job went to another one: it is to be stopped, where others are refused."""
    if caller.has(Role.PILOT, Role.PRODUCTION) or stranger is not Fence.ATTEMPT or update.attempt_nr is None:
        return False
    return await dispatched.had(txn, update.job_id, update.attempt_nr, caller.identities)


async def _stopped(txn: Transaction, job: Dispatched | None, stranger: Fence | None, update: JobUpdate, who: Identity) -> str:
    """A word that is not from the job's pilot changes nothing that the pilot has said, or that keeps its job alive."""
    txn.after_commit(lambda: metrics.UPDATES_STALE.add(str(stranger)))
    if job is not None and stranger is Fence.BATCH and job.status in TOLD:
        diag = f"invalid batchID {update.batch_id}: the job is that of {job.batch_id}"[:DIAG_LENGTH]
        await dispatched.note_intrusion(txn, update.job_id, code=errorcodes.SUP_INVALID_BATCH_ID, diag=diag, who=who.subject)
    return KILL


def refuse_stranger(caller: Caller, job: Dispatched | None, panda_id: int) -> None:
    """A job is updated by pilots, and by the identity that took it.

    :raise Forbidden: this is neither.
    """
    if caller.has(Role.PILOT, Role.PRODUCTION) or job is None or caller.is_(job.holder):
        return
    raise Forbidden(f"a job is updated by pilots, and by who took it: job {panda_id} was not given to you; {caller.described}")


def answer_to(job: Dispatched, meaning: Meaning) -> str | None:
    """What to answer its pilot without touching the job; None if the word is to be stored. Pure."""
    match verdict(job, meaning):
        case Verdict.TAKE:
            return None
        case Verdict.IGNORE:
            return job.command or NOTHING
        case Verdict.DONE:
            return ALREADY_DONE
        case Verdict.STOP:
            return KILL


def change_of(meaning: Meaning, update: JobUpdate) -> Change:
    """What the update writes on the job."""
    values: dict[str, object] = {}
    for name, attribute, limit in _reported():
        value = getattr(update, name)
        if value is not None and value != "":
            values[attribute] = value[:limit] if limit and isinstance(value, str) else value
    if meaning.finer:
        values.setdefault("jobSubStatus", update.job_status)
    if meaning.reports is not None:
        values["reportedstatus"] = meaning.reports
    batch_id, metadata = values.get("batchID"), update.meta_data or None
    return Change(
        update.job_id, values, attempt_nr=update.attempt_nr, batch_id=str(batch_id) if batch_id else None,
        why=_why(update, meaning), report=update.job_output_report if meaning.reports is not None else None,
        metadata=metadata if metadata and len(metadata) <= METADATA_LENGTH else None,
        stdout=update.stdout[-STDOUT_LENGTH:] if update.stdout else None)


def corrupted(update: JobUpdate) -> list[str]:
    """The names of the inputs that the pilot found corrupted."""
    return [lfn for part in (update.corrupted_files or "").split(",") if (lfn := part.strip())]


def _why(update: JobUpdate, meaning: Meaning) -> str | None:
    if meaning.reports is None:
        return None
    bad, length = corrupted(update), len(update.meta_data or "")
    more = f" and {len(bad) - LISTED} more" if len(bad) > LISTED else ""
    said = [f"the pilot reports {meaning.reports}" + (f": {update.pilot_error_diag}" if update.pilot_error_diag else "")]
    if bad:
        said.append(f"corrupted input: {', '.join(bad[:LISTED])}{more}")
    if length > METADATA_LENGTH:
        said.append(f"its metadata was not kept, {length} characters are too many")
    return "; ".join(said)


@cache
def _reported() -> tuple[tuple[str, str, int | None], ...]:
    """(field of JobUpdate, JobSpec attribute, length limit) of each value that a pilot may report."""
    limits = {a.name: a.limit for a in attributes_of(JobSpec)}
    pairs = [(f.name, f.metadata["attribute"]) for f in fields(JobUpdate) if "attribute" in f.metadata]
    return tuple((name, attribute, limits[attribute]) for name, attribute in pairs)
