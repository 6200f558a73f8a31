"""Decide: for each job one queue, or none, with a verdict on every queue that was looked at. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from pandad.brokerage.loads import Limits, overload
from pandad.brokerage.rules import RULES, No, refusal
from pandad.brokerage.snapshot import Snapshot
from pandad.brokerage.weights import Weight, generic
from pandad.spec.job import JobSpec
from pandad.spec.site import Queue

LISTED = 3  # queues in a reason, those that come nearest; the rest is counted


@dataclass(frozen=True)
class Verdict:
    """One queue's answer: the rule it fails, or its weight. Jobs of a round share them."""

    queue: str
    no: No | None
    weight: float = 0.0

    @cached_property
    def stored(self) -> dict[str, object]:
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
    round_ = _Round(snapshot, policy)
    for job in jobs:
        yield round_.decide(job)


class _Round:
    """What was found out for one job serves those that come after it: most are alike, and only one queue changes with each."""

    def __init__(self, snapshot: Snapshot, policy: Policy) -> None:
        self._snapshot, self._policy = snapshot, policy
        self._given: Counter[str] = Counter()
        self._refusals: dict[tuple[object, ...], list[Verdict | None]] = {}
        self._offers = [self._offer(queue, policy.limits) for queue in snapshot.queues]

    def decide(self, job: JobSpec) -> Decision:
        """The best queue that can take it."""
        verdicts = [no or offer for no, offer in zip(self._refused(job), self._offers_to(job), strict=True)]
        able = [place for place, verdict in enumerate(verdicts) if verdict.no is None]
        if not able:
            return Decision(job, None, tuple(verdicts))
        place = max(able, key=lambda each: verdicts[each].weight)
        self._give(place)
        return Decision(job, self._snapshot.queues[place], tuple(verdicts))

    def _refused(self, job: JobSpec) -> list[Verdict | None]:
        needs = needs_of(job)
        if needs not in self._refusals:
            answers = ((queue.name, refusal(job, queue)) for queue in self._snapshot.queues)
            self._refusals[needs] = [Verdict(name, no) if no is not None else None for name, no in answers]
        return self._refusals[needs]

    def _offers_to(self, job: JobSpec) -> list[Verdict]:
        if not job.is_pinned:
            return self._offers
        return [self._offer(queue, None) if queue.name == job.computingSite else offer
                for queue, offer in zip(self._snapshot.queues, self._offers, strict=True)]

    def _give(self, place: int) -> None:
        queue = self._snapshot.queues[place]
        self._given[queue.name] += 1
        self._offers[place] = self._offer(queue, self._policy.limits)

    def _offer(self, queue: Queue, limits: Limits | None) -> Verdict:
        """What a queue says that fits. No limits are kept for jobs that have nowhere else to go."""
        load = self._snapshot.load(queue.name, self._given[queue.name])
        no = overload(queue, load, limits) if limits is not None else None
        if no is not None:
            return Verdict(queue.name, replace(no, passed=len(RULES)))
        return Verdict(queue.name, None, self._policy.weight(load))


def needs_of(job: JobSpec) -> tuple[object, ...]:
    """All that the rules read of a job: jobs alike in this get the same answers, and most jobs of a task are alike."""
    return (job.computingSite if job.is_pinned else None, tuple(job.avoided), job.prodSourceLabel, job.minRamCount,
            job.maxDiskCount, job.inputFileBytes, job.coreCount, job.maxWalltime, job.maxCpuCount, job.cmtConfig,
            job.AtlasRelease, job.homepackage, bool(job.container_name), bool(job.inputs), bool(job.outputs))
