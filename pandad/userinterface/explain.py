"""Why a job is where it is, in a line for a person and in the data behind it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pandad.spec.errors import NotFound
from pandad.spec.failure import failures_of
from pandad.spec.job import JobSpec
from pandad.spec.jobstatus import FINAL, NEW_ATTEMPT
from pandad.spec.jobstatus import JobStatus as S
from pandad.spec.pilotcommand import KILL
from pandad.taskbuffer import decisions, jobs
from pandad.taskbuffer.jobs import JobEvent
from pandad.taskbuffer.store import Transaction

# What a job in each state waits for, and the sentence that says so.
WAITS: Mapping[S, tuple[str | None, Callable[[JobSpec], str]]] = {
    S.PENDING: ("its task", lambda j: "is being prepared by its task"),
    S.DEFINED: ("brokerage", lambda j: j.brokerageErrorDiag or "waits for brokerage to pick a queue"),
    S.WAITING: ("input", lambda j: j.ddmErrorDiag or "waits for its input"),
    S.ASSIGNED: ("input", lambda j: f"goes to {j.computingSite}; its input is being looked at"),
    S.THROTTLED: ("a cap", lambda j: "is held back by a cap"),
    S.ACTIVATED: ("a pilot", lambda j: f"is ready at {j.computingSite} and waits for a pilot that fits"),
    S.SENT: ("its pilot", lambda j: f"was handed to a pilot on {_node(j)}, which has not spoken yet"),
    S.STARTING: ("its pilot", lambda j: f"is being started by a pilot on {_node(j)}"),
    S.RUNNING: ("its payload", lambda j: f"runs on {_node(j)}"),
    S.HOLDING: ("output checks", lambda j: f"is over on {_node(j)}; its output is being checked"),
    S.MERGING: ("its merge job", lambda j: "waits for its merge job"),
    S.TRANSFERRING: ("transfers", lambda j: "waits for its output to reach its destination"),
    S.FINISHED: (None, lambda j: "is finished"),
    S.FAILED: (None, lambda j: "failed: " + "; ".join(errors_of(j))),
    S.CANCELLED: (None, lambda j: j.taskBufferErrorDiag or "was cancelled"),
    S.CLOSED: (None, lambda j: j.taskBufferErrorDiag or "was withdrawn"),
}


def errors_of(job: JobSpec) -> list[str]:
    """What went wrong, one entry per source; says so when nothing is known."""
    return [str(failure) for failure in failures_of(job)] or ["no error was reported"]


async def why(txn: Transaction, panda_id: int) -> dict[str, object]:
    """The answer of `Jobs.why`: PandaID, jobStatus, summary, since, waits_for, attempts (those that are over), queues (verdicts),
    decided_at."""
    (job,) = await jobs.find(txn, [panda_id])
    if job is None:
        raise NotFound("job", panda_id)
    decision = await decisions.find(txn, panda_id)
    waits_for, sentence = WAITS[job.jobStatus]
    attempts = [_attempt(e) for e in await jobs.events(txn, panda_id) if e.event in NEW_ATTEMPT or e.became in FINAL]
    before = [each for each in attempts if each["attemptNr"] != job.attemptNr]
    history = f"; this is attempt {job.attemptNr}, the one before ended with: {before[-1]['why']}" if before else ""
    command = "; its pilot is told to stop at the next heartbeat" if job.commandToPilot == KILL and waits_for else ""
    return {
        "PandaID": panda_id, "jobStatus": job.jobStatus, "summary": f"job {panda_id} {sentence(job)}{command}{history}",
        "since": job.stateChangeTime, "waits_for": waits_for, "computingSite": job.computingSite, "attemptNr": job.attemptNr,
        "attempts": attempts, "queues": list(decision.verdicts) if decision else [],
        "decided_at": decision.at if decision else None}


def _attempt(end: JobEvent) -> dict[str, object]:
    """An attempt by what ended it; the event of a retry stands under the number of the next one."""
    return {"attemptNr": end.attempt_nr - (end.event in NEW_ATTEMPT), "at": end.at, "event": end.event, "why": end.why}


async def timeline(txn: Transaction, panda_id: int) -> list[dict[str, object]]:
    """The answer of `Jobs.timeline`: at, event, from, to, attemptNr, actor, who, why per event."""
    found = await jobs.events(txn, panda_id)
    if not found:
        raise NotFound("job", panda_id)
    return [{"at": e.at, "event": e.event, "from": e.was, "to": e.became, "attemptNr": e.attempt_nr, "actor": e.actor,
             "who": e.who, "why": e.why} for e in found]


def _node(job: JobSpec) -> str:
    return job.modificationHost or "an unnamed node"
