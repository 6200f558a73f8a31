"""Jobs that are alike in all that brokerage goes by: what was found out for one of them serves those that come after it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from operator import attrgetter, itemgetter
from typing import NamedTuple

from pandad.brokerage.criterion import No
from pandad.brokerage.datarules import DATA_RULES
from pandad.brokerage.decision import Verdicts
from pandad.brokerage.inputs import Inputs, Work
from pandad.brokerage.known import PASSED_USAGE, Able, Known
from pandad.brokerage.policy import Policy
from pandad.brokerage.putoff import PASSING
from pandad.brokerage.rules import READ
from pandad.brokerage.siterules import URGENT
from pandad.brokerage.snapshot import Snapshot
from pandad.brokerage.weights import TOP_PRIORITY
from pandad.spec.job import JobSpec
from pandad.spec.site import Queue

ANEW_FILES = 50  # promised for jobs alike in their inputs, before the ways are weighed anew for them
_read = attrgetter(*(name for name in READ if name not in ("maxDiskCount", "inputFileBytes", "currentPriority")))


class Outcome(NamedTuple):
    """What queues that read from one endpoint are told of a job's input: why not, or what they are worth for it, and how many
    files they lack."""

    no: No | None
    factor: float
    lacks: int


class Data:
    """The outcomes of all endpoints. Inputs of which these are the same are the same to brokerage, whatever their size."""

    def __init__(self, elsewhere: Outcome, at: Mapping[str, Outcome]) -> None:
        self._elsewhere, self._at = elsewhere, at
        self._promised = 0  # files that will be moved for jobs with such inputs

    @property
    def is_stale(self) -> bool:
        """Whether the ways are busier by now than they were."""
        return self._promised >= ANEW_FILES

    def promise(self, files: int) -> None:
        """So many will be moved."""
        self._promised += files

    def at(self, endpoint: str | None) -> Outcome:
        """Of queues that read from there."""
        return self._at.get(endpoint or "", self._elsewhere)


@dataclass(slots=True, eq=False)
class Fit:
    """Jobs whose descriptions, and tasks, are alike, whatever their input.

    :param refused: how many of them no queue took. :param is_full: whether no queue that fits took any, whatever the input, when
        they were looked at last, in the state `at` of the queues.
    """

    able: Able
    refused: int = 0
    at: int = -1
    is_full: bool = False


@dataclass(slots=True, eq=False)
class Open:
    """The queues that can take jobs of a kind now: their places in the snapshot, and what they are worth besides their load."""

    places: list[int]
    queues: list[Queue]
    factors: list[float]


@dataclass(slots=True, eq=False)
class Kind:
    """Such jobs.

    :param work: the first of them. :param fit: what their descriptions say. :param data: what their inputs mean.
    :param nos: what keeps queues from them, whatever the queues have to do.
    :param able: the other queues. :param alone: whether there could never be two of these.
    :param open: of these, those that could take one when they were looked at last, in the state `at` of the queues.
    :param verdicts: as told last in that state. :param before: jobs since. :param refused: how many of them no queue took.
    """

    work: Work
    fit: Fit
    data: Data | None
    nos: list[No | None]
    able: Open
    alone: bool
    open: Open
    at: int = -1
    verdicts: Verdicts | None = None
    before: int = 0
    refused: int = 0


class Kinds:
    """All that were met in a round.

    :param by_owner: whether it counts whose a job is.
    """

    def __init__(self, snapshot: Snapshot, policy: Policy, known: Known, by_owner: bool) -> None:
        self._promised: Counter[str | None] = Counter()
        self._policy, self._known, self._by_owner = policy, known, by_owner
        self.learn(snapshot)
        self._fits: dict[tuple[object, ...], Fit] = {}
        self._kinds: dict[tuple[object, ...], Kind] = {}
        self._data: dict[Inputs, Data] = {}
        self._alike: dict[tuple[object, ...], Data] = {}
        known.hold_for(snapshot.queues)
        queues = snapshot.queues
        self._least_input = min((q.maxinput_mb for q in queues if q.maxinput_mb), default=None)
        self._least_disk = min((q.maxwdir_mb for q in queues if q.maxwdir_mb), default=None)
        self._closed = {name for name, endpoint in snapshot.endpoints.items() if not endpoint.readable}
        self._by_priority = any(share.priorities for queue in queues for share in queue.fairshare.shares)

    def learn(self, snapshot: Snapshot) -> None:
        """What is known of more jobs; of the queues it says the same as the one before."""
        self._snapshot = replace(snapshot, promised=self._promised)

    def promise(self, kind: Kind, endpoint: str | None) -> None:
        """A job of that kind goes to a queue that reads from there: what it lacks will be moved, and the others find the way
        busier."""
        if kind.data is None or not self._snapshot.links:
            return
        lacks = kind.data.at(endpoint).lacks
        self._promised[endpoint] += lacks
        kind.data.promise(lacks)

    def refuse_for_now(self) -> bool:
        """Whether what refuses an input now may take it in a minute: by nothing else is any input refused."""
        limits, known = self._policy.data, self._snapshot
        return known.moves and not (limits.missing_bytes or limits.missing_files or known.ways.some_blocked or self._closed)

    def fit(self, job: JobSpec) -> Fit:
        """What its description says of a job."""
        usage = self._snapshot.usage.get(job.jediTaskID or 0)
        key = (*self._fit_key(job, [file.type for file in job.Files]), usage)
        fit = self._fits.get(key)
        if fit is None:
            able = self._known.able.get(key)
            if able is None:
                self._known.able[key] = able = self._known.find_able(Work(job, usage=usage), self._snapshot.queues)
            self._fits[key] = fit = Fit(able)
        return fit

    def of(self, job: JobSpec, fit: Fit) -> Kind:
        """The kind of a job."""
        work = self._snapshot.work(job)
        data = self._data_of(work.inputs) if work.inputs is not None else None
        owner = job.prodUserName if self._by_owner else None
        key = (fit, data, len(job.inputs), job.currentPriority >= TOP_PRIORITY, owner)
        kind = self._kinds.get(key)
        if kind is None:
            self._kinds[key] = kind = self._made(fit, work, data)
        return kind

    def _made(self, fit: Fit, work: Work, data: Data | None) -> Kind:
        nos, places, factors = self._by_data(fit.able, data) if data is not None else (
            fit.able.nos, fit.able.places, [1.0] * len(fit.able.places))
        alone = sum((no := nos[place]) is None or no.criterion in PASSING for place in fit.able.places) == 1
        queues, favour = [self._snapshot.queues[place] for place in places], self._policy.weight.favour
        if favour is not None:
            factors = [factor * favour(work, queue) for factor, queue in zip(factors, queues, strict=True)]
        able = Open(places, queues, factors)
        return Kind(work, fit, data, nos, able, alone, able)

    def _by_data(self, fitting: Able, data: Data) -> tuple[list[No | None], list[int], list[float]]:
        queues, nos, places, factors = self._snapshot.queues, fitting.nos, [], []
        for place in fitting.places:
            no, factor, _ = data.at(queues[place].endpoint_in)
            if no is None:
                places.append(place)
                factors.append(factor)
                continue
            if nos is fitting.nos:
                nos = list(nos)
            nos[place] = no
        return nos, places, factors

    def _data_of(self, inputs: Inputs) -> Data:
        data = self._data.get(inputs)
        if data is None or data.is_stale:
            elsewhere = self._outcome(inputs, None)
            at = {endpoint: outcome for endpoint in self._concerned(inputs)
                  if (outcome := self._outcome(inputs, endpoint)) != elsewhere}
            key = (elsewhere, *sorted(at.items(), key=itemgetter(0)))
            data = self._alike.get(key)
            if data is None or data.is_stale:
                self._alike[key] = data = Data(elsewhere, at)
            self._data[inputs] = data
        return data

    def _concerned(self, inputs: Inputs) -> Iterator[str]:
        """Endpoints that may differ from those that have none of the input: all, where the way to them counts."""
        if self._snapshot.links:
            yield from self._snapshot.read_from
        else:
            yield from self._snapshot.read_from & {*inputs.sources, *inputs.silent, *self._closed}

    def _outcome(self, inputs: Inputs, endpoint: str | None) -> Outcome:
        lacks = inputs.lack(endpoint).files
        for passed, rule in enumerate(DATA_RULES, PASSED_USAGE):
            no = rule.check(inputs, endpoint, self._snapshot, self._policy.data)
            if no is not None:
                return Outcome(no.after(passed), 0.0, lacks)
        return Outcome(None, self._policy.weight.data(inputs, endpoint, self._snapshot), lacks)

    def _fit_key(self, job: JobSpec, types: Collection[str | None]) -> tuple[object, ...]:
        """All that the rules of the description read of a job: jobs alike in this get the same answers. Sizes below every queue's
        limit are alike, for they differ from job to job."""
        input_mb = (job.inputFileBytes or 0) // 2**20
        disk_mb = job.maxDiskCount + input_mb
        if self._least_input is None or input_mb <= self._least_input:
            input_mb = 0
        if self._least_disk is None or disk_mb <= self._least_disk:
            disk_mb = 0
        return (job.computingSite if job.is_pinned else None, tuple(job.avoided), disk_mb, input_mb,
                job.currentPriority if self._by_priority else job.currentPriority >= URGENT,
                "input" in types, "output" in types or "log" in types, *_read(job))
