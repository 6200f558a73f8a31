"""Hear of jobs: what a pilot's word means for its job, and what to answer. Each may come twice, late, or from a stranger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache

from pandad.jobdispatcher.backchannel import answered
from pandad.jobdispatcher.requests import JobUpdate
from pandad.spec.attribute import attributes_of
from pandad.spec.caller import Caller, Role
from pandad.spec.errors import Forbidden, NotAuthenticated
from pandad.spec.job import JobSpec
from pandad.spec.jobstatus import AFTER_PILOT, FINAL, IN_SLOT, Actor, Event, JobStatus
from pandad.spec.pilotcommand import ALREADY_DONE, KILL, NOTHING
from pandad.taskbuffer import jobs
from pandad.taskbuffer.batch import Batcher
from pandad.taskbuffer.jobs import Change, JobState
from pandad.taskbuffer.store import Store, Transaction


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a pilot's state word says: the event, and the states in which it is only a sign of life."""

    event: Event
    also_in: frozenset[JobStatus] = frozenset()
    reports: JobStatus | None = None


# "transferring" comes from Harvester while it stages out for the payload: the job still holds its slot.
MEANINGS: Mapping[str, Meaning] = {
    "starting": Meaning(Event.STARTED, frozenset({JobStatus.STARTING, JobStatus.RUNNING})),
    "running": Meaning(Event.RUNNING, frozenset({JobStatus.RUNNING})),
    "stagein": Meaning(Event.RUNNING, frozenset({JobStatus.RUNNING})),
    "stageout": Meaning(Event.RUNNING, frozenset({JobStatus.RUNNING})),
    "transferring": Meaning(Event.RUNNING, frozenset({JobStatus.RUNNING})),
    "holding": Meaning(Event.RECOVERING),
    "finished": Meaning(Event.REPORTED, reports=JobStatus.FINISHED),
    "failed": Meaning(Event.REPORTED, reports=JobStatus.FAILED),
}


class Heartbeat:
    """Takes updates of jobs from pilots."""

    def __init__(self, store: Store) -> None:
        self._store = store
        # A kind is a word and who says it: a round is one event, caused by one pilot factory.
        self._batcher: Batcher[tuple[str, str], JobUpdate, str | None] = Batcher(self._together, row=lambda update: update.job_id)

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
        who = caller.identity.subject
        return await answered(self._store, update, await self._stored(caller, who, meaning, update), who)

    async def _stored(self, caller: Caller, who: str, meaning: Meaning, update: JobUpdate) -> str:
        if caller.has(Role.PILOT, Role.PRODUCTION):
            command = await self._batcher.ask((update.job_status, who), update)
            if command is not None:
                return command
        return await self._store.transact("update_job_checked", _checked, caller, who, meaning, update)

    async def _together(self, kind: tuple[str, str], updates: Sequence[JobUpdate]) -> list[str | None]:
        word, who = kind
        return await self._store.once(f"update_job_{word}", _apply, who, MEANINGS[word], updates)


async def _apply(txn: Transaction, who: str, meaning: Meaning, updates: Sequence[JobUpdate]) -> list[str | None]:
    """The straight way, one statement: per update the command to answer, None if the job is not where the update expects it."""
    changes = [change_of(meaning, update) for update in updates]
    moved = await jobs.move(txn, meaning.event, changes, actor=Actor.PILOT, who=who, also_in=meaning.also_in)
    if meaning.reports is not None and moved:
        txn.hint("adder")
    commands = {m.panda_id: m.command or NOTHING for m in moved}
    return [commands.get(update.job_id) for update in updates]


async def _checked(txn: Transaction, caller: Caller, who: str, meaning: Meaning, update: JobUpdate) -> str:
    """The careful way: look at the job first."""
    (state,) = await jobs.states(txn, [update.job_id])
    refuse_stranger(caller, state)
    answer = answer_to(state, meaning, update)
    if answer is not None:
        return answer
    return (await _apply(txn, who, meaning, [update]))[0] or ALREADY_DONE


def refuse_stranger(caller: Caller, state: JobState | None) -> None:
    """A job is updated by pilots, and by the identity that took it.

    :raise Forbidden: this is neither.
    """
    if caller.has(Role.PILOT, Role.PRODUCTION) or state is None or state.holder == caller.identity:
        return
    subject = caller.identity.subject if caller.identity else "nobody"
    raise Forbidden(f"{subject} has no pilot role, and job {state.panda_id} was not given to it")


def answer_to(state: JobState | None, meaning: Meaning, update: JobUpdate) -> str | None:
    """What to answer without touching the job; None if the update is for it. Pure. (PanDA: updateJobStatus guards.)"""
    if state is None:
        return KILL
    if update.attempt_nr is not None and update.attempt_nr != state.attempt_nr:
        return KILL  # a pilot of an earlier attempt: the job is in other hands
    if state.status in FINAL or state.status in AFTER_PILOT:
        return _after(state, meaning)
    if state.status not in IN_SLOT:
        return KILL  # the job went back to the queue: this pilot lost it
    if _other_batch(update.batch_id, state.batch_id):
        return KILL
    return None


def _after(state: JobState, meaning: Meaning) -> str | None:
    """The payload is over, as far as the hub knows."""
    if state.status is JobStatus.HOLDING and state.reported is None:
        return None if meaning.reports is not None else NOTHING  # recovery: only the final report matters
    if meaning.reports is not None:
        # The same report again gets the same answer as the first time; its reply may have been lost.
        return (state.command or NOTHING) if meaning.reports is (state.reported or state.status) else ALREADY_DONE
    if state.status in FINAL and state.status is not JobStatus.FINISHED:
        return KILL if state.status is not JobStatus.FAILED else ALREADY_DONE
    return NOTHING  # a heartbeat that was overtaken by the final report


def _other_batch(ours: str | None, theirs: str | None) -> bool:
    """Two different batch ids, neither of them a mere number: the same fence as that of `taskbuffer.jobs.Change`."""
    return bool(ours and theirs and ours != theirs) and not str(ours).isdigit() and not str(theirs).isdigit()


def change_of(meaning: Meaning, update: JobUpdate) -> Change:
    """What the update writes on the job."""
    values: dict[str, object] = {}
    for name, attribute, limit in _reported():
        value = getattr(update, name)
        if value is not None:
            values[attribute] = value[:limit] if limit and isinstance(value, str) else value
    if meaning.event is Event.RUNNING and update.job_status in ("stagein", "stageout", "transferring"):
        values.setdefault("jobSubStatus", update.job_status)
    if meaning.reports is not None:
        values["reportedstatus"] = meaning.reports
    return Change(
        update.job_id, values, attempt_nr=update.attempt_nr, batch_id=update.batch_id or None, why=_why(update, meaning),
        report=update.job_output_report if meaning.reports is not None else None, metadata=update.meta_data or None,
        stdout=update.stdout[-2048:] if update.stdout else None)


def _why(update: JobUpdate, meaning: Meaning) -> str | None:
    if meaning.reports is None:
        return None
    return f"the pilot reports {meaning.reports}" + (f": {update.pilot_error_diag}" if update.pilot_error_diag else "")


@cache
def _reported() -> tuple[tuple[str, str, int | None], ...]:
    """(field of JobUpdate, JobSpec attribute, length limit) of each value that a pilot may report."""
    limits = {a.name: a.limit for a in attributes_of(JobSpec)}
    pairs = [(f.name, f.metadata["attribute"]) for f in fields(JobUpdate) if "attribute" in f.metadata]
    return tuple((name, attribute, limits[attribute]) for name, attribute in pairs)
