"""Decide: for each job one queue, or none, with a verdict on every queue. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from pandad.brokerage.criterion import No
from pandad.brokerage.datarules import DATA_RULES, DataLimits
from pandad.brokerage.inputs import Inputs, Work
from pandad.brokerage.loads import PINNED_RULES, Limits, overload
from pandad.brokerage.rules import RULES, TEST_LABELS, refusal
from pandad.brokerage.snapshot import Snapshot
from pandad.brokerage.usagerules import USAGE_RULES
from pandad.brokerage.weights import GENERIC, TOP_PRIORITY, Weight
from pandad.spec.facts import Usage
from pandad.spec.job import JobSpec
from pandad.spec.site import Queue
from pandad.taskbuffer.decisions import Shared

WEIGHT_DIGITS = 6
LISTED = 3  # queues in a reason, those that come nearest; the rest is counted
KNOWN_MOST = 5000  # kinds of jobs
PASSED_FIT = len(RULES)
PASSED_USAGE = PASSED_FIT + len(USAGE_RULES)
PASSED_DATA = PASSED_USAGE + len(DATA_RULES)


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
            return {"queue": self.queue, "verdict": "ok", "weight": round(self.weight, WEIGHT_DIGITS), "text": "can take the job"}
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
        return self._nos.count(None)

    @cached_property
    def shared(self) -> Shared:
        """As they are stored: with each reason the queues that it keeps from the job."""
        able: dict[str, float] = {}
        refused: dict[int, tuple[No, list[str]]] = {}
        for queue, no, weight in zip(self._queues, self._nos, self._weights, strict=True):
            if no is None:
                able[queue.name] = round(weight, WEIGHT_DIGITS)
            elif id(no) in refused:
                refused[id(no)][1].append(queue.name)
            else:
                refused[id(no)] = (no, [queue.name])
        return Shared.of(able, [(no.stored, names) for no, names in refused.values()])

    def of(self, queue: str | None) -> Verdict | None:
        """One queue's answer."""
        return next((verdict for verdict in self.each if verdict.queue == queue), None)

    @cached_property
    def refusals(self) -> str:
        """The nearest queues and what they lack, for a person."""
        refused = [(queue.name, no) for queue, no in zip(self._queues, self._nos, strict=True) if no is not None]
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
    def queue(self) -> str | None:
        """The name of the chosen one."""
        return self.chosen.name if self.chosen is not None else None

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


@dataclass(frozen=True, slots=True)
class _Able:
    """What keeps queues from jobs whose descriptions, and tasks, are alike; and the places of those that nothing keeps."""

    nos: list[No | None]
    places: list[int]


class Known:
    """What the rules of the descriptions said, for as long as the queues are described as they are."""

    def __init__(self) -> None:
        self.able: dict[tuple[object, ...], _Able] = {}
        self._queues: Sequence[Queue] = ()
        self._same: dict[No, No] = {}

    def hold_for(self, queues: Sequence[Queue]) -> None:
        """Forget what was said of others."""
        is_same = len(queues) == len(self._queues) and all(
            queue is was or (queue.status is was.status and queue.description == was.description)
            for queue, was in zip(queues, self._queues, strict=True))
        if not is_same or len(self.able) > KNOWN_MOST:
            self.able.clear()
            self._same.clear()
        self._queues = queues

    def find_able(self, work: Work, queues: Sequence[Queue]) -> _Able:
        """What keeps each queue from such jobs."""
        nos = [refusal(work.job, queue) or _of_usage(work.usage, queue) for queue in queues]
        return _Able([self._same.setdefault(no, no) if no is not None else None for no in nos],
                     [place for place, no in enumerate(nos) if no is None])


@dataclass(slots=True)
class _Kind:
    """Jobs that are alike in all that counts.

    :param nos: what keeps queues from them, whatever the queues have to do. :param able: the places of the others.
    :param factors: what those are worth for these jobs, besides what their load makes them.
    :param verdicts: as told last. :param at: which state of the queues that was in. :param before: jobs since.
    :param refused: how many of them no queue took.
    """

    work: Work
    nos: list[No | None]
    able: list[int]
    queues: list[Queue]
    factors: list[float]
    verdicts: Verdicts | None = None
    at: int = -1
    before: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True)
class _Field:
    """The queues that can take a job now, and their weights for it."""

    places: list[int]
    queues: list[Queue]
    weights: list[float]


class Round:
    """What was found out for one job serves those that come after it: most are alike, and only one queue changes with each."""

    def __init__(self, snapshot: Snapshot, policy: Policy, known: Known | None = None) -> None:
        self._snapshot, self._policy = snapshot, policy
        self._given: Counter[int] = Counter()
        self._kinds: dict[tuple[object, ...], _Kind] = {}
        self._known = known or Known()
        self._known.hold_for(snapshot.queues)
        queues = snapshot.queues
        self._least_input = min((q.maxinput_mb for q in queues if q.maxinput_mb), default=None)
        self._least_disk = min((q.maxwdir_mb for q in queues if q.maxwdir_mb), default=None)
        self._nos: list[No | None] = [None] * len(queues)
        self._pinned_nos: list[No | None] = [None] * len(queues)
        self._weights = [0.0] * len(queues)
        self._refusing = self._state = 0  # queues that say no by themselves; how often that changed
        for place in range(len(queues)):
            self._look(place)

    def learn(self, snapshot: Snapshot) -> None:
        """What is known of more jobs; of the queues it says the same as the one before."""
        self._snapshot = snapshot

    def refused(self, job: JobSpec) -> int:
        """How many jobs like this one no queue took. Queues only fill in a round: none will take the next one either."""
        return self._kind(job).refused

    def decide(self, job: JobSpec) -> Decision:
        """The best queue that can take it."""
        kind = self._kind(job)
        field = self._field(kind, self._now_nos(job))
        told = self._told(kind, self._now_nos(job), field)
        if not field.places:
            kind.refused += 1
            return Decision(job, None, told)
        best = self._policy.weight.pick(kind.work, field.queues, field.weights)
        decision = Decision(job, field.queues[best], told, field.weights[best], kind.before)
        kind.before += 1
        self._give(field.places[best], 1)
        return decision

    def better(self, job: JobSpec, gain: float, besides: Collection[str] = ()) -> Decision | None:
        """A queue for a job that waits at one already, if it is worth `gain` times as much as that one, or that one cannot take
        the job any more. None: it stays.

        :param besides: queues that it must not go to. :param gain: infinite: only if its own cannot take it.
        """
        kind = self._kind(job)
        field = self._field(kind, self._now_nos(job))
        own = next((at for at, queue in enumerate(field.queues) if queue.name == job.computingSite), None)
        able = [at for at, queue in enumerate(field.queues) if at != own and queue.name not in besides]
        if not able:
            return None
        weights = [field.weights[at] for at in able]
        best = able[self._policy.weight.pick(kind.work, [field.queues[at] for at in able], weights)]
        if own is not None and field.weights[best] <= gain * field.weights[own]:
            return None
        told = self._told(kind, self._now_nos(job), field)
        self._give(field.places[best], 1)
        if own is not None:
            self._give(field.places[own], -1)
        return Decision(job, field.queues[best], told, field.weights[best], kind.before)

    def _give(self, place: int, jobs: int) -> None:
        self._given[place] += jobs
        self._look(place)

    def _field(self, kind: _Kind, nos: list[No | None]) -> _Field:
        places, queues, factors = self._open(kind, nos)
        of_load = self._weights
        return _Field(places, queues, [of_load[place] * factor for place, factor in zip(places, factors, strict=True)])

    def _now_nos(self, job: JobSpec) -> list[No | None]:
        """No limits but the brake are kept for jobs that have nowhere else to go; what tests a queue is not braked."""
        if not job.is_pinned:
            return self._nos
        return [None] * len(self._nos) if job.prodSourceLabel in TEST_LABELS else self._pinned_nos

    def _open(self, kind: _Kind, nos: list[No | None]) -> tuple[list[int], list[Queue], list[float]]:
        """Those that can take it: places, queues, factors. Doubtful ones only if there is no other."""
        if not self._refusing:
            return kind.able, kind.queues, kind.factors
        able = [number for number, place in enumerate(kind.able) if nos[place] is None]
        if not able:
            alone = len(kind.able) == 1
            able = [number for number, place in enumerate(kind.able)
                    if (no := nos[place]) is not None and (no.only_if_others or (alone and no.unless_alone))]
        return ([kind.able[number] for number in able], [kind.queues[number] for number in able],
                [kind.factors[number] for number in able])

    def _told(self, kind: _Kind, nos: list[No | None], field: _Field) -> Verdicts:
        if kind.verdicts is None or kind.at != self._state:
            told = [no or now for no, now in zip(kind.nos, nos, strict=True)] if self._refusing else list(kind.nos)
            heavy = [0.0] * len(told)
            for place, weight in zip(field.places, field.weights, strict=True):
                told[place], heavy[place] = None, weight
            kind.verdicts, kind.at, kind.before = Verdicts(self._snapshot.queues, told, heavy), self._state, 0
        return kind.verdicts

    def _look(self, place: int) -> None:
        """What a queue says by itself."""
        queue, policy = self._snapshot.queues[place], self._policy
        now = self._snapshot.now(queue, self._given[place])
        self._weights[place] = policy.weight.load(queue, now)
        no, was = overload(queue, now, policy.limits), self._nos[place]
        if no is None and was is None:
            return
        pinned = overload(queue, now, policy.limits, PINNED_RULES)
        if (no is None) != (was is None) or (pinned is None) != (self._pinned_nos[place] is None):
            self._state += 1
            self._refusing += (was is None) - (no is None)
        self._nos[place] = replace(no, passed=PASSED_DATA) if no is not None else None
        self._pinned_nos[place] = replace(pinned, passed=PASSED_DATA) if pinned is not None else None

    def _kind(self, job: JobSpec) -> _Kind:
        work = self._snapshot.work(job)
        fits = (*self._fit_key(job), work.usage)
        key = (fits, work.inputs, len(job.inputs), job.currentPriority >= TOP_PRIORITY)
        kind = self._kinds.get(key)
        if kind is None:
            self._kinds[key] = kind = self._new_kind(fits, work)
        return kind

    def _new_kind(self, fits: tuple[object, ...], work: Work) -> _Kind:
        able = self._known.able.get(fits)
        if able is None:
            self._known.able[fits] = able = self._known.find_able(work, self._snapshot.queues)
        queues, favour = self._snapshot.queues, self._policy.weight.favour
        nos, places, factors = able.nos, able.places, [1.0] * len(able.places)
        if work.inputs is not None:
            of_data = self._by_endpoint(work.inputs)
            found = [of_data[queues[place].endpoint_in] for place in places]
            refused = {place: no for place, (no, _) in zip(places, found, strict=True) if no is not None}
            if refused:
                nos = [refused.get(place, no) for place, no in enumerate(nos)]
                places = [place for place in places if place not in refused]
            factors = [factor for no, factor in found if no is None]
        if favour is not None:
            factors = [factor * favour(work, queues[place]) for place, factor in zip(places, factors, strict=True)]
        return _Kind(work, nos, places, [queues[place] for place in places], factors)

    def _by_endpoint(self, inputs: Inputs) -> Mapping[str | None, tuple[No | None, float]]:
        """What each endpoint means for jobs with this input. Those that have none of it are alike, but for the way to them."""
        known = {*self._snapshot.read_from, None}
        if not self._snapshot.links:
            known &= {*inputs.sources, *inputs.silent}
        alike = self._of_data(inputs, None)
        return defaultdict(lambda: alike, {endpoint: self._of_data(inputs, endpoint) for endpoint in known})

    def _of_data(self, inputs: Inputs, endpoint: str | None) -> tuple[No | None, float]:
        """What keeps queues that read from there from jobs with this input, or what they are worth for it."""
        for passed, rule in enumerate(DATA_RULES, PASSED_USAGE):
            no = rule.check(inputs, endpoint, self._snapshot, self._policy.data)
            if no is not None:
                return replace(no, passed=passed), 0.0
        return None, self._policy.weight.data(inputs, endpoint, self._snapshot)

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


def _of_usage(usage: Usage | None, queue: Queue) -> No | None:
    for passed, rule in enumerate(USAGE_RULES if usage is not None else (), PASSED_FIT):
        assert usage is not None
        no = rule.check(usage, queue)
        if no is not None:
            return replace(no, passed=passed)
    return None
