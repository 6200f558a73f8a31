"""One run of the simulated grid, from its parameters to its figures."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from .grid import Grid
from .measures import Measures
from .policies import POLICIES
from .sites import CORES_PER_QUEUE, endpoints, sites_of
from .workload import span_s, tasks_of


@dataclass(frozen=True, slots=True)
class Setup:
    """All that decides what happens."""

    policy: str = "pandad"
    jobs: int = 1_000_000
    queues: int = 200
    seed: int = 1


def simulate(setup: Setup) -> Measures:
    """Run it."""
    span = span_s(setup.jobs, setup.queues, CORES_PER_QUEUE)
    sites = sites_of(setup.seed, setup.queues, span)
    disks = endpoints(setup.queues)
    tasks = tasks_of(setup.seed, setup.jobs, sites, disks, span)
    policy = POLICIES[setup.policy](sites, Random(f"{setup.seed}/{setup.policy}"))
    return Grid(setup.seed, sites, tasks, disks, policy).run()
