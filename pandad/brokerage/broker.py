"""Decide: for each job one queue, or none, with a verdict on every queue. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from operator import attrgetter

from pandad.brokerage.criterion import No
from pandad.brokerage.datarules import DATA_RULES, DataLimits
from pandad.brokerage.decision import Decision as Decision
from pandad.brokerage.decision import Verdict as Verdict
from pandad.brokerage.decision import Verdicts
from pandad.brokerage.inputs import Inputs, Work
from pandad.brokerage.known import PASSED_USAGE, Known
from pandad.brokerage.loads import PINNED_RULES, Limits, overload
from pandad.brokerage.rules import READ, TEST_LABELS
from pandad.brokerage.siterules import URGENT
from pandad.brokerage.snapshot import Snapshot
from pandad.brokerage.weights import GENERIC, TOP_PRIORITY, Weight
from pandad.spec.job import JobSpec
from pandad.spec.site import Queue

_read = attrgetter(*(name for name in READ if name not in ("maxDiskCount", "inputFileBytes", "currentPriority")))
PASSED_DATA = PASSED_USAGE + len(DATA_RULES)


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
        self._last: tuple[JobSpec, _Kind] | None = None
        self._known.hold_for(snapshot.queues)
        queues = snapshot.queues
        self._least_input = min((q.maxinput_mb for q in queues if q.maxinput_mb), default=None)
        self._least_disk = min((q.maxwdir_mb for q in queues if q.maxwdir_mb), default=None)
        self._closed = {name for name, endpoint in snapshot.endpoints.items() if not endpoint.readable}
        self._testers = {place: set(snapshot.brakes[queue.name].owners) for place, queue in enumerate(queues)
                         if queue.name in snapshot.brakes}
        self._by_priority = any(share.priorities for queue in queues for share in queue.fairshare.shares)
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
        kind, nos = self._kind(job), self._now_nos(job)
        field = self._field(kind, nos)
        told = self._told(kind, nos, field)
        if not field.places:
            kind.refused += 1
            return Decision(job, None, told)
        best = self._policy.weight.pick(kind.work, field.queues, field.weights)
        decision = Decision(job, field.queues[best], told, field.weights[best], kind.before)
        kind.before += 1
        self._give(field.places[best], 1)
        if field.places[best] in self._testers:
            self._testers[field.places[best]].add(job.prodUserName or "")
            self._state += 1
        return decision

    def better(self, job: JobSpec, gain: float, besides: Collection[str] = ()) -> Decision | None:
        """A queue for a job that waits at one already, if it is worth `gain` times as much as that one, or that one cannot take
        the job any more. None: it stays.

        :param besides: queues that it must not go to. :param gain: infinite: only if its own cannot take it.
        """
        kind, nos = self._kind(job), self._now_nos(job)
        field = self._field(kind, nos)
        own = next((at for at, queue in enumerate(field.queues) if queue.name == job.computingSite), None)
        able = [at for at, queue in enumerate(field.queues) if at != own and queue.name not in besides]
        if not able:
            return None
        weights = [field.weights[at] for at in able]
        best = able[self._policy.weight.pick(kind.work, [field.queues[at] for at in able], weights)]
        if own is not None and field.weights[best] <= gain * field.weights[own]:
            return None
        told = self._told(kind, nos, field)
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
        if job.is_pinned and job.prodSourceLabel in TEST_LABELS:
            return [None] * len(self._nos)
        nos = self._pinned_nos if job.is_pinned else self._nos
        owner = job.prodUserName or ""
        held = [place for place, owners in self._testers.items() if owner in owners and nos[place] is None]
        if held:
            nos = list(nos)
            for place in held:
                nos[place] = No("badsite", 1, 1, f"it is braked, and a test job of {owner} is there already", PASSED_DATA)
        return nos

    def _open(self, kind: _Kind, nos: list[No | None]) -> tuple[list[int], list[Queue], list[float]]:
        """Those that can take it: places, queues, factors. Doubtful ones only if there is no other."""
        if not self._refusing and not self._testers:
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
            told = [no or now for no, now in zip(kind.nos, nos, strict=True)]
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
        if self._last is None or self._last[0] is not job:
            self._last = job, self._find_kind(job)
        return self._last[1]

    def _find_kind(self, job: JobSpec) -> _Kind:
        work = self._snapshot.work(job)
        fits = (*self._fit_key(job), work.usage)
        owner = job.prodUserName if self._testers else None
        key = (fits, work.inputs, len(job.inputs), job.currentPriority >= TOP_PRIORITY, owner)
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
            known &= {*inputs.sources, *inputs.silent, *self._closed}
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
        return (job.computingSite if job.is_pinned else None, tuple(job.avoided), disk_mb, input_mb,
                job.currentPriority if self._by_priority else job.currentPriority >= URGENT, bool(job.inputs), bool(job.outputs),
                *_read(job))
