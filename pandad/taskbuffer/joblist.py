"""Lists of jobs for people: the latest first, by what they ask for. However rare that is among millions, one call reads a bounded
part of an index, and says from where the next one goes on.

Ended jobs are found while they stand among the live ones ([history] keep_s); in the archive there is no order by time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pandad.spec.failure import EXIT_CODE, SOURCES
from pandad.spec.jobstatus import FINAL, JobStatus
from pandad.taskbuffer.statement import listed, sql
from pandad.taskbuffer.store import Transaction

READ_MOST = 10_000  # jobs in one call, of which those are picked that were asked for
LIVE = tuple(state for state in JobStatus if state not in FINAL)

_SOURCES = [source for source in SOURCES if source != EXIT_CODE]
_CODES = " ".join(f"WHEN '{source}' THEN abs(j.{source.lower()}errorcode)" for source in _SOURCES)
_CODE = f"""CASE %(source)s::text {_CODES}
    WHEN '{EXIT_CODE}' THEN CASE WHEN j.transexitcode ~ '^-?[0-9]{{1,9}}$' THEN abs(j.transexitcode::bigint) END END"""

_COLUMNS = ("pandaid, jobstatus, computingsite, statechangetime, creationtime, attemptnr, currentpriority, prodsourcelabel, "
            "workinggroup, produsername, jeditaskid, jobname, "
            "transexitcode, resource_type, corecount, "
            + ", ".join(f"{source.lower()}errorcode" for source in _SOURCES))

# From where to go on: a time may be that of many jobs.
_FROM = """j.statechangetime > now() - make_interval(secs => %(window_s)s::float)
          AND j.statechangetime <= %(before)s::timestamptz
          AND (j.statechangetime < %(before)s::timestamptz OR j.pandaid < %(below)s::bigint)
        ORDER BY j.statechangetime DESC, j.pandaid DESC"""

_FIND = sql("joblist.find", f"""
    WITH read AS MATERIALIZED (
        SELECT * FROM (
            SELECT l.* FROM unnest(%(live)s::text[]::job_status[]) AS s(state) CROSS JOIN LATERAL (
                SELECT {_COLUMNS} FROM job j
                WHERE j.jobstatus = s.state AND j.jobstatus IN ({listed(LIVE)}) AND {_FROM} LIMIT %(most)s) AS l
            UNION ALL
            SELECT e.* FROM (SELECT WHERE cardinality(%(ended)s::text[]) > 0) AS wanted CROSS JOIN LATERAL (
                SELECT {_COLUMNS} FROM job j WHERE j.jobstatus IN ({listed(FINAL)}) AND {_FROM} LIMIT %(most)s) AS e) AS found
        ORDER BY statechangetime DESC, pandaid DESC LIMIT %(most)s),
    picked AS (
        SELECT * FROM read j
        WHERE (j.jobstatus::text = ANY (%(live)s::text[]) OR j.jobstatus::text = ANY (%(ended)s::text[]))
          AND (%(queue)s::text IS NULL OR j.computingsite = %(queue)s::text)
          AND (%(user)s::text IS NULL OR j.produsername = %(user)s::text)
          AND (%(group)s::text IS NULL OR j.workinggroup = %(group)s::text)
          AND (%(label)s::text IS NULL OR j.prodsourcelabel = %(label)s::text)
          AND (%(resource_type)s::text IS NULL OR j.resource_type = %(resource_type)s::text)
          AND (%(task)s::bigint IS NULL OR j.jeditaskid = %(task)s::bigint)
          AND (%(source)s::text IS NULL OR {_CODE} = %(code)s::bigint)
        ORDER BY statechangetime DESC, pandaid DESC LIMIT %(limit)s),
    last AS (SELECT statechangetime AS at, pandaid AS id FROM read ORDER BY statechangetime, pandaid LIMIT 1)
    SELECT (SELECT count(*) FROM read), (SELECT at FROM last), (SELECT id FROM last), picked.*
    FROM (VALUES (1)) AS one LEFT JOIN picked ON true ORDER BY statechangetime DESC, pandaid DESC""", planned_each_time=True)


@dataclass(frozen=True, slots=True)
class Place:
    """After which job to go on."""

    at: datetime
    panda_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Which jobs. None: any.

    :param states: empty: all. :param error: (component as in failure.SOURCES, code).
    :param window_s: changed their state so lately.
    :param after: the place that the last answer named.
    """

    states: frozenset[JobStatus] = frozenset()
    queue: str | None = None
    user: str | None = None
    group: str | None = None
    label: str | None = None
    resource_type: str | None = None
    task: int | None = None
    error: tuple[str, int] | None = None
    window_s: float = 365 * 86400.0
    after: Place | None = None
    limit: int = 100

    @property
    def reads(self) -> int:
        """How many are looked at in one call: where each that is found is one of those asked for, no more than that."""
        picky = any(each is not None for each in (
            self.queue, self.user, self.group, self.label, self.resource_type, self.task, self.error))
        ended = self.states & FINAL
        return READ_MOST if picky or (ended and ended != FINAL) else self.limit


@dataclass(frozen=True, slots=True)
class Found:
    """``jobs``: each by attribute, in the database's spelling. ``read``: how many were looked at. ``next``: None: that is all."""

    jobs: Sequence[Mapping[str, object]]
    read: int
    next: Place | None


_NAMES = tuple(name.strip() for name in _COLUMNS.split(","))


async def find(txn: Transaction, wish: Wish) -> Found:
    """The jobs that changed their state last."""
    states = wish.states or tuple(JobStatus)
    source, code = wish.error or (None, None)
    after = wish.after
    rows = await txn.many(
        _FIND, live=[s for s in states if s not in FINAL], ended=[s for s in states if s in FINAL], queue=wish.queue,
        user=wish.user, group=wish.group, label=wish.label, resource_type=wish.resource_type, task=wish.task, source=source,
        code=code, window_s=wish.window_s, before=after.at if after else "infinity", below=after.panda_id if after else 2**63 - 1,
        limit=wish.limit, most=wish.reads)
    if not rows:
        return Found((), 0, None)
    jobs = [dict(zip(_NAMES, row[3:], strict=True)) for row in rows if row[3] is not None]
    read, at, panda_id = rows[0][:3]
    if len(jobs) == wish.limit:
        end = rows[-1]
        return Found(jobs, read, Place(end[3 + _NAMES.index("statechangetime")], end[3]))
    return Found(jobs, read, Place(at, panda_id) if read == wish.reads else None)
