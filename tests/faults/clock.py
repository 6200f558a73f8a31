"""The daemons' wall clocks jump by hours and days under load; only the database's clock may decide anything about jobs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from random import Random
from typing import Any
from urllib.request import urlopen

from . import faketime
from .campaign import Campaign, settled
from .crowd import Crowd
from .manners import dropped, tracebacks
from .stand import Stand

HOUR_S, DAY_S = 3600, 86400
OFFSETS_S = (DAY_S, -DAY_S, HOUR_S, -HOUR_S, 0)
LOAD_S = (0.5, 2.0)       # after a jump
ANSWER_LIMIT_S = 30.0
ACCURACY_S = 60.0         # no run lasts that long; the smallest jump is far longer
SENT_LEASE_S = 3

# Leases that ended before their time, also of jobs that are killed when their pilot stays silent; and whatever else the watcher
# did: all other limits are an hour and more.
EXPIRED = """SELECT pandaid, b.event, extract(epoch FROM b.at - a.at)::float
             FROM job_event_ever a JOIN job_event_ever b USING (pandaid)
             WHERE pandaid > %(after)s AND a.event = 'claimed' AND b.actor = 'watcher' AND a.id < b.id
               AND NOT EXISTS (SELECT FROM job_event_ever c WHERE c.pandaid = a.pandaid AND c.event = 'claimed'
                                                              AND c.id > a.id AND c.id < b.id)
               AND (b.event NOT IN ('sent lease expired', 'killed') OR b.at - a.at < make_interval(secs => %(lease_s)s))"""
BACKWARDS = """SELECT pandaid, event, extract(epoch FROM gone)::float
               FROM (SELECT pandaid, event, at - lag(at) OVER (PARTITION BY pandaid ORDER BY id) AS gone FROM job_event_ever
                     WHERE pandaid > %(after)s) AS e
               WHERE gone NOT BETWEEN make_interval(secs => -%(accuracy_s)s) AND make_interval(mins => 10)"""


class Skewed(Stand):
    """Daemons whose wall clocks can be moved apart. Certificates are valid by all of them."""

    pki_age = timedelta(days=2)

    def environment(self, number: int) -> Mapping[str, str]:
        """A clock of its own, right at first."""
        faketime.set_clock(self.clock(number), 0)
        return faketime.environment(self.clock(number))

    async def stop(self) -> None:
        """Nothing stays of the clocks."""
        pids = [daemon.pid for daemon in self.daemons]
        await super().stop()
        for pid in pids:
            if pid is not None:
                faketime.clear(pid)

    def clock(self, number: int) -> Path:
        """The file that says by how much it is off."""
        return self.directory / f"clock{number}"


class ClockJump(Campaign):
    """One daemon's clock, or every one's, jumps; the daemons go on as if nothing had been. A cycle is a jump of each."""

    name, cycles = "clock", 10
    stand: Skewed

    def build(self, directory: Path) -> Skewed:
        """Two daemons, two clocks."""
        return Skewed(self._reactor, directory, self.daemons, sent_lease_s=SENT_LEASE_S)

    async def cycle(self, crowd: Crowd, dice: Random) -> int:
        """Set all clocks, see that they are set, and that work goes on."""
        pids = [daemon.pid for daemon in self.stand.daemons]
        for number, door in enumerate(self.stand.passive):
            offset_s = dice.choice(OFFSETS_S)
            faketime.set_clock(self.stand.clock(number), offset_s)
            await asyncio.sleep(1.1)  # a daemon says a date for a second
            said_s = await asyncio.to_thread(_date_of, door.port)
            assert abs(said_s - time.time() - offset_s) < ACCURACY_S, f"the clock of daemon {number} was not moved"
        self._note(serving_s=round(await crowd.served(), 1))
        await asyncio.sleep(dice.uniform(*LOAD_S))
        assert [daemon.pid for daemon in self.stand.daemons] == pids, "a daemon did not outlive the jump"
        return 1

    async def complaints(self, crowd: Crowd, after: int) -> list[str]:
        """What ended before its time, durations that no clock measured, calls without an answer, and tracebacks."""
        observer = await self._observer()
        try:
            early = await settled(observer.rows(EXPIRED, after=after, lease_s=SENT_LEASE_S))
            apart = await settled(observer.rows(BACKWARDS, after=after, accuracy_s=ACCURACY_S))
        finally:
            observer.close()
        found = [f"job {job}: {event} {gone_s:.1f} s after its claim" for job, event, gone_s in early]
        found += [f"job {job}: {event} came {gone_s:.1f} s after the event before" for job, event, gone_s in apart]
        for door in self.stand.passive:
            found += false_durations(await asyncio.to_thread(_metrics_of, door.port))
        return [*found, *dropped(crowd.history), *tracebacks(self.stand.logs)]


def false_durations(metrics: str) -> Iterator[str]:
    """Sums of durations that are negative, or longer on average than any call may last."""
    values: dict[tuple[str, str], float] = {}
    for line in metrics.splitlines():
        if not line.startswith("#"):
            series, _, value = line.rpartition(" ")
            family, _, name = series.partition("{")
            values[family, name] = float(value)
    for (family, name), sum_s in values.items():
        timed = family.removesuffix("_sum")
        if timed != family and not 0 <= sum_s / max(values[f"{timed}_count", name], 1) < ACCURACY_S:
            yield f"{timed} {name} took {sum_s:.1f} s in all"


def _date_of(port: int) -> float:
    return parsedate_to_datetime(_ask(port, "healthz")[0]["Date"]).replace(tzinfo=UTC).timestamp()


def _metrics_of(port: int) -> str:
    return _ask(port, "metrics")[1]


def _ask(port: int, what: str) -> tuple[Any, str]:
    with urlopen(f"http://127.0.0.1:{port}/{what}", timeout=ANSWER_LIMIT_S) as answer:
        return answer.headers, answer.read().decode()

