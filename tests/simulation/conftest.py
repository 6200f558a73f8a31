"""Things that the tests of the simulated grid play with."""

from __future__ import annotations

import pytest

from .run import Setup
from .sites import CORES_PER_QUEUE, endpoints, sites_of
from .workload import Task, span_s, tasks_of


@pytest.fixture
def a_task() -> Task:
    """The first of some work."""
    setup = Setup(jobs=1000, queues=10)
    span = span_s(setup.jobs, setup.queues, CORES_PER_QUEUE)
    return tasks_of(setup.seed, setup.jobs, sites_of(setup.seed, setup.queues, span), endpoints(setup.queues), span)[0]
