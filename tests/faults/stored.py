"""What the database has of a round, read from beside the daemons."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from pandad.config import DatabaseConfig
from pandad.spec.jobstatus import FINAL, JobStatus
from pandad.taskbuffer.pool import Link, connect

from .checker import Stored, StoredEvent, StoredJob

LIVE = """SELECT jobstatus, count(*) FROM job WHERE pandaid > %(after)s AND jobstatus <> ALL (%(final)s::text[]::job_status[])
          GROUP BY jobstatus"""
JOBS = "SELECT pandaid, jobname, jobstatus, attemptnr FROM job_ever WHERE pandaid > %(after)s"
EVENTS = """SELECT pandaid, event, fromstatus, tostatus, attemptnr, actor FROM job_event_ever WHERE pandaid > %(after)s
            ORDER BY pandaid, id"""
REPORTS = "SELECT pandaid, attemptnr, outcome FROM job_report_ever WHERE pandaid > %(after)s"
HIGHEST = "SELECT coalesce(max(pandaid), 0) FROM job_ever"
HOLDERS = "SELECT name, holder, term FROM loop WHERE leaseuntil > now()"
BACK_S = """SELECT coalesce(max(extract(epoch FROM b.at - a.at)), 0)
            FROM job_event_ever a JOIN job_event_ever b USING (pandaid)
            WHERE pandaid > %(after)s AND a.event = 'claimed' AND b.event = 'sent lease expired'
              AND b.attemptnr = a.attemptnr + 1"""


class Observer:
    """A session of its own. A database that goes away takes it along: open one when the database is there."""

    def __init__(self, link: Link) -> None:
        self._link = link

    async def rows(self, text: str, **parameters: Any) -> list[tuple[Any, ...]]:
        """Run one statement."""
        return (await self._link.execute(text, parameters or None))[0]

    async def highest(self) -> int:
        """The last PandaID."""
        return int((await self.rows(HIGHEST))[0][0])

    async def live(self, after: int) -> dict[str, int]:
        """How many of the jobs after that PandaID are not through, by state."""
        return dict(await self.rows(LIVE, after=after, final=final()))

    async def holders(self) -> dict[str, tuple[str, int]]:
        """Who holds the lease of each loop now, and its term."""
        return {name: (holder, term) for name, holder, term in await self.rows(HOLDERS)}

    async def back_s(self, after: int) -> float:
        """The longest that a job whose pilot never spoke was out of the queue."""
        return float((await self.rows(BACK_S, after=after))[0][0])

    async def stored(self, after: int) -> Stored:
        """All about the jobs after that PandaID."""
        found = Stored()
        for panda_id, name, status, attempt_nr in await self.rows(JOBS, after=after):
            found.jobs[panda_id] = StoredJob(panda_id, name, JobStatus(status), attempt_nr)
        for panda_id, event, was, became, attempt_nr, actor in await self.rows(EVENTS, after=after):
            line = StoredEvent(event, JobStatus(was) if was else None, JobStatus(became), attempt_nr, actor)
            found.events[panda_id].append(line)
        for panda_id, attempt_nr, outcome in await self.rows(REPORTS, after=after):
            found.reports[panda_id, attempt_nr] = JobStatus(outcome)
        return found

    def close(self) -> None:
        """Hang up."""
        self._link.close()


def final() -> Collection[str]:
    """The final states as a parameter."""
    return sorted(FINAL)


async def observe(reactor: Any, database: DatabaseConfig) -> Observer:
    """Open one."""
    return Observer(await connect(reactor, database, "faults observer"))
