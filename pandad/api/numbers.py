"""/metrics: all that this process counts, and how things stand in the database."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from math import inf

from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as WaitTimeout
from twisted.internet.interfaces import IReactorTime

from pandad import metrics
from pandad.api.access import PUBLIC
from pandad.api.encode import Reply, comes_as
from pandad.api.exposition import CONTENT_TYPE, exposition, families
from pandad.api.load import Urgency
from pandad.api.route import GET, PLAIN, Route
from pandad.metrics import Gauge, Labels
from pandad.spec.caller import Caller
from pandad.spec.errors import Unavailable
from pandad.taskbuffer.census import Census

ANSWER_LIMIT_S = 2.0  # for the database; without it the numbers of this process are told all the same
FRESH_S = 5.0  # however many scrapers there are


@comes_as(CONTENT_TYPE)
def as_openmetrics(result: bytes, wants_json: bool) -> Reply:
    """OpenMetrics text."""
    return Reply(result, CONTENT_TYPE)


class Numbers:
    """One method.

    :param take: looks into the database.
    """

    def __init__(self, take: Callable[[], Deferred[Census]], clock: IReactorTime) -> None:
        self._take, self._clock = take, clock
        self._taken: Census | None = None
        self._until_s = -inf  # it is good
        for series, read in _OF_THE_DATABASE.items():
            series.read(partial(self._of, read))
        metrics.DATABASE_UP.is_now(lambda: float(self._taken is not None))

    @Route("/metrics", GET, PLAIN, access=PUBLIC, gives=bytes, passive=True, urgency=Urgency.ALWAYS, encode=as_openmetrics)
    async def metrics(self, caller: Caller) -> bytes:
        """This process's counters, timings and gauges; ages, leases and errands from the database, while that answers."""
        if self._clock.seconds() > self._until_s:
            try:
                self._taken = await self._take().addTimeout(ANSWER_LIMIT_S, self._clock)
            except (Unavailable, WaitTimeout):
                self._taken = None
            else:
                self._until_s = self._clock.seconds() + FRESH_S
        return exposition(families(metrics.ALL))

    def _of(self, read: Callable[[Census], Mapping[Labels, float]]) -> Mapping[Labels, float]:
        return read(self._taken) if self._taken is not None else {}


def _each(values: Mapping[str, float]) -> Mapping[Labels, float]:
    return {(label,): value for label, value in values.items()}


_OF_THE_DATABASE: Mapping[Gauge, Callable[[Census], Mapping[Labels, float]]] = {
    metrics.JOBS: lambda census: _each(census.jobs),
    metrics.OLDEST_JOB: lambda census: _each(census.oldest_s),
    metrics.LEASES: lambda census: dict.fromkeys(census.leases.items(), 1.0),
    metrics.LOOPS_GOOD: lambda census: _each(census.loops_s),
    metrics.ERRANDS_WAITING: lambda census: {(): census.errands},
    metrics.ERRANDS_OLDEST: lambda census: {(): census.errands_s},
}
