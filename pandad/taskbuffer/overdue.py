"""Jobs past a limit: a statement for each row of the table of timeouts, made of that row alone."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from pandad.spec.errorcodes import TRANSFER_TIMEOUT
from pandad.spec.jobstatus import TRANSITIONS, Actor, Event, JobStatus
from pandad.spec.pilotcommand import KILL
from pandad.spec.site import QueueStatus
from pandad.spec.timeouts import ANALYSIS_LABELS, TIMEOUTS, JobClass, Timeout
from pandad.taskbuffer.sites import effective
from pandad.taskbuffer.statement import Statement, sql
from pandad.taskbuffer.store import Transaction


@dataclass(frozen=True, slots=True)
class Overdue:
    """A job past a limit.

    :param heard: the last word of its pilot, or the change of state if that is later.
    :param waits_for: the input that is missing; of jobs in `waiting` only.
    :param silences: how many pilots before this one got the job and never spoke, in a row; of jobs in `sent` only.
    :param files: the outputs that it waits for; of transfers only.
    """

    panda_id: int
    status: JobStatus
    attempt_nr: int
    heard: datetime
    changed: datetime
    ended: datetime | None
    command: str | None
    waits_for: str | None
    silences: int = 0
    files: str | None = None


def _listed(words: Collection[str]) -> str:
    return "(" + ", ".join(f"'{word}'" for word in sorted(words)) + ")"


def _of_class(wanted: JobClass) -> list[str]:
    """`JobClass.holds` in SQL."""
    conditions = []
    if wanted.analysis is not None:
        test = "IN" if wanted.analysis else "NOT IN"
        conditions.append(f"coalesce(j.prodsourcelabel, '') {test} {_listed(ANALYSIS_LABELS)}")
    if wanted.lowest is not None:
        conditions.append(f"j.currentpriority >= {wanted.lowest}")
    if wanted.highest is not None:
        conditions.append(f"j.currentpriority <= {wanted.highest}")
    return conditions


def _conditions(row: Timeout) -> list[str]:
    found = [f"j.jobstatus IN {_listed(row.states)}", f"j.{row.since.lower()} < %(before)s::timestamptz", *_of_class(row.of)]
    if JobStatus.HOLDING in row.states:
        found.append("j.reportedstatus IS NULL")  # else its pilot has done its part, and the data service has the job
    if row.event is None:
        found.append(f"j.commandtopilot IS DISTINCT FROM '{KILL}'")  # it has been told
    if row.spares_paused:
        found.append("NOT EXISTS (SELECT FROM queue q WHERE q.name = j.computingsite"
                     f" AND {effective('q')} = '{QueueStatus.PAUSED}')")
    return found


_SPOKEN = {event for event, row in TRANSITIONS.items() if row.actors == {Actor.PILOT}} - {Event.CLAIMED}

# The history is the counter: what a pilot says begins a new series.
_SILENCES = f"""
    (SELECT count(*) FROM job_event e WHERE e.pandaid = j.pandaid AND e.event = '{Event.SENT_EXPIRED}' AND e.id > coalesce(
        (SELECT max(w.id) FROM job_event w WHERE w.pandaid = j.pandaid AND w.event IN {_listed(_SPOKEN)}), 0))"""

_FILES = """
    (SELECT string_agg(f.lfn, ',' ORDER BY f.row_id) FROM file f
     WHERE f.pandaid = j.pandaid AND f.type IN ('output', 'log') AND f.status <> 'ready')"""


def _statement(row: Timeout) -> Statement:
    silences = _SILENCES if row.event is Event.SENT_EXPIRED else "0"
    files = _FILES if row.fault is TRANSFER_TIMEOUT else "NULL"
    return sql(f"overdue.{row.name}", f"""
        SELECT j.pandaid, j.jobstatus, j.attemptnr, j.modificationtime, j.statechangetime, j.endtime, j.commandtopilot,
               CASE WHEN j.jobstatus = '{JobStatus.WAITING}' THEN j.ddmerrordiag END, {silences}, {files}
        FROM job j WHERE {" AND ".join(_conditions(row))}
          AND j.pandaid <> ALL (%(besides)s::bigint[])
          AND (%(only)s::bigint IS NULL OR j.pandaid = %(only)s::bigint)
        LIMIT %(limit)s FOR UPDATE OF j SKIP LOCKED""", planned_each_time=True)


_STATEMENTS: Mapping[str, Statement] = {row.name: _statement(row) for row in TIMEOUTS}


async def overdue(txn: Transaction, row: Timeout, before: datetime, limit: int, *, besides: Collection[int] = (),
                  only: int | None = None) -> list[Overdue]:
    """Jobs to which that row of the table happens, locked: a pilot that speaks just now is passed over, and one that speaks later
    waits until the caller's transaction has decided.

    :param before: since when the limit has passed. (see `outages.cutoffs`)
    :param besides: not these. :param only: no other than this.
    """
    rows = await txn.many(_STATEMENTS[row.name], before=before, limit=limit, besides=list(besides), only=only)
    return [Overdue(panda_id, JobStatus(status), *rest) for panda_id, status, *rest in rows]
