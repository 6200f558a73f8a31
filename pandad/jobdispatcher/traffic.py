"""What pilots asked for, what they got, and what kept them from more: kept in memory, and stored every few seconds.

A call costs some microseconds here. What a process counted since it last stored it is lost when it is killed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from pandad import metrics
from pandad.spec.capability import Capability
from pandad.spec.facts import NOTHING, ROLE, UNKNOWN_QUEUE, Refusal
from pandad.taskbuffer import pilotcalls
from pandad.taskbuffer.pilotcalls import Calls
from pandad.taskbuffer.store import Store

KEPT = 10  # different requests of a queue
QUEUES = 5000  # with calls between two rounds; what comes beside them is counted as of an unknown queue
REMEMBERED = 2000  # queues whose last requests are kept from round to round
TURN = 4  # queues that are worked out without a pause
TEXT = 200  # characters of what a pilot says of itself that are kept
LARGEST = 2**63 - 1
TOLD = 5  # refusals that are kept of a request

WhyNot = Callable[[Capability], Sequence[Refusal]]
_NOT_DEMANDED = {"count", "holder", "owners"}


@dataclass(slots=True)
class _Request:
    """The last of some requests that are alike; ``missed``: how many of them got nothing since the last round."""

    pilot: Capability
    why_not: WhyNot
    at: float = 0.0
    jobs: int = 0
    missed: int = 0
    refusals: Sequence[Refusal] = ()


@dataclass(slots=True)
class _Queue:
    """Calls since the last round, and the last requests, the newest last."""

    asked: int = 0
    served: int = 0
    heard: int = 0
    missed: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    asked_at: float | None = None
    heard_at: float | None = None
    requests: dict[Hashable, _Request] = field(default_factory=dict)


class Traffic:
    """The calls that came to this process.

    :param process: its name among all on this database.
    """

    def __init__(self, store: Store, clock: IReactorTime, process: str) -> None:
        self._store, self._clock, self._process = store, clock, process
        self._queues: dict[str, _Queue] = {}
        self._before: dict[str, dict[Hashable, _Request]] = {}  # requests of earlier rounds; the queue that asked last is last

    def asked(self, pilot: Capability, jobs: int, why_not: WhyNot) -> None:
        """A pilot asked, and got so many.

        :param why_not: says later what kept it from jobs, if it got none: it is not asked for each call.
        """
        queue, now = self._queue(pilot.queue), self._clock.seconds()
        queue.asked += 1
        queue.served += jobs
        queue.asked_at = now
        metrics.PILOTS.add("jobs" if jobs else "nothing")
        demands = pilot.demands
        queue.requests[demands] = request = queue.requests.pop(demands, None) or _Request(pilot, why_not)
        request.pilot, request.why_not, request.at, request.jobs = pilot, why_not, now, jobs
        if not jobs:
            request.missed += 1
            queue.missed += 1
        if len(queue.requests) > KEPT:
            del queue.requests[next(iter(queue.requests))]

    def turned_away(self, queue: str) -> None:
        """Somebody asked for jobs there who may not take any."""
        there = self._queue(queue)
        there.asked += 1
        there.asked_at = self._clock.seconds()
        metrics.PILOTS.add("refused")
        there.refused[ROLE] += 1

    def heard(self, queues: Iterable[str | None]) -> None:
        """Pilots spoke of their jobs, at these queues."""
        now = self._clock.seconds()
        for queue in queues:
            there = self._queue(queue or UNKNOWN_QUEUE)
            there.heard += 1
            there.heard_at = now

    def _queue(self, name: str) -> _Queue:
        queue = self._queues.get(name)
        if queue is None:
            name = name if len(self._queues) < QUEUES else UNKNOWN_QUEUE
            queue = self._queues.setdefault(name, _Queue(requests=self._before.pop(name, {})))
        return queue

    async def run_once(self) -> bool:
        """Store what came since the last round; if that cannot be, it is lost.

        :raise StoreUnavailable: it was not stored.
        """
        queues, self._queues = self._queues, {}
        calls = []
        for place, (name, queue) in enumerate(queues.items(), 1):
            calls.append(self._calls(name, queue))
            self._remember(name, queue.requests)
            if not place % TURN:
                await deferLater(self._clock, 0)
        if calls:
            await self._store.once("pilot_calls", pilotcalls.put, calls, self._process)
        return False

    def _remember(self, name: str, requests: dict[Hashable, _Request]) -> None:
        """For the next round, unless the next calls are here already."""
        if name not in self._queues and requests:
            for request in requests.values():
                request.missed = 0
            self._before[name] = requests
        if len(self._before) > REMEMBERED:
            del self._before[next(iter(self._before))]

    def _calls(self, name: str, queue: _Queue) -> Calls:
        now = self._clock.seconds()
        for request in queue.requests.values():
            if request.missed:
                request.refusals = request.why_not(request.pilot)[:TOLD]
        refused = _refused(queue)
        for criterion, n in refused.items():
            metrics.PILOTS_REFUSED.add(criterion, n=n)
        return Calls(
            queue=_text(name), asked=queue.asked, served=queue.served, heard=queue.heard, refused=refused,
            asked_s=None if queue.asked_at is None else now - queue.asked_at,
            heard_s=None if queue.heard_at is None else now - queue.heard_at,
            requests=[pilotcalls.Request(
                age_s=now - r.at, demands=demands_of(r.pilot), jobs=r.jobs,
                refusals=[replace(no, have=_short(no.have), need=_short(no.need)) for no in r.refusals if not r.jobs])
                for r in reversed(queue.requests.values())])


def _refused(queue: _Queue) -> Mapping[str, int]:
    """Calls that got nothing, by what kept most jobs from them; those that were forgotten over others went as most of these."""
    refused: Counter[str] = Counter()
    for request in queue.requests.values():
        if request.missed:
            refused[request.refusals[0].criterion if request.refusals else NOTHING] += request.missed
    commonest = max(refused, key=lambda criterion: refused[criterion], default=NOTHING)
    refused[commonest] += queue.missed - refused.total()
    return dict(refused + queue.refused)  # without those that are 0


def demands_of(pilot: Capability) -> Mapping[str, object]:
    """What a pilot said of itself, as text and numbers; without what it did not say."""
    said = {f.name: getattr(pilot, f.name) for f in fields(pilot) if f.name not in _NOT_DEMANDED}
    told = {name: _short(value) for name, value in {**said, "holder": pilot.holder.subject}.items() if value is not None}
    if pilot.owners is not None:  # anchor and subject: the pilot is held against jobs again by those who ask why
        told["owners"] = [[_text(owner.anchor), _text(owner.subject)] for owner in sorted(pilot.owners, key=str)]
    return told


def _short(value: object) -> object:
    if isinstance(value, int):
        return max(-LARGEST, min(value, LARGEST))
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_text(str(each)) for each in value]
    return value if value is None else _text(str(value))


def _text(said: str) -> str:
    """A pilot may say anything; JSON cannot hold all of it, and the database no NUL."""
    return said[:TEXT].encode(errors="replace").decode().replace("\0", "?")
