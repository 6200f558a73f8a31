"""The sites of the simulated grid: what they offer, and what will go wrong there. All of it follows from the seed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random

from pandad.spec.site import Queue, queue_from_description

CORES_PER_QUEUE = 200  # on average
ZIPF = 0.9  # the queue of rank k has 1 / k ** ZIPF of the largest
SCORE, MCORE = 1, 8  # cores of a slot
NEW, OLD = "x86_64-el9-gcc13-opt", "x86_64-centos7-gcc11-opt"
BOTH = f"{NEW},{OLD}"
RELEASES = tuple(f"Athena-25.0.{n}" for n in range(6))
HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class Spell:
    """A time in which something is wrong, from and to, s."""

    begins: float
    ends: float


@dataclass(frozen=True, slots=True)
class Site:
    """One queue as it really is; the daemon knows ``queue`` and ``endpoint`` of it, the rest it has to find out.

    :param slots: job slots, each of queue.corecount cores.
    :param speed: of its cores; 2 runs a job in half the time.
    :param failing: the part of its jobs that fail there for reasons of the site.
    :param pilot_s: mean time until a pilot comes to an idle slot once there is work.
    :param broken: slots that, within the spell ``hole``, fail every job within a minute.
    :param down: when all its slots are gone, and their jobs with them. :param announced: the queue is set offline meanwhile.
    :param opens: when its first pilots come.
    """

    queue: Queue
    endpoint: str
    slots: int
    speed: float
    failing: float
    pilot_s: float
    broken: int = 0
    hole: Spell = Spell(0.0, 0.0)
    down: Spell = Spell(0.0, 0.0)
    announced: bool = False
    opens: float = 0.0

    @property
    def cores(self) -> int:
        return self.slots * self.queue.corecount


def sites_of(seed: int, count: int, span_s: float) -> list[Site]:
    """The grid.

    :param span_s: work comes for so long; what goes wrong does so within it.
    """
    rng = Random(f"{seed}/sites")
    sizes = [1.0 / rank ** ZIPF for rank in range(1, count + 1)]
    scale = count * CORES_PER_QUEUE / sum(sizes)
    cores = [max(MCORE, round(size * scale)) for size in sizes]
    per_slot = _dealt(cores, {SCORE: 0.42, MCORE: 0.58})
    types = _dealt(cores, {"unified": 0.6, "production": 0.25, "analysis": 0.15})
    own = endpoints(count)
    sites = []
    for rank in range(count):
        endpoint = own[rank] if rank < len(own) else rng.choice(own)
        queue = _queue(rng, f"SITE_{rank:03d}", per_slot[rank], str(types[rank]), endpoint)
        sites.append(Site(
            queue, endpoint, max(1, round(cores[rank] / per_slot[rank])), min(max(rng.lognormvariate(0, 0.25), 0.5), 2.0),
            _failing(rng), rng.choice((60.0, 300.0, 900.0))))
    sites = _with_trouble(rng, sites, span_s)
    rng.shuffle(sites)  # the order in which policies see them says nothing of their size
    return sites


def endpoints(queues: int) -> list[str]:
    """Storage endpoints: one for each of the largest tenth of the sites; the others use one of those."""
    return [f"DISK_{number:02d}" for number in range(max(2, queues // 10))]


def _dealt(cores: Sequence[int], parts: Mapping[Hashable, float]) -> list[int]:
    """A kind for each queue, from the largest on, so that each kind has about its part of all cores."""
    given: defaultdict[Hashable, float] = defaultdict(float)
    dealt = []
    for size in cores:
        kind = min(parts, key=lambda each: (given[each] + size) / parts[each])
        given[kind] += size
        dealt.append(kind)
    return dealt  # type: ignore[return-value]


def _queue(rng: Random, name: str, cores: int, kind: str, endpoint: str) -> Queue:
    return queue_from_description({
        "nickname": name, "atlas_site": name, "type": kind, "capability": "score" if cores == SCORE else "mcore",
        "corecount": cores, "maxrss": cores * rng.choice((2000, 3000, 3000, 4000)), "maxwdir": 20_000 * cores,
        "maxtime": round(HOUR_S * rng.choice((24, 48, 72, 96))), "cmtconfig": rng.choice((NEW, BOTH, BOTH, "")),
        "releases": ["AUTO"] if rng.random() < 0.8 else rng.sample(RELEASES, 4),
        "astorages": {"pr": [endpoint], "pw": [endpoint]}})


def _failing(rng: Random) -> float:
    kind = rng.random()
    return rng.uniform(0.005, 0.02) if kind < 0.8 else rng.uniform(0.02, 0.06) if kind < 0.95 else rng.uniform(0.1, 0.3)


def _with_trouble(rng: Random, sites: list[Site], span_s: float) -> list[Site]:
    """Black holes, downtimes and pilots that come late; no two of them at one site. ``sites``: the largest first."""
    sites = list(sites)
    count = len(sites)
    free = set(range(count))

    def some(number: int, first: float, last: float) -> list[int]:
        able = sorted(each for each in free if first * count <= each < max(last * count, first * count + 1))
        chosen = rng.sample(able, min(number, len(able)))
        free.difference_update(chosen)
        return chosen

    for each in some(max(1, round(0.015 * count)), 0.1, 0.5):  # whole sites of middling size
        sites[each] = replace(sites[each], broken=sites[each].slots, hole=_spell(rng, span_s, (0.1, 0.4), (0.2, 0.4)))
    for each in some(max(1, round(0.005 * count)), 0.0, 0.1):  # one node of a large site
        broken = max(1, sites[each].slots // 50)
        sites[each] = replace(sites[each], broken=broken, hole=_spell(rng, span_s, (0.2, 0.6), (0.2, 0.4)))
    for number, each in enumerate(some(round(0.08 * count), 0.0, 1.0)):
        sites[each] = replace(sites[each], down=_spell(rng, span_s, (0.1, 0.7), (0.05, 0.2)), announced=number % 2 == 0)
    for each in some(round(0.04 * count), 0.0, 1.0):
        sites[each] = replace(sites[each], opens=span_s * rng.uniform(0.1, 0.3))
    return sites


def _spell(rng: Random, span_s: float, begins: tuple[float, float], lasts: tuple[float, float]) -> Spell:
    began = span_s * rng.uniform(*begins)
    return Spell(began, began + span_s * rng.uniform(*lasts))
