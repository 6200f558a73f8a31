"""How things stand in the whole database, for those who watch over it: cheap however much there is."""

from __future__ import annotations

from dataclasses import dataclass, field

from pandad.spec.jobstatus import FINAL, JobStatus
from pandad.taskbuffer.statement import listed, sql
from pandad.taskbuffer.store import Transaction

LIVE = tuple(state for state in JobStatus if state not in FINAL)


@dataclass(frozen=True, slots=True)
class Census:
    """``oldest_s``: by state, for how long the job has been in it that has been longest. ``jobs``: by state. ``leases``: by loop,
    who runs it. ``loops_s``: by loop, how long ago its last good round ended, whoever ran it. ``errands``: outside calls that
    wait, and ``errands_s`` for how long the oldest has."""

    jobs: dict[str, int] = field(default_factory=dict)
    oldest_s: dict[str, float] = field(default_factory=dict)
    leases: dict[str, str] = field(default_factory=dict)
    loops_s: dict[str, float] = field(default_factory=dict)
    errands: int = 0
    errands_s: float = 0.0


_JOBS = sql("census.jobs", "SELECT jobstatus, sum(jobs) FROM tally_now GROUP BY jobstatus HAVING sum(jobs) > 0")

# One look into job_since for each state.
_OLDEST = sql("census.oldest", f"""
    SELECT s.jobstatus, extract(epoch FROM now() - (
        SELECT min(statechangetime) FROM job j WHERE j.jobstatus = s.jobstatus AND j.jobstatus IN ({listed(LIVE)})))::float
    FROM unnest(ARRAY[{listed(LIVE)}]::job_status[]) AS s(jobstatus)""")

_LOOPS = sql("census.loops", """
    SELECT name, CASE WHEN leaseuntil > now() THEN holder END, extract(epoch FROM now() - finished)::float FROM loop""")

_ERRANDS = sql("census.errands", "SELECT count(*), coalesce(extract(epoch FROM now() - min(asked)), 0)::float FROM errand")


async def take(txn: Transaction) -> Census:
    """As it is now."""
    loops = await txn.many(_LOOPS)
    errands, errands_s = await txn.one(_ERRANDS)
    return Census(
        jobs={state: int(jobs) for state, jobs in await txn.many(_JOBS)},
        oldest_s={state: age_s for state, age_s in await txn.many(_OLDEST) if age_s is not None},
        leases={name: holder for name, holder, _ in loops if holder is not None},
        loops_s={name: age_s for name, _, age_s in loops if age_s is not None}, errands=errands, errands_s=errands_s)
