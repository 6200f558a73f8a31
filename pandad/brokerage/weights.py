"""How the queues that may take a job are ranked: PanDA's formulas, by name.

A queue's weight is what its load makes it worth, times what it means for this job's data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pandad.brokerage.inputs import Inputs, Work
from pandad.brokerage.snapshot import Now, Snapshot
from pandad.spec.facts import Link, Load
from pandad.spec.site import Queue

PRODUCTION_OFFSET = 10  # a queue with next to nothing to do is not worth a hundred times one that is well used
MOST_BACKLOG = 2.0
MISSING_FILES = 100  # so many files to move halve a weight
BACKLOG_FILES = 100  # so many files that wait on a link halve its worth


def generic(load: Load) -> float:
    """For a VO of any kind (GenJobBroker): (running + 1) / (activated + assigned + 1) / (assigned + 1)."""
    return (load.running + 1) / (load.waiting + 1) / (load.assigned + 1)


def analysis(load: Load) -> float:
    """For users' jobs (AtlasAnalJobBroker): (running + 1) / (activated + assigned + 1)."""
    return (load.running + 1) / (load.waiting + 1)


def production(load: Load) -> float:
    """For production (AtlasProdJobBroker): (running + 1) / (activated + assigned + 10) / backlog. That of jobs whose input is
    not there yet, (assigned + 1) / (activated + 1), kept between 1 and 2."""
    backlog = min(max((load.assigned + 1) / (load.activated + 1), 1.0), MOST_BACKLOG)
    return (load.running + 1) / (load.waiting + PRODUCTION_OFFSET) / backlog


def locality(inputs: Inputs, endpoint: str | None, snapshot: Snapshot) -> float:
    """The price of moving data, from AtlasProdJobBroker: (size + size that is there) / size / (missing files / 100 + 1), so twice
    as much for a queue that has it all; and of the way there (`way`). 1 for a job without input, or of which nothing is known."""
    lack = inputs.lack(endpoint)
    size = inputs.size_bytes or 1
    there = size - lack.size_bytes if inputs.size_bytes else float(not lack.files)
    worth = (size + there) / size / (lack.files / MISSING_FILES + 1)
    if not lack.files:
        return worth
    return worth * way(snapshot.ways.cheapest(inputs.at, endpoint), snapshot.promised.get(endpoint, 0))


def no_matter(inputs: Inputs, endpoint: str | None, snapshot: Snapshot) -> float:
    """A formula in which data counts otherwise."""
    return 1.0


def way(link: Link | None, promised: int = 0) -> float:
    """The network weight: the mean of how short a link is, 1 / (distance + 1), and how free, 1 / (files that wait / 100 + 1).
    1/2 where no link is known. (PanDA weighs queue and throughput alike too; it knows the throughput.)

    :param promised: files that will be moved along it for jobs of this round.
    """
    if link is None:
        return 0.5
    short = 1 / (link.distance + 1) if link.distance is not None else 0.5
    return (short + 1 / ((link.backlog_files + promised) / BACKLOG_FILES + 1)) / 2


Pick = Callable[[Work, Sequence[Queue], Sequence[float]], int]


def heaviest(work: Work, able: Sequence[Queue], weights: Sequence[float]) -> int:
    """The place of the queue with the greatest weight, the first of equal ones."""
    return weights.index(max(weights))


@dataclass(frozen=True, slots=True)
class Weight:
    """A formula: what a queue's load makes it worth, times what its endpoint means for the job's input, times what else is in its
    favour; and which of the weighed queues is taken."""

    name: str
    load: Callable[[Queue, Now], float]
    data: Callable[[Inputs, str | None, Snapshot], float] = locality
    favour: Callable[[Work, Queue], float] | None = None
    pick: Pick = heaviest


def _by_load(formula: Callable[[Load], float]) -> Callable[[Queue, Now], float]:
    return lambda queue, now: formula(now.load)


GENERIC = Weight("generic", _by_load(generic))
ANALYSIS = Weight("analysis", _by_load(analysis))
PRODUCTION = Weight("production", _by_load(production))


# The broker of 2009.

TOP_TIER = "T1"
MANY_FILES = 4  # per job: from more on the top tier counts twice
TOP_PRIORITY, TOP_FILES = 950, 20  # from these on a job goes to the top tier without further ado
MOST_WEIGHT = 1e9  # of a queue where nothing waits


def inverse(load: Load, pilots: int) -> float:
    """Jobs that wait for each pilot of the last hours: (assigned + activated) / pilots."""
    return load.waiting / max(pilots, 1)


def _weight_2009(queue: Queue, now: Now) -> float:
    winv = inverse(now.load, now.pilots.calls if now.pilots is not None else now.load.running)
    return min(1 / winv, MOST_WEIGHT) if winv else MOST_WEIGHT


def _tier_2009(work: Work, queue: Queue) -> float:
    return 2.0 if len(work.job.inputs) > MANY_FILES and is_top(queue) else 1.0


def is_top(queue: Queue) -> bool:
    """Whether it is of a tier-1 site."""
    return queue.description.get("tier") == TOP_TIER


def _pick_2009(work: Work, able: Sequence[Queue], weights: Sequence[float]) -> int:
    """Urgent work and large inputs to the top tier; of all others the two with least inverse weight, of which one that is more
    than twice the other is dropped; of the two the one with more of the files, or with the greater weight."""
    places = range(len(able))
    urgent = work.job.prodSourceLabel == "managed" and work.job.currentPriority >= TOP_PRIORITY
    if urgent or len(work.job.inputs) >= TOP_FILES:
        places = [place for place in places if is_top(able[place])] or places  # type: ignore[assignment]
    best, *rest = sorted(places, key=lambda place: (-weights[place], place))[:2]
    if not rest or weights[best] > 2 * weights[rest[0]]:
        return best
    return min((best, *rest), key=lambda place: work.inputs.lack(able[place].endpoint_in).files if work.inputs else 0)


BROKER_2009 = Weight("2009", _weight_2009, no_matter, _tier_2009, _pick_2009)

WEIGHTS: Mapping[str, Weight] = {each.name: each for each in (GENERIC, ANALYSIS, PRODUCTION, BROKER_2009)}
