"""The jobs of one person, the newest first, live and ended."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from pandad.spec.caller import Identity
from pandad.spec.jobstatus import JobStatus
from pandad.taskbuffer.statement import sql
from pandad.taskbuffer.store import Transaction

WINDOW = 5000  # jobs that one look goes through, whatever is asked for: nobody with a million of them holds up a connection

_COLUMNS = "pandaid, jobname, jobstatus, computingsite, attemptnr, statechangetime, jeditaskid, currentpriority"

# An identity at a time, by its index; what is asked for is told apart only then, so that a look never reads more than its window.
# The row with no job says how far it went.
_PAGE = sql("ownjobs.page", f"""
    WITH seen AS MATERIALIZED (
        SELECT j.*
        FROM unnest(%(anchors)s::text[], %(subjects)s::text[]) AS w(anchor, subject) CROSS JOIN LATERAL (
            SELECT {_COLUMNS} FROM job_ever e
            WHERE e.ownersubject = w.subject AND e.owneranchor = w.anchor AND e.pandaid < %(before)s::bigint
            ORDER BY e.pandaid DESC LIMIT %(window)s::int) AS j
        ORDER BY j.pandaid DESC LIMIT %(window)s::int)
    SELECT r.reached, f.*
    FROM (SELECT CASE WHEN count(*) = %(window)s::int THEN min(pandaid) END AS reached FROM seen) AS r
    LEFT JOIN LATERAL (
        SELECT {_COLUMNS} FROM seen
        WHERE (%(states)s::text[] = '{{}}' OR jobstatus = ANY (%(states)s::text[]::job_status[]))
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

    @property
    def window(self) -> int:
        """How many of the owner's jobs are looked at for it."""
        return WINDOW if self.states or self.queue is not None or self.task is not None else min(self.most, WINDOW)


async def page(txn: Transaction, owners: Collection[Identity], wish: Wish) -> Page:
    """Of the newest jobs of these owners, as many as one look goes through, those that are wished for."""
    rows = await txn.many(
        _PAGE, anchors=[o.anchor for o in owners], subjects=[o.subject for o in owners], before=wish.before, window=wish.window,
        states=list(wish.states), queue=wish.queue, task=wish.task, most=wish.most)
    found = [Listed(row[1], row[2], JobStatus(row[3]), *row[4:]) for row in rows if row[1] is not None]
    return Page(found, found[-1].PandaID if len(found) == wish.most else next((row[0] for row in rows), None))
