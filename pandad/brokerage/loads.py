"""The rules on how a queue does: its load, pilots, storage, failures. Criteria and figures: PanDA production broker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pandad.brokerage.criterion import No, Rule, criterion
from pandad.brokerage.inputs import told
from pandad.brokerage.snapshot import Now
from pandad.spec.jobstatus import JobStatus
from pandad.spec.site import Queue

TRANSFERRING_LIMIT = 2000  # of a queue that says nothing else
PER_RUNNING = 2  # a busy queue may have so many times more than it runs, whatever the limits


@dataclass(frozen=True, slots=True)
class Limits:
    """What a queue may have. 0 is no limit.

    :param waiting: jobs before its pilots take them. :param probes: test jobs at a time, while it is braked.
    :param free_bytes: what must stay free where its jobs write to. :param reserve_bytes: kept there for each of its jobs.
    :param nopilot: whether a queue without pilots is passed over while there are others.
    """

    waiting: int = 0
    probes: int = 5
    free_bytes: int = 0
    reserve_bytes: int = 0
    nopilot: bool = False


LoadRule = Rule[[Queue, Now, Limits]]


@criterion("badsite", "test jobs that are out", "test jobs that may be out")
def badsite(queue: Queue, now: Now, limits: Limits) -> No | None:
    """A queue that is braked, because jobs fail fast there and not elsewhere, gets a few test jobs at a time."""
    brake = now.brake
    if brake is None:
        return None
    out = len(brake.probes) + now.given
    may = limits.probes if brake.tested else 0
    if out < may:
        return None
    goes_on = f"{out} test jobs are there" if brake.tested else f"it is tested again from {brake.until:%Y-%m-%d %H:%M} UTC"
    return No("badsite", out, may, f"braked since {brake.since:%Y-%m-%d %H:%M} UTC, {brake.why}; {goes_on}")


@criterion(JobStatus.TRANSFERRING.value, "jobs whose outputs wait for transfer", "transferringlimit, or twice what it runs")
def transferring(queue: Queue, now: Now, limits: Limits) -> No | None:
    """A queue whose outputs do not get away takes no more."""
    limit = max(queue.transferring_limit or TRANSFERRING_LIMIT, PER_RUNNING * now.load.running)
    if now.load.transferring <= limit:
        return None
    text = f"the outputs of {now.load.transferring} jobs wait there for transfer, {limit} may"
    return No(JobStatus.TRANSFERRING.value, now.load.transferring, limit, text)


@criterion("disk", "free bytes where the queue's jobs write to", "bytes that must stay free, and those kept for its jobs")
def space(queue: Queue, now: Now, limits: Limits) -> No | None:
    """A queue whose output endpoint is full, or will be by its jobs."""
    if now.space is None or not limits.free_bytes:
        return None
    jobs = now.load.waiting + now.load.running
    need = limits.free_bytes + limits.reserve_bytes * jobs
    if now.space.free_bytes >= need:
        return None
    return No("disk", now.space.free_bytes, need,
              f"{queue.endpoint_out} has {told(now.space.free_bytes)} free, {told(need)} must be with the {jobs} jobs there")


@criterion("nopilot", "calls of the queue's pilots in the last hours", "one")
def nopilot(queue: Queue, now: Now, limits: Limits) -> No | None:
    """A queue whose pilots were not heard for hours, as long as another queue can take the job."""
    if not limits.nopilot or now.pilots is None or now.pilots.calls:
        return None
    return No("nopilot", 0, 1, "none of its pilots was heard in the last hours", only_if_others=True)


@criterion("cap", "jobs that wait at the queue", "waiting_limit, or twice what it runs")
def cap(queue: Queue, now: Now, limits: Limits) -> No | None:
    """No queue hoards work that another could begin sooner. One where jobs fail at once and none finished may have no more for
    running many; for a job that only one queue can take, it is no matter how much that has."""
    eats = now.ends is not None and now.ends.fast > 0 and not now.ends.finished
    limit = limits.waiting if eats else max(limits.waiting, PER_RUNNING * now.load.running)
    if not limits.waiting or now.load.waiting < limit:
        return None
    return No("cap", now.load.waiting, limit, f"{now.load.waiting} jobs wait there already, {limit} may", unless_alone=True)


@criterion("blacklist", "state of the endpoint where the queue's jobs write to", "writable")
def blacklist(queue: Queue, now: Now, limits: Limits) -> No | None:
    """A queue whose output endpoint is closed for writing."""
    if now.endpoint is None or now.endpoint.writable:
        return None
    return No("blacklist", "closed for writing", "writable", f"{queue.endpoint_out} is closed for writing")


# The doubtful ones last: they are told only of a queue that has nothing worse.
LOAD_RULES: Sequence[LoadRule] = (badsite, blacklist, transferring, space, cap, nopilot)
PINNED_RULES: Sequence[LoadRule] = (badsite,)  # of a job that has nowhere else to go


def overload(queue: Queue, now: Now, limits: Limits, rules: Sequence[LoadRule] = LOAD_RULES) -> No | None:
    """The first of these rules that the queue fails, None if it may have more work."""
    for rule in rules:
        no = rule.check(queue, now, limits)
        if no is not None:
            return no
    return None
