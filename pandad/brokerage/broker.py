"""Decide: for each job one queue, or none, with a verdict on every queue. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from pandad.brokerage.criterion import No
from pandad.brokerage.inputs import Inputs, Work
from pandad.brokerage.loads import PINNED_RULES, Limits, overload
from pandad.brokerage.rules import RULES, TEST_LABELS, refusal
from pandad.brokerage.snapshot import Snapshot
from pandad.brokerage.weights import GENERIC, TOP_PRIORITY, Weight
from pandad.brokerage.workrules import WORK_RULES, DataLimits
from pandad.spec.facts import Usage
from pandad.spec.job import JobSpec
from pandad.spec.site import Queue

LISTED = 3  # queues in a reason, those that come nearest; the rest is counted
PASSED_FIT, PASSED_WORK = len(RULES), len(RULES) + len(WORK_RULES)


@dataclass(frozen=True)
class Verdict:
    """One queue's answer: the rule it fails, or its weight."""

    queue: str
    no: No | None
    weight: float = 0.0

    @cached_property
    def stored(self) -> dict[str, object]:
        """As it is stored and shown."""
        if self.no is None:
            return {"queue": self.queue, "verdict": "ok", "weight": round(self.weight, 6), "text": "can take the job"}
        return {"queue": self.queue, "verdict": "no", **self.no.stored}


class Verdicts:
    """The answers of all queues to jobs that are alike, as they were for the first of them. Those after it find the queues a
    little fuller, and are not told so one by one."""

    def __init__(self, queues: Sequence[Queue], nos: Sequence[No | None], weights: Sequence[float]) -> None:
        self._queues, self._nos, self._weights = queues, nos, weights

    @cached_property
    def each(self) -> tuple[Verdict, ...]:
        """By queue, in the order of their names."""
        return tuple(Verdict(queue.name, no, weight)
                     for queue, no, weight in zip(self._queues, self._nos, self._weights, strict=True))

    @cached_property
    def able(self) -> int:
        """How many can take the job."""
        return sum(no is None for no in self._nos)

    @cached_property
    def stored(self) -> list[dict[str, object]]:
        """As they are stored and shown."""
        return [verdict.stored for verdict in self.each]

    def of(self, queue: str | None) -> Verdict | None:
        """One queue's answer."""
        return next((verdict for verdict in self.each if verdict.queue == queue), None)

    @cached_property
    def refusals(self) -> str:
        """The nearest queues and what they lack, for a person."""
        refused = [(v.queue, v.no) for v in self.each if v.no is not None]
        nearest = sorted(refused, key=lambda pair: -pair[1].passed)
        more = f"; and {len(nearest) - LISTED} more" if len(nearest) > LISTED else ""
        return "; ".join(f"{queue}: {no.text}" for queue, no in nearest[:LISTED]) + more


@dataclass(frozen=True, slots=True)
class Decision:
    """Where a job goes; ``chosen`` is None when no queue takes it.

    :param weight: of the chosen one, at this job's turn. :param before: how many jobs alike had their turn since the verdicts.
    """

    job: JobSpec
    chosen: Queue | None
    shared: Verdicts
    weight: float = 0.0
    before: int = 0

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """The answers of all queues."""
        return self.shared.each

    @property
    def reason(self) -> str:
        """One line for a person."""
        if self.chosen is not None:
            after = f", after {self.before} jobs alike" if self.before else ""
            return f"best of {self.shared.able} queues that can take it{after}"
        if not self.verdicts:
            return "there is no queue at all; add one with `pandad queue add FILE`"
        if self.job.is_pinned:
            own = self.shared.of(self.job.computingSite)
            return f"{own.queue}: {own.no.text}" if own and own.no else f"there is no queue {self.job.computingSite}"
        return f"no queue takes it: {self.shared.refusals}"


@dataclass(frozen=True, slots=True)
class Policy:
    """What an operator chose."""

    weight: Weight = GENERIC
    limits: Limits = Limits()
    data: DataLimits = DataLimits()


def decide(jobs: Iterable[JobSpec], snapshot: Snapshot, policy: Policy = Policy()) -> Iterator[Decision]:
    """Decide on each job in turn; a queue that gets a job weighs less for the next one."""
    round_ = Round(snapshot, policy)
    for job in jobs:
        yield round_.decide(job)


@dataclass(slots=True)
class _Kind:
    """Jobs that are alike: what keeps queues from them, whatever the queues have to do, and which are left.

    :param factors: by place, what a queue means for the data.
    :param verdicts: as told last; ``at``: which state of the queues that was in.
    """

    work: Work
    nos: list[No | None]
    able: list[int]
    queues: list[Queue]
    factors: list[float]
    verdicts: Verdicts | None = None
    at: int = -1
    before: int = 0


class Round:
    """What was found out for one job serves those that come after it: most are alike, and only one queue changes with each."""

    def __init__(self, snapshot: Snapshot, policy: Policy) -> None:
        self._snapshot, self._policy = snapshot, policy
        self._given: Counter[int] = Counter()
        self._kinds: dict[tuple[object, ...], _Kind] = {}
        self._fits: dict[tuple[object, ...], list[No | None]] = {}
        queues = snapshot.queues
        self._least_input = min((q.maxinput_mb for q in queues if q.maxinput_mb), default=None)
        self._least_disk = min((q.maxwdir_mb for q in queues if q.maxwdir_mb), default=None)
        self._nos: list[No | None] = [None] * len(queues)
        self._pinned_nos: list[No | None] = [None] * len(queues)
        self._weights = [0.0] * len(queues)
        self._state = 0  # counts the changes of what queues say, weights apart
        for place in range(len(queues)):
            self._look(place)

    def decide(self, job: JobSpec) -> Decision:
        """The best queue that can take it."""
        kind = self._kind(job)
        nos = self._now_nos(job)
        places, queues = self._open(kind, nos)
        factors = kind.factors
        weights = [self._weights[place] * factors[place] for place in places]
        told = self._told(kind, nos, places, weights)
        if not places:
            return Decision(job, None, told)
        best = self._policy.weight.pick(kind.work, queues, weights)
        decision = Decision(job, queues[best], told, weights[best], kind.before)
        kind.before += 1
        self._given[places[best]] += 1
        self._look(places[best])
        return decision

    def _now_nos(self, job: JobSpec) -> list[No | None]:
        """No limits but the brake are kept for jobs that have nowhere else to go; what tests a queue is not braked."""
        if not job.is_pinned:
            return self._nos
        return [None] * len(self._nos) if job.prodSourceLabel in TEST_LABELS else self._pinned_nos

    def _open(self, kind: _Kind, nos: list[No | None]) -> tuple[list[int], list[Queue]]:
        """Those that can take it; doubtful ones only if there is no other."""
        if nos is self._nos and not any(nos):
            return kind.able, kind.queues
        places = [place for place in kind.able if nos[place] is None]
        if not places:
            places = [place for place in kind.able if (no := nos[place]) is None or no.only_if_others]
        return places, [self._snapshot.queues[place] for place in places]

    def _told(self, kind: _Kind, nos: list[No | None], places: list[int], weights: list[float]) -> Verdicts:
        if kind.verdicts is None or kind.at != self._state:
            told = [no or now for no, now in zip(kind.nos, nos, strict=True)]
            heavy = [0.0] * len(told)
            for place, weight in zip(places, weights, strict=True):
                told[place], heavy[place] = None, weight
            kind.verdicts, kind.at, kind.before = Verdicts(self._snapshot.queues, told, heavy), self._state, 0
        return kind.verdicts

    def _look(self, place: int) -> None:
        """What a queue says by itself."""
        queue, policy = self._snapshot.queues[place], self._policy
        now = self._snapshot.now(queue, self._given[place])
        no, pinned = overload(queue, now, policy.limits), overload(queue, now, policy.limits, PINNED_RULES)
        if (no is None, pinned is None) != (self._nos[place] is None, self._pinned_nos[place] is None):
            self._state += 1
        self._nos[place] = replace(no, passed=PASSED_WORK) if no is not None else None
        self._pinned_nos[place] = replace(pinned, passed=PASSED_WORK) if pinned is not None else None
        self._weights[place] = policy.weight.load(queue, now)

    def _kind(self, job: JobSpec) -> _Kind:
        fit_key = self._fit_key(job)
        work = self._snapshot.work(job)
        key = (fit_key, *_work_key(work))
        kind = self._kinds.get(key)
        if kind is None:
            self._kinds[key] = kind = self._new_kind(fit_key, work)
        return kind

    def _new_kind(self, fit_key: tuple[object, ...], work: Work) -> _Kind:
        queues = self._snapshot.queues
        fits = self._fits.get(fit_key)
        if fits is None:
            self._fits[fit_key] = fits = [refusal(work.job, queue) for queue in queues]
        nos = [no or self._of_work(work, queue) for no, queue in zip(fits, queues, strict=True)]
        able = [place for place, no in enumerate(nos) if no is None]
        data, factors = self._policy.weight.data, [1.0] * len(queues)
        for place in able:
            factors[place] = data(work, queues[place], self._snapshot)
        return _Kind(work, nos, able, [queues[place] for place in able], factors)

    def _of_work(self, work: Work, queue: Queue) -> No | None:
        if work.inputs is None and work.usage is None:
            return None
        for passed, rule in enumerate(WORK_RULES, PASSED_FIT):
            no = rule.check(work, queue, self._snapshot, self._policy.data)
            if no is not None:
                return replace(no, passed=passed)
        return None

    def _fit_key(self, job: JobSpec) -> tuple[object, ...]:
        """All that the rules of the description read of a job: jobs alike in this get the same answers. Sizes below every queue's
        limit are alike, for they differ from job to job."""
        input_mb = (job.inputFileBytes or 0) // 2**20
        disk_mb = job.maxDiskCount + input_mb
        if self._least_input is None or input_mb <= self._least_input:
            input_mb = 0
        if self._least_disk is None or disk_mb <= self._least_disk:
            disk_mb = 0
        return (job.computingSite if job.is_pinned else None, tuple(job.avoided), job.prodSourceLabel, job.minRamCount, disk_mb,
                input_mb, job.coreCount, job.maxWalltime, job.maxCpuCount, job.cmtConfig, job.AtlasRelease, job.homepackage,
                bool(job.container_name), bool(job.inputs), bool(job.outputs))


def _work_key(work: Work) -> tuple[Inputs | None, Usage | None, int, bool]:
    """And all that the other rules and the weights read of it."""
    job = work.job
    return work.inputs, work.usage, len(job.inputs), job.currentPriority >= TOP_PRIORITY
