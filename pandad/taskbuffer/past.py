"""How things were in the last days, by time: jobs by state, sampled; how attempts ended, as it was counted."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from pandad.spec.jobstatus import FINAL, JobStatus
from pandad.taskbuffer.statement import listed, sql
from pandad.taskbuffer.store import Transaction

SAMPLE_S = 600
KEPT_DAYS = 3
LIVE = tuple(state for state in JobStatus if state not in FINAL)

# The first of several processes, and of several rounds in the same ten minutes, takes the sample. A counter that is wrong and
# below 0 (fsck: tally-exact) must not keep the counting from going on.
_SAMPLE = sql("past.sample", f"""
    WITH gone AS (DELETE FROM state_past WHERE bucket < now() - interval '{KEPT_DAYS} days'),
    due AS (
        SELECT date_bin('{SAMPLE_S} s', now(), 'epoch') AS bucket
        WHERE NOT EXISTS (SELECT FROM state_past WHERE queue = '' AND bucket = date_bin('{SAMPLE_S} s', now(), 'epoch'))),
    counted AS MATERIALIZED (
        SELECT t.queue, t.jobstatus, sum(t.jobs::float)::bigint AS jobs FROM due CROSS JOIN tally_part t GROUP BY 1, 2),
    sampled AS (
        SELECT queue, jobstatus, jobs FROM counted WHERE queue <> '' AND jobs > 0
        UNION ALL
        SELECT '', s.state, greatest(coalesce(sum(c.jobs::float), 0), 0)::bigint
        FROM unnest(ARRAY[{listed(LIVE)}]::job_status[]) AS s(state) LEFT JOIN counted c ON c.jobstatus = s.state
        GROUP BY s.state)
    INSERT INTO state_past (queue, bucket, jobstatus, jobs)
    SELECT s.queue, d.bucket, s.jobstatus, s.jobs FROM due d CROSS JOIN sampled s ON CONFLICT DO NOTHING""")

# As a row, so that the primary key leads there: by state_past_age those of all queues would be read.
_STATES = sql("past.states", """
    SELECT bucket, jobstatus, jobs FROM state_past
    WHERE queue = %(queue)s::text AND (queue, bucket) > (%(queue)s::text, now() - make_interval(secs => %(window_s)s::float))
    ORDER BY bucket""")

_ENDS = sql("past.ends", """
    SELECT bucket, sum(finished::float)::bigint, sum(failed::float)::bigint FROM queue_end
    WHERE bucket > now() - make_interval(secs => %(window_s)s::float) AND (%(queue)s::text = '' OR queue = %(queue)s::text)
    GROUP BY bucket ORDER BY bucket""", planned_each_time=True)

_NOW = sql("past.now", "SELECT now()")


@dataclass(frozen=True, slots=True)
class Sample:
    """``jobs``: by live state; what is not there is 0."""

    at: datetime
    jobs: dict[JobStatus, int]


@dataclass(frozen=True, slots=True)
class Ended:
    """Attempts that ended within facts.BUCKET_S from ``at`` on."""

    at: datetime
    finished: int
    failed: int


async def sample(txn: Transaction) -> int:
    """Take a sample if none was taken within these SAMPLE_S, and forget old ones; how many rows were added."""
    return await txn.run(_SAMPLE)


async def states(txn: Transaction, window_s: float, queue: str = "") -> list[Sample]:
    """The samples of a window, the oldest first; of one queue, or of all jobs."""
    found = await _states(txn, window_s, "")
    if queue:  # of one without jobs there is no row: when samples were taken say those of all
        there = await _states(txn, window_s, queue)
        found = {at: there.get(at, {}) for at in found}
    return [Sample(at, jobs) for at, jobs in found.items()]


async def _states(txn: Transaction, window_s: float, queue: str) -> dict[datetime, dict[JobStatus, int]]:
    found: dict[datetime, dict[JobStatus, int]] = defaultdict(dict)
    for at, status, jobs in await txn.many(_STATES, window_s=window_s, queue=queue):
        found[at][JobStatus(status)] = jobs
    return found


async def ends(txn: Transaction, window_s: float, queue: str = "") -> list[Ended]:
    """How attempts ended, the oldest first; times at which none did are left out."""
    return [Ended(*row) for row in await txn.many(_ENDS, window_s=window_s, queue=queue)]


async def now(txn: Transaction) -> datetime:
    """By the database's clock."""
    at: datetime = (await txn.one(_NOW))[0]
    return at
