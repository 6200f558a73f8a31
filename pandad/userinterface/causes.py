"""From what is known of a job to why it is where it is: a code, a sentence, and what would change it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pandad.spec import errorcodes
from pandad.spec.amount import told_bytes
from pandad.spec.capability import Misfit
from pandad.spec.criterion import SCOUT, Kind, Never
from pandad.spec.failure import failures_of
from pandad.spec.job import JobSpec
from pandad.spec.jobstatus import JobStatus
from pandad.spec.line import Line
from pandad.spec.obstacle import Obstacle
from pandad.spec.pilotcommand import KILL
from pandad.spec.reason import REASONS, Reason, of_closed, of_failures
from pandad.spec.share import Capped
from pandad.taskbuffer.avoidance import Avoidance
from pandad.taskbuffer.carriage import Carried
from pandad.taskbuffer.loops import Pulse
from pandad.taskbuffer.outbox import Pending
from pandad.taskbuffer.placements import PlacementStatus
from pandad.taskbuffer.places import Count
from pandad.taskbuffer.shipments import Shipment
from pandad.userinterface import lastpilots
from pandad.userinterface.funnel import Verdict, able, funnel, kind, nearest, step_of
from pandad.userinterface.lastpilots import Tried
from pandad.userinterface.standing import ITurn

S, R = JobStatus, Reason

NO_PILOT = timedelta(hours=3)  # without a pilot's question for so long there is none (PanDA: nopilot)


@dataclass(frozen=True, slots=True)
class CapUse:
    """A cap that holds for a job, and the cores that those who share it have now."""

    cap: Capped
    cores: int

    def holds_back(self, cores: int) -> bool:
        """Whether a job of so many cores must wait for it."""
        return self.cores + cores > self.cap.cores


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What was found out about one job; what its state has no use for is left out.

    :param verdicts: of every queue, when it was decided last, or, if fresh, now.
    :param never: that no queue can take it at any time.
    :param pulse: how the loop that should move it does. :param pilots: the last of its queue, against its line; None: not known.
    :param carried: input that is brought for it. :param shipments: its outputs on their way. :param errands: calls that are owed
        for either.
    :param avoidances: queues that it avoids for a time.
    :param asked_at: when one of them asked last. :param absent: what of its input is not where it should be.
    """

    job: JobSpec
    now: datetime
    verdicts: Sequence[Verdict] = ()
    decided: bool = False
    fresh: bool = False
    never: Never | None = None
    pulse: Pulse | None = None
    line: Line | None = None
    caps: Sequence[CapUse] = ()
    ahead: Count | None = None
    turn: ITurn | None = None
    pilots: Sequence[Tried] | None = None
    asked_at: datetime | None = None
    carried: Sequence[Carried] = ()
    shipments: Sequence[Shipment] = ()
    errands: Sequence[Pending] = ()
    avoidances: Sequence[Avoidance] = ()
    stalled_s: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cause:
    """``detail`` goes on where the summary of the state ends."""

    reason: Reason
    detail: str = ""
    step: str = ""

    @property
    def next_step(self) -> str:
        """One sentence."""
        return self.step or REASONS[self.reason].helps


def cause_of(known: Known) -> Cause:
    """Why the job is where it is."""
    job = known.job
    if job.commandToPilot == KILL and job.jobStatus in REASONS[R.BEING_KILLED].states:
        return Cause(R.BEING_KILLED)
    return _BY_STATE[job.jobStatus](known)


def _always(reason: Reason) -> Callable[[Known], Cause]:
    return lambda known: Cause(reason)


def _defined(known: Known) -> Cause:
    if able(known.verdicts):
        return _stalled(known, R.BROKERAGE_STALLED) or Cause(R.BROKERAGE_DUE, f"; {len(able(known.verdicts))} queues can take it")
    if not known.verdicts:
        return Cause(R.NO_QUEUE)
    if all(verdict.get("criterion") == SCOUT for verdict in known.verdicts):
        return Cause(R.SCOUTS_FIRST, "" if known.job.brokerageErrorDiag else f"; {known.verdicts[0]['text']}")
    if known.job.is_pinned:
        return _pinned(known)
    if known.never is not None and known.never.queue is not None:
        return Cause(R.NEVER, f"; {known.never.sentence}", known.never.next_step)
    detail = f"; {funnel(known.verdicts)['text']}{_avoiding(known)}"
    return Cause(_why_refused(known.verdicts), detail, step_of(nearest(known.verdicts)[0]))


def _avoiding(known: Known) -> str:
    return "".join(f"; it avoids {each.queue} until {each.until:%Y-%m-%d %H:%M}, for {each.why}" for each in known.avoidances)


def _pinned(known: Known) -> Cause:
    own = [v for v in known.verdicts if v["queue"] == known.job.computingSite]
    return Cause(R.PINNED_REFUSED, "", step_of(own[0])) if own else Cause(R.PINNED_TO_NOTHING)


_BY_KIND: Mapping[Kind, Reason] = {
    Kind.STATUS: R.QUEUES_CLOSED, Kind.LOAD: R.QUEUES_FULL, Kind.HISTORY: R.QUEUES_AVOIDED, Kind.NEEDS: R.NO_QUEUE_NOW}


def _why_refused(verdicts: Sequence[Verdict]) -> Reason:
    """By the queues that fit: those whose refusal is no matter of what the job needs."""
    kinds = {kind(v) for v in verdicts} - {Kind.NEEDS}
    return _BY_KIND[kinds.pop()] if len(kinds) == 1 else R.NO_QUEUE_NOW


def _stalled(known: Known, reason: Reason) -> Cause | None:
    """That the loop which would move the job does not get to it."""
    pulse, since = known.pulse, known.job.stateChangeTime
    if pulse is None:
        return None
    if pulse.failures >= FAILURES:
        return Cause(reason, f"; its last {pulse.failures} rounds failed: {pulse.error}")
    last = max((at for at in (pulse.finished_at, since) if at is not None), default=known.now)
    quiet_s = (known.now - last).total_seconds()
    if quiet_s < known.stalled_s.get(pulse.name, QUIET_S):
        return None
    return Cause(reason, f"; {pulse.name} has not finished a round for {quiet_s:.0f} s")


FAILURES = 3  # rounds of a loop, in a row
QUIET_S = 300.0  # without a round of a loop whose period is shorter


def _input(known: Known) -> Cause:
    carried = next((each for each in known.carried if each.status is not PlacementStatus.THERE), None)
    if known.job.jobStatus is S.ASSIGNED and carried is not None:
        return _stalled(known, R.INPUT_STALLED) or _carried(carried, known.errands)
    if known.job.jobStatus is S.ASSIGNED or not known.job.ddmErrorCode:
        return _stalled(known, R.INPUT_STALLED) or Cause(R.INPUT_DUE)
    away = known.job.ddmErrorCode == errorcodes.DDM_RSE
    return _stalled(known, R.INPUT_STALLED) or Cause(R.INPUT_STORAGE_AWAY if away else R.INPUT_MISSING)


def _carried(carried: Carried, errands: Sequence[Pending]) -> Cause:
    first = carried.own[0] if carried.own else carried.dataset
    more = f" and {len(carried.own) - 1} more" if len(carried.own) > 1 else ""
    what = f"; {first}{more}, {told_bytes(carried.own_bytes)}, to {carried.endpoint} since {carried.since:%Y-%m-%d %H:%M}"
    if carried.status is PlacementStatus.WANTED:
        reason = R.INPUT_NO_QUOTA if _is_full(carried.dataset, errands) else R.INPUT_WANTED
        return Cause(reason, f"{what} by {carried.dataset}{_tried(errands)}")
    way = f" from {carried.source}" if carried.source else ""
    came = f", {carried.arrived} of {carried.files} files of which have come"
    if carried.problem is not None:
        return Cause(R.INPUT_STUCK, f"{what}{way} by rule {carried.rule}{came}: {carried.problem}")
    return Cause(R.INPUT_MOVES, f"{what}{way} by rule {carried.rule}{came}")


def _is_full(dataset: str, errands: Sequence[Pending]) -> bool:
    """Whether what is to bring that waits for room."""
    return any(each.errand.subject == dataset and each.obstacle is Obstacle.QUOTA for each in errands)


def _tried(errands: Sequence[Pending]) -> str:
    failed = next((each for each in errands if each.error), None)
    return f": after {failed.tries} tries {failed.error}" if failed is not None else ""


def _capped(known: Known) -> Cause | None:
    for use in known.caps:
        if use.holds_back(known.line.cores if known.line else 1):
            reason = R.GROUP_CAP if isinstance(use.cap.who, str) else R.USER_CAP
            return Cause(reason, f": {use.cap.name} has {use.cores} cores, the cap is {use.cap.cores}")
    return None


def _throttled(known: Known) -> Cause:
    return _capped(known) or Cause(R.CAP_LIFTED, "; there is room again")


def _activated(known: Known) -> Cause:
    held = _capped(known)
    if held is not None:
        return Cause(held.reason, f", but a cap holds it back{held.detail}")
    if known.pilots is not None:
        if known.asked_at is None or known.now - known.asked_at > NO_PILOT:
            when = f"since {known.asked_at:%Y-%m-%d %H:%M}" if known.asked_at is not None else "yet"
            return Cause(R.NO_PILOT, f"; no pilot of {known.job.computingSite} has asked for a job {when}")
        no = lastpilots.main_obstacle(known.pilots)
        if no is not None:
            return _misfit(known, no)
    before = _before(known)
    if before is not None and before.jobs:
        least = "at least " if before.at_least else ""
        return Cause(R.BEHIND_OTHERS, f"; {least}{before.jobs} jobs go before it")
    return Cause(R.PILOT_NEXT)


def _misfit(known: Known, no: Misfit) -> Cause:
    detail = f"; it fits none of the last {len(known.pilots or ())} kinds of pilots there: {lastpilots.words(no)}"
    return Cause(R.PILOTS_MISFIT, detail, lastpilots.step_of(no, known.job.computingSite or ""))


def _before(known: Known) -> Count | None:
    """Those ahead by the order of shares, or in its own line if those are more."""
    by_share = Count(known.turn.before, known.turn.at_least) if known.turn is not None else None
    return max((c for c in (by_share, known.ahead) if c is not None), key=lambda c: c.jobs, default=None)


def _holding(known: Known) -> Cause:
    if known.pulse is None:
        return Cause(R.PILOT_RECOVERS)
    stalled, why = _stalled(known, R.OUTPUT_STALLED), known.job.ddmErrorDiag
    return stalled or (Cause(R.OUTPUT_STORAGE_AWAY, f": {why}") if why else Cause(R.OUTPUT_DUE))


def _transferring(known: Known) -> Cause:
    """By the one that is furthest behind."""
    wanted = [each for each in known.shipments if each.rule is None]
    stuck = [each for each in known.shipments if each.trouble is not None]
    for each in (*stuck, *wanted, *known.shipments):
        what = f"; {each.scope}:{each.name} goes to {each.endpoint} since {each.since:%Y-%m-%d %H:%M}"
        if each.rule is None:
            full = _is_full(f"{each.scope}:{each.name}", known.errands)
            return Cause(R.OUTPUT_NO_QUOTA if full else R.OUTPUT_WANTED, f"{what}{_tried(known.errands)}")
        if each.trouble is not None:
            return Cause(R.OUTPUT_STUCK, f"{what}: {each.trouble}")
        return Cause(R.OUTPUT_MOVES, f"{what} by rule {each.rule}")
    return Cause(R.OUTPUT_MOVES)


_BY_STATE: Mapping[JobStatus, Callable[[Known], Cause]] = {
    S.PENDING: _always(R.TASK_PREPARES),
    S.DEFINED: _defined,
    S.WAITING: _input,
    S.ASSIGNED: _input,
    S.THROTTLED: _throttled,
    S.ACTIVATED: _activated,
    S.SENT: _always(R.PILOT_SILENT),
    S.STARTING: _always(R.PILOT_STARTS),
    S.RUNNING: _always(R.PAYLOAD_RUNS),
    S.HOLDING: _holding,
    S.MERGING: _always(R.MERGE),
    S.TRANSFERRING: _transferring,
    S.FINISHED: _always(R.FINISHED),
    S.FAILED: lambda known: Cause(of_failures(failures_of(known.job))),
    S.CANCELLED: _always(R.KILLED),
    S.CLOSED: lambda known: Cause(of_closed(known.job.taskBufferErrorCode)),
}
assert set(_BY_STATE) == set(JobStatus)
