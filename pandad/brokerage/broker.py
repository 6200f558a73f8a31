"""Decide: for each job one queue, or none, with a verdict on every queue. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from operator import mul

from pandad.brokerage.criterion import No
from pandad.brokerage.datarules import DATA_RULES
from pandad.brokerage.decision import Decision as Decision
from pandad.brokerage.decision import Verdict as Verdict
from pandad.brokerage.decision import Verdicts
from pandad.brokerage.kinds import Fit, Kind, Kinds, Open
from pandad.brokerage.known import PASSED_USAGE, Known
from pandad.brokerage.loads import PINNED_RULES, overload
from pandad.brokerage.policy import DEFAULT
from pandad.brokerage.policy import Policy as Policy
from pandad.brokerage.rules import TEST_LABELS
from pandad.brokerage.scouts import Scouts
from pandad.brokerage.snapshot import Snapshot
from pandad.spec.job import JobSpec

PASSED_DATA = PASSED_USAGE + len(DATA_RULES)


def decide(jobs: Iterable[JobSpec], snapshot: Snapshot, policy: Policy = DEFAULT) -> Iterator[Decision]:
    """Decide on each job in turn; a queue that gets a job weighs less for the next one."""
    round_ = Round(snapshot, policy)
    for job in jobs:
        yield round_.decide(job)


class Round:
    """What was found out for one job serves those that come after it: most are alike, and only one queue changes with each."""

    def __init__(self, snapshot: Snapshot, policy: Policy, known: Known | None = None) -> None:
        self._snapshot, self._policy = snapshot, policy
        queues = snapshot.queues
        self._braked = {place for place, queue in enumerate(queues) if queue.name in snapshot.brakes}
        self._testers: dict[str, set[int]] = defaultdict(set)  # by owner: the braked queues that have a test job of his
        for place in self._braked:
            for owner in snapshot.brakes[queues[place].name].owners:
                self._testers[owner].add(place)
        self._kinds = Kinds(snapshot, policy, known or Known(), bool(self._braked))
        self._scouts, self._held = Scouts(policy.scouts), dict[No, Verdicts]()
        self._scouts.learn(snapshot)
        self._last: tuple[JobSpec, Kind] | None = None
        self._last_fit: tuple[JobSpec, Fit] | None = None
        self._facts = [snapshot.facts(queue) for queue in queues]
        self._counted = [snapshot.counted(queue.name) for queue in queues]
        self._given = [0] * len(queues)
        self._nos: list[No | None] = [None] * len(queues)
        self._pinned_nos: list[No | None] = [None] * len(queues)
        self._weights = [0.0] * len(queues)
        self._state = 0  # how often it changed which queues say no by themselves
        for place in range(len(queues)):
            self._look(place)

    def learn(self, snapshot: Snapshot) -> None:
        """What is known of more jobs; of the queues it says the same as the one before."""
        self._snapshot = snapshot
        self._kinds.learn(snapshot)
        self._scouts.learn(snapshot)

    @property
    def scouted(self) -> set[int]:
        """Tasks of the jobs that are known now, whose scouts nobody needs to wait for any more."""
        return self._scouts.over()

    def refused(self, job: JobSpec) -> int:
        """How many jobs like this one no queue took. Queues only fill in a round: none will take the next one either. Where all
        queues are full that fit its description, all jobs of that are alike, and nobody asks what is known of its input."""
        if held := self._scouts.held(job):
            return held
        fit = self._fit(job)
        return fit.refused if self._is_full(fit, job) else self._kind(job).refused

    def decide(self, job: JobSpec) -> Decision:
        """The best queue that can take it."""
        no = self._scouts.hold(job)
        if no is not None:
            return Decision(job, None, self._held_by(no))
        kind = self._kind(job)
        field = self._field(kind, job)
        weights = self._weighed(field)
        told = self._told(kind, job, weights)
        if not weights:
            kind.refused += 1
            kind.fit.refused += 1
            return Decision(job, None, told)
        best = self._policy.weight.pick(kind.work, field.queues, weights)
        place = field.places[best]
        chosen = field.queues[best]
        decision = Decision(job, chosen, told, weights[best], kind.before, self._scouts.send(job))
        kind.before += 1
        self._give(place, 1)
        self._kinds.promise(kind, chosen.endpoint_in)
        if place in self._braked:
            self._testers[job.prodUserName or ""].add(place)
            self._state += 1
        return decision

    def _held_by(self, no: No) -> Verdicts:
        if no not in self._held:
            queues = self._snapshot.queues
            self._held[no] = Verdicts(queues, [no] * len(queues), [0.0] * len(queues))
        return self._held[no]

    def better(self, job: JobSpec, gain: float, besides: Collection[str] = ()) -> Decision | None:
        """A queue for a job that waits at one already, if it is worth `gain` times as much as that one, or that one cannot take
        the job any more. None: it stays.

        :param besides: queues that it must not go to. :param gain: infinite: only if its own cannot take it.
        """
        kind = self._kind(job)
        field = self._field(kind, job)
        of_all = self._weighed(field)
        own = next((at for at, queue in enumerate(field.queues) if queue.name == job.computingSite), None)
        able = [at for at, queue in enumerate(field.queues) if at != own and queue.name not in besides]
        if not able:
            return None
        best = able[self._policy.weight.pick(kind.work, [field.queues[at] for at in able], [of_all[at] for at in able])]
        if own is not None and of_all[best] <= gain * of_all[own]:
            return None
        told = self._told(kind, job, of_all)
        self._give(field.places[best], 1)
        self._kinds.promise(kind, field.queues[best].endpoint_in)
        if own is not None:
            self._give(field.places[own], -1)
        return Decision(job, field.queues[best], told, of_all[best], kind.before)

    def _give(self, place: int, jobs: int) -> None:
        self._given[place] += jobs
        self._look(place)

    def _fit(self, job: JobSpec) -> Fit:
        if self._last_fit is None or self._last_fit[0] is not job:
            self._last_fit = job, self._kinds.fit(job)
        return self._last_fit[1]

    def _is_full(self, fit: Fit, job: JobSpec) -> bool:
        if fit.at != self._state:
            places, nos = fit.able.places, self._own_nos(job)
            closed = all((no := nos[place]) is not None and not no.only_if_others and not (no.unless_alone and len(places) == 1)
                         for place in places)
            fit.is_full, fit.at = closed and self._kinds.refuse_for_now(), self._state
        return fit.is_full

    def _kind(self, job: JobSpec) -> Kind:
        if self._last is None or self._last[0] is not job:
            self._last = job, self._kinds.of(job, self._fit(job))
        return self._last[1]

    def _field(self, kind: Kind, job: JobSpec) -> Open:
        """The queues that can take jobs of the kind, as long as the queues themselves say the same."""
        if kind.at != self._state:
            kind.open, kind.at, kind.verdicts = self._open(kind, self._now_nos(job)), self._state, None
        return kind.open

    def _weighed(self, field: Open) -> list[float]:
        return list(map(mul, map(self._weights.__getitem__, field.places), field.factors))

    def _own_nos(self, job: JobSpec) -> list[No | None]:
        """No limits but the brake are kept for jobs that have nowhere else to go; what tests a queue is not braked."""
        if job.is_pinned and job.prodSourceLabel in TEST_LABELS:
            return [None] * len(self._nos)
        return self._pinned_nos if job.is_pinned else self._nos

    def _now_nos(self, job: JobSpec) -> list[No | None]:
        """And a braked queue gets one test job of an owner."""
        nos = self._own_nos(job)
        if job.is_pinned and job.prodSourceLabel in TEST_LABELS:
            return nos
        owner = job.prodUserName or ""
        held = [place for place in self._testers.get(owner, ()) if nos[place] is None]
        if held:
            nos = list(nos)
            for place in held:
                nos[place] = No("badsite", 1, 1, f"it is braked, and a test job of {owner} is there already", PASSED_DATA)
        return nos

    @staticmethod
    def _open(kind: Kind, nos: list[No | None]) -> Open:
        """Those that can take it. Doubtful ones only if there is no other."""
        able = kind.able
        ats = [at for at, place in enumerate(able.places) if nos[place] is None]
        if len(ats) == len(able.places):
            return able
        if not ats:
            ats = [at for at, place in enumerate(able.places)
                   if (no := nos[place]) is not None and (no.only_if_others or (kind.alone and no.unless_alone))]
        return Open([able.places[at] for at in ats], [able.queues[at] for at in ats], [able.factors[at] for at in ats])

    def _told(self, kind: Kind, job: JobSpec, weights: list[float]) -> Verdicts:
        if kind.verdicts is None:
            told = [no or now for no, now in zip(kind.nos, self._now_nos(job), strict=True)]
            heavy = [0.0] * len(told)
            for place, weight in zip(kind.open.places, weights, strict=True):
                told[place], heavy[place] = None, weight
            kind.verdicts, kind.before = Verdicts(self._snapshot.queues, told, heavy), 0
        return kind.verdicts

    def _look(self, place: int) -> None:
        """What a queue says by itself."""
        queue, policy, given = self._snapshot.queues[place], self._policy, self._given[place]
        now = self._facts[place].after(self._counted[place], given)
        self._weights[place] = policy.weight.load(queue, now)
        no, was = overload(queue, now, policy.limits), self._nos[place]
        if no is None and was is None:
            return
        pinned = overload(queue, now, policy.limits, PINNED_RULES)
        if _counts(no) != _counts(was) or _counts(pinned) != _counts(self._pinned_nos[place]):
            self._state += 1
        self._nos[place] = no.after(PASSED_DATA) if no is not None else None
        self._pinned_nos[place] = pinned.after(PASSED_DATA) if pinned is not None else None


def _counts(no: No | None) -> tuple[bool, bool] | None:
    """When it does not count."""
    return (no.only_if_others, no.unless_alone) if no is not None else None
