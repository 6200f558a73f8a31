"""Why a job is where it is, in a line for a person and in the data behind it: for any job, in every state."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from pandad.config import LoopsConfig, SharesConfig, TimeoutsConfig
from pandad.spec.account import People
from pandad.spec.caller import Caller
from pandad.spec.errors import NotFound
from pandad.spec.failure import failures_of
from pandad.spec.job import JobSpec
from pandad.spec.jobstatus import FINAL, NEW_ATTEMPT
from pandad.spec.jobstatus import JobStatus as S
from pandad.spec.pilotcommand import KILL
from pandad.spec.reason import REASONS
from pandad.spec.share import CAP_RELEASE, caps_by
from pandad.spec.timeouts import TIMEOUTS, Since
from pandad.taskbuffer import (
    avoidance,
    carriage,
    decisions,
    deferrals,
    facts,
    jobs,
    lines,
    loops,
    outbox,
    places,
    queuenotes,
    shipments,
)
from pandad.taskbuffer.jobs import JobEvent
from pandad.taskbuffer.outbox import Pending
from pandad.taskbuffer.queuenotes import Noted
from pandad.taskbuffer.store import Store, Transaction
from pandad.userinterface import lastpilots
from pandad.userinterface.causes import QUIET_S, CapUse, Cause, Known, cause_of
from pandad.userinterface.funnel import able, funnel
from pandad.userinterface.funnel import nearest as nearest_of
from pandad.userinterface.identity import identity_of
from pandad.userinterface.standing import Sources

ASKED_MOST = 10  # kinds of pilots that are looked at
MOVED_BY: Mapping[S, str] = {S.DEFINED: "brokerage", S.ASSIGNED: "activator", S.WAITING: "activator", S.HOLDING: "adder"}
PERIODS = 5  # of a loop without a round, if that is longer than QUIET_S: then it does not run

# The sentence that says where a job in each state is; the cause goes on from there.
SAYS: Mapping[S, Callable[[JobSpec], str]] = {
    S.PENDING: lambda j: "is being prepared by its task",
    S.DEFINED: lambda j: j.brokerageErrorDiag or "waits for brokerage to pick a queue",
    S.WAITING: lambda j: j.ddmErrorDiag or "waits for its input",
    S.ASSIGNED: lambda j: f"goes to {j.computingSite}; its input is being looked at",
    S.THROTTLED: lambda j: "is held back by a cap",
    S.ACTIVATED: lambda j: f"is ready at {j.computingSite} and waits for a pilot that fits",
    S.SENT: lambda j: f"was handed to a pilot on {_node(j)}, which has not spoken yet",
    S.STARTING: lambda j: f"is being started by a pilot on {_node(j)}",
    S.RUNNING: lambda j: f"runs on {_node(j)}",
    S.HOLDING: lambda j: f"is over on {_node(j)}; its output is being checked",
    S.MERGING: lambda j: "waits for its merge job",
    S.TRANSFERRING: lambda j: "waits for its output to reach its destination",
    S.FINISHED: lambda j: "is finished",
    S.FAILED: lambda j: "failed: " + "; ".join(errors_of(j)),
    S.CANCELLED: lambda j: j.taskBufferErrorDiag or "was cancelled",
    S.CLOSED: lambda j: j.taskBufferErrorDiag or "was withdrawn",
}


def errors_of(job: JobSpec) -> list[str]:
    """What went wrong, one entry per source; says so when nothing is known."""
    return [str(failure) for failure in failures_of(job)] or ["no error was reported"]


@dataclass(frozen=True, slots=True)
class _Read:
    """What one look at the database gave."""

    known: Known
    decided_at: datetime | None
    again_at: datetime | None
    events: Sequence[JobEvent]
    queue: Noted | None


class Explain:
    """Says why."""

    def __init__(self, store: Store, sources: Sources, shares: SharesConfig, timeouts: TimeoutsConfig,
                 periods: LoopsConfig, people: People | None = None) -> None:
        self._store, self._sources, self._timeouts = store, sources, timeouts
        self._shares, self._people = shares, people or People()
        self._stalled_s = {name: max(QUIET_S, PERIODS * getattr(periods, f"{name}_s")) for name in set(MOVED_BY.values())}

    async def job(self, caller: Caller, panda_id: int, now: bool = False) -> dict[str, Any]:
        """Everything on one job; docs/reference/why.md says what is in it.

        :param now: the verdicts of this moment in place of those of the last decision; of a job without one they are that anyway.
        :raise NotFound: there is no such job.
        """
        identity_of(caller)
        return await self.told(caller, panda_id, now)

    async def told(self, caller: Caller, panda_id: int, now: bool = False) -> dict[str, Any]:
        """The same, also of nobody's asking: the page sees to what of it strangers are shown.

        :raise NotFound: there is no such job.
        """
        read = await self._store.read("why", self._read, panda_id)
        known = await self._ask(read.known, now)
        cause = cause_of(known)
        return {
            **_head(known.job, cause, read.events), "avoided_until": [asdict(each) for each in known.avoidances],
            "decided_at": known.now if known.fresh else read.decided_at, "fresh": known.fresh,
            "again_at": read.again_at,
            "queues": list(known.verdicts), "funnel": funnel(known.verdicts), "nearest": nearest_of(known.verdicts)[:ASKED_MOST],
            "never": known.never, "order": _order(known), "caps": [_cap(use) for use in known.caps],
            "pilots": lastpilots.rows(known.pilots or (), caller), "asked_at": known.asked_at,
            "queue": read.queue.shown(lastpilots.may_see_nodes(caller)) if read.queue else None,
            "input": await self._input(known, read.queue), "output": _output(known.job),
            "transfers": [asdict(each) for each in known.shipments], "owed": [_owed(each) for each in known.errands],
            "limits": self._limits(known.job), "loop": known.pulse}

    async def _read(self, txn: Transaction, panda_id: int) -> _Read:
        (job,) = await jobs.find(txn, [panda_id])
        if job is None:
            raise NotFound("job", panda_id)
        decision, (at, pulses) = await decisions.find(txn, panda_id), await loops.pulses(txn)
        name = MOVED_BY.get(job.jobStatus) if job.jobStatus is not S.HOLDING or await _has_reported(txn, panda_id) else None
        pulse = (pulses.get(name) or loops.Pulse(name, None, 0, None)) if name is not None else None
        known = Known(job=job, now=at, verdicts=decision.verdicts if decision else (), decided=decision is not None, pulse=pulse,
                      stalled_s=self._stalled_s)
        queue = await queuenotes.maybe(txn, job.computingSite)
        known = replace(known, avoidances=await avoidance.of_job(txn, panda_id) if job.failed_at else ())
        known = await self._standing(txn, await _moving(txn, known))
        again_at = await deferrals.again_at(txn, panda_id)
        return _Read(known, decision.at if decision else None, again_at, await jobs.events(txn, panda_id), queue)

    async def _standing(self, txn: Transaction, known: Known) -> Known:
        """Its place, its caps and its queue's pilots, as far as the state has such."""
        job = known.job
        assert job.PandaID is not None
        line = await places.line_of(txn, job.PandaID) if job.jobStatus in (S.DEFINED, S.ACTIVATED, S.THROTTLED) else None
        if line is None:
            return known
        if job.jobStatus is S.DEFINED:
            return replace(known, ahead=await places.before_defined(txn, line.id, job.currentPriority, job.PandaID))
        caps_of = caps_by(self._shares.user_cap, self._shares.group_caps, self._people.directory)
        caps = [CapUse(cap, await places.cores_of(txn, await lines.of(txn, cap.who))) for cap in caps_of(line)]
        known = replace(known, line=line, caps=caps)
        if job.jobStatus is S.THROTTLED or job.computingSite is None:
            return replace(known, ahead=await places.before_throttled(txn, line.id, job.currentPriority, job.PandaID))
        asked = await facts.asked(txn, job.computingSite, ASKED_MOST)
        ahead = await places.before_in_line(txn, job.computingSite, line.id, job.currentPriority, job.PandaID)
        return replace(known, ahead=ahead, asked_at=lastpilots.newest(asked),
                       pilots=lastpilots.tried(line, job.computingSite, asked))

    async def _ask(self, known: Known, now: bool) -> Known:
        """What the other rooms say."""
        job = known.job
        if now and job.jobStatus not in FINAL or job.jobStatus is S.DEFINED and not known.decided:
            (advice,) = await self._sources.advisor.consider([job])
            known = replace(known, verdicts=[v.stored for v in advice.verdicts], decided=True, fresh=True)
        if job.jobStatus is S.DEFINED and known.decided and not able(known.verdicts):
            (never,) = await self._sources.suitability.never([job])
            known = replace(known, never=never)
        if job.jobStatus is S.ACTIVATED and known.line is not None and job.computingSite and job.PandaID:
            known = replace(known, turn=await self._sources.order.turn(job.computingSite, known.line, job.PandaID))
        return known

    async def _input(self, known: Known, queue: Noted | None) -> dict[str, Any] | None:
        """For a job that waits for it."""
        job = known.job
        if job.jobStatus not in (S.ASSIGNED, S.WAITING) or queue is None:
            return None
        absent = await self._sources.inputs.absent(job, queue.queue.endpoint_in)
        return {"endpoint": absent.endpoint, "missing": list(absent.files), "problem": absent.problem,
                "transfers": [asdict(each) for each in known.carried]}

    def _limits(self, job: JobSpec) -> list[dict[str, Any]]:
        """What happens if nothing else does: setting, limit_s, then, at; an outage of the server puts it off."""
        found = []
        for row in TIMEOUTS:
            limit_s = getattr(self._timeouts, row.setting)
            since = job.stateChangeTime if row.since is Since.CHANGED else job.modificationTime
            if limit_s and since and job.jobStatus in row.states and row.of.holds(job.prodSourceLabel, job.currentPriority):
                found.append({"setting": row.setting, "limit_s": limit_s, "then": row.event or KILL,
                              "at": since + timedelta(seconds=limit_s)})
        return found


async def _moving(txn: Transaction, known: Known) -> Known:
    """With what is brought for a job that waits for its input, or to where its outputs are wanted, and what is owed for that."""
    job = known.job
    if job.PandaID is None:
        return known
    if job.jobStatus is S.ASSIGNED:
        known = replace(known, carried=await carriage.of_job(txn, job.PandaID))
    if job.jobStatus is S.TRANSFERRING:
        known = replace(known, shipments=await shipments.of_job(txn, job.PandaID))
    subjects = [*(each.dataset for each in known.carried), *(f"{each.scope}:{each.name}" for each in known.shipments)]
    return replace(known, errands=await outbox.of_job(txn, job.PandaID, subjects)) if subjects else known


async def _has_reported(txn: Transaction, panda_id: int) -> bool:
    """Whether the pilot of a job in holding is through with it."""
    (state,) = await jobs.states(txn, [panda_id])
    return state is not None and state.reported is not None


def _head(job: JobSpec, cause: Cause, events: Sequence[JobEvent]) -> dict[str, Any]:
    attempts = [_attempt(e) for e in events if e.event in NEW_ATTEMPT or e.became in FINAL]
    before = [each for each in attempts if each["attemptNr"] != job.attemptNr]
    history = f"; this is attempt {job.attemptNr}, the one before ended with: {before[-1]['why']}" if before else ""
    ending = job.commandToPilot == KILL and job.jobStatus not in FINAL
    command = "; its pilot is told to stop at the next heartbeat" if ending else ""
    return {
        "PandaID": job.PandaID, "jobStatus": job.jobStatus, "reason": cause.reason,
        "summary": f"job {job.PandaID} {SAYS[job.jobStatus](job)}{cause.detail}{command}{history}",
        "next_step": cause.next_step, "since": job.stateChangeTime, "waits_for": REASONS[cause.reason].waits_for,
        "computingSite": job.computingSite, "attemptNr": job.attemptNr, "maxAttempt": job.maxAttempt,
        "avoided": job.failed_at, "included": job.included, "excluded": job.excluded, "attempts": attempts}


def _attempt(end: JobEvent) -> dict[str, object]:
    """An attempt by what ended it; the event of a retry stands under the number of the next one."""
    return {"attemptNr": end.attempt_nr - (end.event in NEW_ATTEMPT), "at": end.at, "event": end.event, "why": end.why}


def _order(known: Known) -> dict[str, Any] | None:
    """Jobs that go before it: in its line, and over all lines of its queue by the order of shares."""
    if known.ahead is None:
        return None
    found: dict[str, Any] = {"priority": known.job.currentPriority, "line": known.line.id if known.line else None,
                             "before_in_line": known.ahead.jobs, "at_least_in_line": known.ahead.at_least}
    if known.turn is not None:
        found |= {"before": max(known.turn.before, known.ahead.jobs), "at_least": known.turn.at_least or known.ahead.at_least,
                  "lines": known.turn.lines, "share": [
                      {"of": name, "cores": cores, "weight": weight} for name, cores, weight in known.turn.share]}
    return found


def _cap(use: CapUse) -> dict[str, Any]:
    return {"of": use.cap.name, "cores": use.cores, "cap": use.cap.cores, "lets_go_below": CAP_RELEASE * use.cap.cores}


def _output(job: JobSpec) -> list[dict[str, Any]] | None:
    """The outputs of a job whose payload is over: lfn, endpoint, status, bytes."""
    if job.jobStatus not in (S.HOLDING, S.TRANSFERRING, S.MERGING, S.FINISHED, S.FAILED):
        return None
    return [{"lfn": f.lfn, "endpoint": f.destinationSE, "status": f.status, "bytes": f.fsize} for f in job.outputs]


def _owed(pending: Pending) -> dict[str, Any]:
    """A call to the data management system that was asked for and is not done."""
    return {"kind": pending.errand.kind, "key": pending.errand.key, "asked": pending.asked, "tries": pending.tries,
            "error": pending.error}


async def timeline(txn: Transaction, panda_id: int) -> list[dict[str, object]]:
    """The answer of `Jobs.timeline`: at, event, from, to, attemptNr, actor, who, why per event."""
    found = await jobs.events(txn, panda_id)
    if not found:
        raise NotFound("job", panda_id)
    return [{"at": e.at, "event": e.event, "from": e.was, "to": e.became, "attemptNr": e.attempt_nr, "actor": e.actor,
             "who": e.who, "why": e.why} for e in found]


def _node(job: JobSpec) -> str:
    return job.modificationHost or "an unnamed node"
