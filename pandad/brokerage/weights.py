"""How the queues that may take a job are ranked: PanDA's formulas, by the kind of broker. The heaviest queue gets the job."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pandad.spec.facts import Load

Weight = Callable[[Load], float]

PRODUCTION_OFFSET = 10  # a queue with next to nothing to do is not worth a hundred times one that is well used
MOST_BACKLOG = 2.0


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


WEIGHTS: Mapping[str, Weight] = {"generic": generic, "analysis": analysis, "production": production}
