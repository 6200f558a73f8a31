"""The jobs of one person, the newest first, live and ended."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from pandad.spec.caller import Identity
from pandad.spec.jobstatus import JobStatus
from pandad.taskbuffer.statement import sql
from pandad.taskbuffer.store import Transaction

# Live jobs, of everybody, that one look goes through: there is no index of them by owner, for each change of a state would pay.
WALK = 20_000
WINDOW = 5000  # ended jobs of one owner, by their index

_COLUMNS = "pandaid, jobname, jobstatus, computingsite, attemptnr, statechangetime, jeditaskid, currentpriority"

# What is asked for is told apart only when it is known how far the look went, so that it never reads more than that. Each row
# says it; the one with no job, that there is none.
_PAGE = sql("ownjobs.page", f"""
    WITH owner AS (SELECT anchor, subject FROM unnest(%(anchors)s::text[], %(subjects)s::text[]) AS o(anchor, subject)),
    walked AS MATERIALIZED (
        SELECT {_COLUMNS}, owneranchor, ownersubject FROM job WHERE pandaid < %(before)s::bigint
        ORDER BY pandaid DESC LIMIT {WALK}),
    floor AS MATERIALIZED (SELECT CASE WHEN count(*) = {WALK} THEN min(pandaid) END AS at FROM walked),
    old AS MATERIALIZED (
        SELECT o.anchor, o.subject, a.* FROM owner o CROSS JOIN LATERAL (
            SELECT {_COLUMNS} FROM job_archive e
            WHERE e.ownersubject = o.subject AND e.owneranchor = o.anchor AND e.pandaid < %(before)s::bigint
              AND e.pandaid >= coalesce((SELECT at FROM floor), 0)
            ORDER BY e.pandaid DESC LIMIT {WINDOW}) AS a),
    reached AS MATERIALIZED (
        SELECT max(at) AS at FROM (
            SELECT at FROM floor
            UNION ALL SELECT min(pandaid) FROM old GROUP BY anchor, subject HAVING count(*) = {WINDOW}) AS x),
    seen AS (
        SELECT {_COLUMNS} FROM walked JOIN owner ON (anchor, subject) = (owneranchor, ownersubject)
        UNION ALL SELECT {_COLUMNS} FROM old)
    SELECT r.at, f.*
    FROM reached AS r LEFT JOIN LATERAL (
        SELECT {_COLUMNS} FROM seen
        WHERE pandaid >= coalesce(r.at, 0)
          AND (%(states)s::text[] = '{{}}' OR jobstatus = ANY (%(states)s::text[]::job_status[]))
          AND (%(queue)s::text IS NULL OR computingsite = %(queue)s::text)
          AND (%(task)s::bigint IS NULL OR jeditaskid = %(task)s::bigint)
        ORDER BY pandaid DESC LIMIT %(most)s::int) AS f ON true
    ORDER BY f.pandaid DESC""")

NEWEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Listed:
    """One line. Times are aware."""

    PandaID: int
    jobName: str | None
    jobStatus: JobStatus
    computingSite: str | None
    attemptNr: int
    stateChangeTime: datetime
    jediTaskID: int | None
    currentPriority: int


@dataclass(frozen=True, slots=True)
class Page:
    """``next``: there may be more before that PandaID; None: there are none."""

    jobs: Sequence[Listed]
    next: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Which jobs. ``states``: empty: any. ``queue``, ``task``: None: any. ``before``: only jobs with a smaller PandaID."""

    states: Sequence[JobStatus] = ()
    queue: str | None = None
    task: int | None = None
    before: int = NEWEST
    most: int = 100


async def page(txn: Transaction, owners: Collection[Identity], wish: Wish) -> Page:
    """Those that are wished for of the newest jobs of these owners, as far back as one look goes."""
    rows = await txn.many(
        _PAGE, anchors=[o.anchor for o in owners], subjects=[o.subject for o in owners], before=wish.before,
        states=list(wish.states), queue=wish.queue, task=wish.task, most=wish.most)
    found = [Listed(row[1], row[2], JobStatus(row[3]), *row[4:]) for row in rows if row[1] is not None]
    return Page(found, found[-1].PandaID if len(found) == wish.most else next((row[0] for row in rows), None))
