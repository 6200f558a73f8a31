"""Whether a failed attempt is worth another one, and what that one gets. Pure; the order of the rules never matters.

From the strictest: ``no_retry`` ends the job; so does a demand for more memory or time that has reached its limit, and the lowest
number of attempts that anything allows (the job, the rules that match, PanDA's own bound). Else the rest adds up: the largest
memory, the longest time and another site. Without a rule a job is tried again where PanDA does so: see `asked_for`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from math import ceil
from typing import Any

from pandad.spec import errorcodes
from pandad.spec.failure import Failure, failures_of
from pandad.spec.job import JOB_ATTRIBUTES, JobSpec
from pandad.spec.resourcetype import HIMEM_THRESHOLD_MB, resource_type_of
from pandad.spec.site import Queue

PRIORITY_STEP = 10  # a new attempt stands so much behind (PanDA: retryJob)

# What pilots may ask for is granted to these jobs only, and never to the probes of a site (PanDA: retryJob).
PILOT_ASKS_FOR = frozenset({"user", "panda", "ptest"})
PROBES = ("gangarobot", "hammercloud")
ONCE_MORE = frozenset({1200, 1201, 1213})  # pilot: ended by the batch system
VANISHED = frozenset({errorcodes.DISPATCHER_LOST_HEARTBEAT, errorcodes.DISPATCHER_RECOVERY_FAILED})

LARGEST = 10**12  # of any demand: so that raising it again and again stays within 64 bits


class Action(StrEnum):
    """What a rule asks for. All but the first want another attempt."""

    NO_RETRY = "no_retry"
    LIMIT = "limit"
    MORE_MEMORY = "more_memory"
    MORE_TIME = "more_time"
    AVOID_SITE = "avoid_site"


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryRule:
    """One rule. In ``message``, ``queue``, ``software`` and ``label`` a * stands for any text.

    :param codes: of the source; none is any code.
    :param software: release, package, transformation, container or platform: one of them has to match.
    :param attempts: the most there may be in all; 0: this rule sets no bound.
    :param factor, add_mb: the demand is multiplied, then added to. :param most_mb, most_s: its limit; 0 is none.
    :param active: False: only noted on the job.
    """

    name: str
    source: str
    action: Action
    codes: Collection[int] = ()
    message: str = "*"
    queue: str = "*"
    software: str = "*"
    label: str = "*"
    attempts: int = 0
    factor: float = 1.5
    add_mb: int = 0
    most_mb: int = 0
    most_s: int = 0
    active: bool = True


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """All that is configured. ``attempts``: of a job that does not say; ``most_attempts``: of any job."""

    attempts: int = 3
    most_attempts: int = 50
    rules: Sequence[RetryRule] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a job whose attempt has failed.

    :param why: for a person, to stand behind the errors.
    :param needs: JobSpec attributes that the next attempt has changed.
    :param avoid: the queue that it must not go to.
    :param elsewhere: it has to be brokered anew.
    """

    retried: bool
    why: str
    needs: Mapping[str, Any] = field(default_factory=dict)
    avoid: str | None = None
    elsewhere: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """Another attempt is wanted: PanDA's task buffer code for it, the reason, and the most there may be in all (0: no bound)."""

    code: int
    why: str
    most: int = 0


def decide(job: JobSpec, attempts: int, policy: RetryPolicy, queue: Queue | None) -> Decision:
    """Decide on a job by the errors that stand on it.

    :param attempts: how many there were, this one too. (attemptNr also counts those that never began.)
    :param queue: where it was; None if that is not known any more: then everything fits it.
    """
    failures = failures_of(job)
    matching = sorted((r for r in policy.rules if _matches(r, job, failures)), key=lambda rule: rule.name)
    decision = _decide(job, attempts, policy, [r for r in matching if r.active], queue)
    passive = [f"{r.name} ({r.action})" for r in matching if not r.active]
    return replace(decision, why=f"{decision.why}; passive: {', '.join(passive)}") if passive else decision


def _decide(job: JobSpec, attempts: int, policy: RetryPolicy, rules: Sequence[RetryRule], queue: Queue | None) -> Decision:
    if forbidding := _of(rules, Action.NO_RETRY):
        return _final(f"rule {_names(forbidding)}")
    asked = Asked(errorcodes.TASKBUFFER_SERVER_RETRY, f"rule {_names(rules)}") if rules else asked_for(job)
    if asked is None:
        return _final("nothing asks for it")
    most = min(bound for bound in (attempts_of(job, policy), asked.most, *(rule.attempts for rule in rules)) if bound)
    if attempts >= most:
        return _final(f"{attempts} of {most} attempts were made")
    memory_mb, time_s = _memory_mb(job, rules), _time_s(job, rules)  # None: not raised
    if (memory_mb is not None and memory_mb <= job.minRamCount) or (time_s is not None and time_s <= _limit_s(job)):
        return _final(f"rule {_names(rules)}, and what it raises is at its limit")
    fits = _fits(queue, memory_mb or 0, time_s or 0)
    if job.is_pinned and not fits:
        return _final(f"it needs more than {job.computingSite} has, and is pinned there")
    avoid = job.computingSite if _of(rules, Action.AVOID_SITE) and not job.is_pinned else None
    needs = {**_more_memory(job, memory_mb), **_more_time(job, time_s)}
    changes = [*(f"{name} {value}" for name, value in needs.items()), *([f"avoids {avoid}"] if avoid else [])]
    return Decision(True, f"taskBuffer {asked.code}: retried, attempt {attempts + 1} of {most}: "
                    + "; ".join([asked.why, *changes]), needs, avoid, avoid is not None or not fits)


def _final(reason: str) -> Decision:
    return Decision(False, f"not retried: {reason}")


def asked_for(job: JobSpec) -> Asked | None:
    """What PanDA does without a rule: the job of a vanished pilot is tried again; so is a user's if the pilot asks for it, by a
    negative error code; and once more if the batch system ended it. (PanDA: Watcher, retryJob.)"""
    if job.jobDispatcherErrorCode in VANISHED:
        return Asked(errorcodes.TASKBUFFER_SERVER_RETRY, "its pilot vanished")
    if job.prodSourceLabel not in PILOT_ASKS_FOR or (job.processingType or "").startswith(PROBES):
        return None
    if job.pilotErrorCode < 0:
        return Asked(errorcodes.TASKBUFFER_PILOT_RETRY, "the pilot asks for it")
    if job.pilotErrorCode in ONCE_MORE:
        return Asked(errorcodes.TASKBUFFER_SERVER_RETRY, "the batch system ended it", most=2)
    return None


def attempts_of(job: JobSpec, policy: RetryPolicy) -> int:
    """How many attempts the job has in all: maxAttempt; if that is 0 the configured number; -1 is "never again" (PanDA)."""
    allowed = job.maxAttempt or policy.attempts
    return min(allowed, policy.most_attempts) if allowed > 0 else 1


def is_like(pattern: str, text: str) -> bool:
    """Whether the text is as the pattern says, in capitals or not; * stands for any text, all else for itself.

    One pass from left to right: there is no pattern and no text that it takes long for.
    """
    first, *rest = pattern.casefold().split("*")
    text = text.casefold()
    if not rest:
        return text == first
    *middle, last = rest
    if not text.startswith(first):
        return False
    at = len(first)
    for part in middle:
        found = text.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return len(text) - at >= len(last) and text.endswith(last)


def _matches(rule: RetryRule, job: JobSpec, failures: Sequence[Failure]) -> bool:
    software = (job.AtlasRelease, job.homepackage, job.transformation, job.container_name, job.cmtConfig)
    return (
        any(f.source == rule.source and f.code in (rule.codes or (f.code,)) and is_like(rule.message, f.text) for f in failures)
        and is_like(rule.queue, job.computingSite or "")
        and any(is_like(rule.software, name or "") for name in software)
        and is_like(rule.label, job.prodSourceLabel or ""))


def _of(rules: Sequence[RetryRule], action: Action) -> list[RetryRule]:
    return [rule for rule in rules if rule.action is action]


def _names(rules: Sequence[RetryRule]) -> str:
    return ", ".join(rule.name for rule in rules)


def _memory_mb(job: JobSpec, rules: Sequence[RetryRule]) -> int | None:
    """What the rules make of the memory: of what was asked for or, if that is more, used; None if no rule is about it."""
    used_mb = (job.maxRSS or 0) // 1024
    base = max(job.minRamCount, used_mb) or HIMEM_THRESHOLD_MB * max(job.coreCount or 1, 1)
    return max((_raised(base, r.factor, r.add_mb, r.most_mb) for r in _of(rules, Action.MORE_MEMORY)), default=None)


def _time_s(job: JobSpec, rules: Sequence[RetryRule]) -> int | None:
    """What the rules make of the time: of what was asked for or, if nothing was, taken; None if there is nothing to raise."""
    base = _limit_s(job) or (int((job.endTime - job.startTime).total_seconds()) if job.startTime and job.endTime else 0)
    longer = _of(rules, Action.MORE_TIME) if base > 0 else []
    return max((_raised(base, r.factor, 0, r.most_s) for r in longer), default=None)


def _limit_s(job: JobSpec) -> int:
    """The time that the job asks for; 0 is none (the same as in brokerage)."""
    return job.maxWalltime or job.maxCpuCount


def _raised(base: int, factor: float, add: int, most: int) -> int:
    return min(ceil(min(base, LARGEST) * factor) + add, most or LARGEST, LARGEST)


def _fits(queue: Queue | None, memory_mb: int, time_s: int) -> bool:
    if queue is None:
        return True
    return memory_mb <= (queue.maxrss_mb or LARGEST) and time_s <= (queue.maxtime_s or LARGEST)


def _more_memory(job: JobSpec, memory_mb: int | None) -> dict[str, int | str]:
    if memory_mb is None:
        return {}
    return {"minRamCount": memory_mb, "resource_type": resource_type_of(job.coreCount or 1, memory_mb)}


def _more_time(job: JobSpec, time_s: int | None) -> dict[str, int | str]:
    """The CPU time grows in the same measure as the wall time, unless it is beyond all measure already."""
    if time_s is None:
        return {}
    cpu_s = min(job.maxCpuCount * time_s // (_limit_s(job) or 1), LARGEST)
    wall = {"maxWalltime": time_s} if job.maxWalltime or not cpu_s else {}
    return {**wall, **({"maxCpuCount": cpu_s} if cpu_s > job.maxCpuCount else {})}


# What an attempt leaves on its job, and the next one must not find there: the errors, and what pilots report.
_MEASURED = (
    "modificationHost", "schedulerID", "pilotID", "batchID", "pilotTiming", "startTime", "endTime", "cpuConsumptionTime",
    "cpuConsumptionUnit", "cpuConversion", "transExitCode", "nEvents", "nInputFiles", "jobMetrics", "jobSubStatus",
    "actualCoreCount", "maxRSS", "maxVMEM", "maxSWAP", "maxPSS", "avgRSS", "avgVMEM", "avgSWAP", "avgPSS", "totRCHAR", "totWCHAR",
    "totRBYTES", "totWBYTES", "rateRCHAR", "rateWCHAR", "rateRBYTES", "rateWBYTES", "cpu_architecture_level")
CLEAN: Mapping[str, int | None] = {
    a.name: None if a.nullable else 0
    for a in JOB_ATTRIBUTES if a.name in _MEASURED or a.name.endswith(("ErrorCode", "ErrorDiag"))}
