"""Decide: for each job one queue, or none, with a verdict on every queue that was looked at. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from pandad.brokerage.loads import Limits, overload
from pandad.brokerage.rules import RULES, No, refusal
from pandad.brokerage.snapshot import Load, Snapshot
from pandad.brokerage.weights import Weight, generic
from pandad.spec.job import JobSpec
from pandad.spec.site import Queue

Answers = list[tuple[Queue, No | None]]

LISTED = 3  # queues in a reason, those that come nearest; the rest is counted


@dataclass(frozen=True, slots=True)
class Verdict:
    """One queue's answer: the rule it fails, or its weight."""

    queue: str
    no: No | None
    weight: float = 0.0

    def as_dict(self) -> dict[str, object]:
        """As it is stored and shown."""
        if self.no is None:
            return {"queue": self.queue, "verdict": "ok", "weight": round(self.weight, 6), "text": "can take the job"}
        return {"queue": self.queue, "verdict": "no", "criterion": self.no.criterion, "have": self.no.have,
                "need": self.no.need, "text": self.no.text}


@dataclass(frozen=True)
class Decision:
    """Where a job goes; ``chosen`` is None when no queue takes it."""

    job: JobSpec
    chosen: Queue | None
    verdicts: tuple[Verdict, ...]

    @cached_property
    def reason(self) -> str:
        """One line for a person."""
        if self.chosen is not None:
            return f"best of {sum(v.no is None for v in self.verdicts)} queues that can take it"
        if not self.verdicts:
            return "there is no queue at all; add one with `pandad queue add FILE`"
        if self.job.is_pinned:
            own = [v for v in self.verdicts if v.queue == self.job.computingSite]
            return f"{own[0].queue}: {own[0].no.text}" if own and own[0].no else f"there is no queue {self.job.computingSite}"
        nearest = sorted(self._refused, key=lambda pair: -pair[1].passed)
        more = f"; and {len(nearest) - LISTED} more" if len(nearest) > LISTED else ""
        return "no queue takes it: " + "; ".join(f"{queue}: {no.text}" for queue, no in nearest[:LISTED]) + more

    @property
    def _refused(self) -> list[tuple[str, No]]:
        return [(v.queue, v.no) for v in self.verdicts if v.no is not None]


@dataclass(frozen=True, slots=True)
class Policy:
    """What an operator chose."""

    weight: Weight = generic
    limits: Limits = Limits()


def decide(jobs: Iterable[JobSpec], snapshot: Snapshot, policy: Policy = Policy()) -> Iterator[Decision]:
    """Decide on each job in turn; a queue that gets a job weighs less for the next one."""
    given: Counter[str] = Counter()
    seen: dict[tuple[object, ...], Answers] = {}
    for job in jobs:
        needs = _needs(job)
        if needs not in seen:
            seen[needs] = [(queue, refusal(job, queue)) for queue in snapshot.queues]
        decision = _choose(job, seen[needs], snapshot, given, policy)
        if decision.chosen is not None:
            given[decision.chosen.name] += 1
        yield decision


def _choose(job: JobSpec, answers: Answers, snapshot: Snapshot, given: Counter[str], policy: Policy) -> Decision:
    verdicts = tuple(
        Verdict(queue.name, no) if no is not None else _weighed(job, queue, snapshot.load(queue.name, given[queue.name]), policy)
        for queue, no in answers)
    able = [(verdict.weight, queue) for verdict, (queue, _) in zip(verdicts, answers, strict=True) if verdict.no is None]
    chosen = max(able, key=lambda pair: pair[0])[1] if able else None
    return Decision(job, chosen, verdicts)


def _weighed(job: JobSpec, queue: Queue, load: Load, policy: Policy) -> Verdict:
    no = overload(job, queue, load, policy.limits)
    if no is not None:
        return Verdict(queue.name, replace(no, passed=len(RULES)))
    return Verdict(queue.name, None, policy.weight(load))


def _needs(job: JobSpec) -> tuple[object, ...]:
    """All that the rules read of a job: jobs alike in this get the same answers, and most jobs of a task are alike."""
    return (job.computingSite if job.is_pinned else None, tuple(job.avoided), job.prodSourceLabel, job.minRamCount,
            job.maxDiskCount, job.inputFileBytes, job.coreCount, job.maxWalltime, job.maxCpuCount, job.cmtConfig,
            job.AtlasRelease, job.homepackage, bool(job.container_name), bool(job.inputs), bool(job.outputs))
