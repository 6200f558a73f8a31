"""What pandad keeps in its database: whether the loops run, whether there are queues, and whether jobs get on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from pandad.config import LoopsConfig, TimeoutsConfig
from pandad.doctor.finding import Finding, error, warning
from pandad.doctor.installation import Installation
from pandad.spec.errors import StoreUnavailable
from pandad.spec.jobstatus import JobStatus
from pandad.spec.site import QueueStatus
from pandad.taskbuffer import census, diagnosis, loops, migrate, sites, sources
from pandad.taskbuffer.census import Census
from pandad.taskbuffer.pool import ConnectionLost
from pandad.taskbuffer.sites import Standing
from pandad.taskbuffer.sources import SourceState
from pandad.taskbuffer.store import Transaction

RUNBOOKS = "how-to/runbooks.md#"
SILENT = error(
    "nobody-lives", "no pandad is at work on this database", "systemctl start pandad, on one host at least",
    RUNBOOKS + "pandaddown")
NO_LEASES = error(
    "nobody-leads", "pandad lives, and nobody runs its loops", "look for `not ready` in: journalctl -u pandad -n 50",
    RUNBOOKS + "pandadloopasleep")
ASLEEP = error(
    "loop-asleep", "a loop has not run well for long", "pandad loop ls says who holds its lease; restart that pandad",
    RUNBOOKS + "pandadloopasleep")
FAILS = error(
    "loop-fails", "a loop fails again and again", "do what its error says, then in pandad console: loop run {loop}",
    RUNBOOKS + "pandadloopfails")
NO_QUEUE = warning(
    "no-queue", "there are no queues: no job goes anywhere", "pandad queue add FILE, or write queues.source",
    "reference/queues.md")
ALL_OFFLINE = error("queues-all-offline", "no queue takes jobs", "pandad queue set NAME status=online", "reference/queues.md")
SOURCE = warning(
    "source-fails", "a source of queues cannot be used: those of before stay", "mend {address}; it is asked again by itself",
    "reference/queues.md")
OTHER_SOURCE = warning(
    "source-elsewhere", "queues come from another source than the configuration names", "systemctl reload pandad",
    "reference/queues.md")
UNPLACED = warning(
    "jobs-unplaced", "a job has had no queue for hours", "pandad job ls --status {state}, then: pandad job why ID",
    RUNBOOKS + "pandadjobsunplaced")
NOT_FETCHED = warning(
    "jobs-not-fetched", "a job has been ready for a day, and no pilot fetched it", "pandad queue why QUEUE says who asked last",
    RUNBOOKS + "pandadjobsnothandedout")
STUCK = warning(
    "outputs-stuck", "outputs of a job have been on their way for more than a day",
    "pandad job ls --status {state}, then: pandad job why ID", RUNBOOKS + "pandadoutputsstuck")
OVERDUE = error(
    "jobs-overdue", "jobs are past a limit of [timeouts] and are not ended", "look for the loop watcher in: pandad loop ls",
    RUNBOOKS + "pandadloopasleep")
ERRANDS = warning(
    "errands-late", "calls to the data service wait for more than an hour",
    "look for the errand and its error in: journalctl -u pandad", RUNBOOKS + "pandaderrandslate")

HOUR_S, DAY_S = 3600.0, 86400.0
OFTEN = 3  # failures in a row, as the alert rule has it
LATE_S = 2 * HOUR_S  # the watcher looks seldom at long limits, and takes outages off

_LIMITED = {JobStatus.DEFINED: "defined_s", JobStatus.ACTIVATED: "activated_s", JobStatus.WAITING: "waiting_s",
            JobStatus.SENT: "sent_s", JobStatus.THROTTLED: "throttled_s"}
_STUCK = (JobStatus.HOLDING, JobStatus.TRANSFERRING)


@dataclass(frozen=True, slots=True)
class Work:
    """How things stand, by the database's clock."""

    now: datetime
    silent_s: float | None
    is_led: bool
    loops: Mapping[str, loops.Pulse]
    queues: Sequence[Standing]
    sources: Sequence[SourceState]
    census: Census


async def work(seen: Installation, reactor: Any) -> Sequence[Finding]:
    """Everything about it; nothing if the database does not let us look, which `database` tells."""
    config = replace(seen.config.database, statement_timeout_s=min(seen.config.database.statement_timeout_s, 5.0))
    try:
        link = await diagnosis.reached(reactor, config)
    except StoreUnavailable:
        return []
    try:
        lent = await diagnosis.changes_servers(reactor, config)
        found = await diagnosis.asked(link, _look) if not lent else None
    except (StoreUnavailable, ConnectionLost):
        return []
    finally:
        link.close()
    return list(of_work(seen, found)) if found is not None else []


async def _look(txn: Transaction) -> Work | None:
    if not (await migrate.standing(txn)).serves:
        return None
    now, pulses = await loops.pulses(txn)
    silent_s, is_led = await diagnosis.silence(txn)
    return Work(now, silent_s, is_led, pulses, await sites.standings(txn), await sources.find_all(txn), await census.take(txn))


def of_work(seen: Installation, found: Work) -> Iterator[Finding]:
    """What that means."""
    if found.silent_s is not None and found.silent_s > seen.limits.loop_silent_least_s:
        yield SILENT.found(f"the last one said that it lives {found.silent_s / 60:.0f} min ago")
    elif not found.is_led and found.loops:
        yield NO_LEASES.found("no loop has a holder")
    else:
        yield from _loops(seen, found)
    yield from _queues(seen, found)
    yield from _jobs(seen.config.timeouts, found.census)


def _loops(seen: Installation, found: Work) -> Iterator[Finding]:
    for name, pulse in found.loops.items():
        if pulse.failures >= OFTEN:
            yield FAILS.found(f"{name} failed {pulse.failures} times in a row: {pulse.error}", loop=name)
        elif pulse.finished_at is not None:
            age_s = (found.now - pulse.finished_at).total_seconds()
            if age_s > _patience_s(seen, seen.config.loops, name):
                yield ASLEEP.found(f"{name} ran well {age_s / 60:.0f} min ago")


def _patience_s(seen: Installation, config: LoopsConfig, name: str) -> float:
    period_s = getattr(config, f"{name}_s", HOUR_S)
    return max(seen.limits.loop_silent_periods * period_s, seen.limits.loop_silent_least_s)


def _queues(seen: Installation, found: Work) -> Iterator[Finding]:
    where = seen.place("queues", "source")
    if not found.queues:
        yield NO_QUEUE.found("pandad queue ls lists none", **where)
    elif all(each.queue.status in (QueueStatus.OFFLINE, QueueStatus.PAUSED) for each in found.queues):
        yield ALL_OFFLINE.found(f"{len(found.queues)} queues, all of them offline")
    wanted = seen.config.queues.addresses
    for source in found.sources:
        if source.kind not in wanted:
            continue
        if source.address != wanted[source.kind]:
            yield OTHER_SOURCE.found(f"{source.kind} were taken from {source.address} last", **where)
        elif source.problem:
            yield SOURCE.found(f"{source.kind}: {source.problem}", **where, address=source.address)


def _jobs(timeouts: TimeoutsConfig, found: Census) -> Iterator[Finding]:
    oldest_s = {JobStatus(state): age_s for state, age_s in found.oldest_s.items()}
    for state, name in _LIMITED.items():
        limit_s = getattr(timeouts, name)
        if limit_s and oldest_s.get(state, 0.0) > limit_s + LATE_S:
            yield OVERDUE.found(f"one is {state} for {oldest_s.pop(state) / HOUR_S:.0f} h, and timeouts.{name} is {limit_s}")
    if oldest_s.get(JobStatus.DEFINED, 0.0) > 6 * HOUR_S:
        yield UNPLACED.found(f"the oldest waits for {oldest_s[JobStatus.DEFINED] / HOUR_S:.0f} h", state=JobStatus.DEFINED)
    if oldest_s.get(JobStatus.ACTIVATED, 0.0) > DAY_S:
        yield NOT_FETCHED.found(f"the oldest waits for {oldest_s[JobStatus.ACTIVATED] / HOUR_S:.0f} h")
    for state in _STUCK:
        if oldest_s.get(state, 0.0) > DAY_S:
            yield STUCK.found(f"the oldest is {state} for {oldest_s[state] / HOUR_S:.0f} h", state=state)
    if found.errands_s > HOUR_S:
        yield ERRANDS.found(f"{found.errands} wait, the oldest for {found.errands_s / HOUR_S:.1f} h")
