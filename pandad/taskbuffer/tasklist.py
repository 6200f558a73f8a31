"""Lists of tasks for people: the newest first, a bounded part of them in one call; and how the jobs of one are doing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pandad.spec.jobstatus import JobStatus
from pandad.spec.taskstatus import TaskStatus
from pandad.taskbuffer.statement import sql
from pandad.taskbuffer.store import Transaction
from pandad.taskbuffer.taskfiles import INPUTS

READ_MOST = 5000  # tasks in one call, of which those are picked that were asked for
JOBS_MOST = 20_000  # of one task, that are counted
NEWEST = 2**63 - 1

_COLUMNS = ("jeditaskid, status, taskname, username, workinggroup, prodsourcelabel, processingtype, currentpriority, "
            "creationdate, modificationtime, endtime")

_FIND = sql("tasklist.find", f"""
    WITH read AS MATERIALIZED (
        SELECT {_COLUMNS} FROM task WHERE jeditaskid < %(below)s::bigint ORDER BY jeditaskid DESC LIMIT {READ_MOST}),
    picked AS (
        SELECT * FROM read
        WHERE (%(states)s::text[] = '{{}}' OR status::text = ANY (%(states)s::text[]))
          AND (%(user)s::text IS NULL OR username = %(user)s::text)
          AND (%(label)s::text IS NULL OR prodsourcelabel = %(label)s::text)
        ORDER BY jeditaskid DESC LIMIT %(limit)s)
    SELECT (SELECT count(*) FROM read), (SELECT min(jeditaskid) FROM read), picked.*, c.files, c.finished, c.failed
    FROM (VALUES (1)) AS one LEFT JOIN picked ON true LEFT JOIN LATERAL (
        SELECT coalesce(sum(nfiles), 0)::bigint AS files, coalesce(sum(nfilesfinished), 0)::bigint AS finished,
               coalesce(sum(nfilesfailed), 0)::bigint AS failed
        FROM task_dataset d WHERE d.jeditaskid = picked.jeditaskid AND d.type IN {INPUTS}) AS c ON true
    ORDER BY picked.jeditaskid DESC""", planned_each_time=True)

# Of those that ended the task may have noted it, or not yet.
_JOBS = sql("tasklist.jobs", f"""
    SELECT coalesce(t.ended, j.jobstatus), count(*) FROM (
        SELECT pandaid, ended FROM task_job WHERE jeditaskid = %(task_id)s::bigint ORDER BY pandaid LIMIT {JOBS_MOST}) AS t
    LEFT JOIN job j ON t.ended IS NULL AND j.pandaid = t.pandaid
    GROUP BY 1""")


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskWish:
    """Which tasks; None, and no states: any. ``below``: where the last answer said to go on."""

    states: frozenset[TaskStatus] = frozenset()
    user: str | None = None
    label: str | None = None
    below: int = NEWEST
    limit: int = 50


@dataclass(frozen=True, slots=True)
class TasksFound:
    """``tasks``: by column, with files, finished and failed of the input. ``next``: None: that is all."""

    tasks: Sequence[Mapping[str, object]]
    read: int
    next: int | None


_NAMES = (*(name.strip() for name in _COLUMNS.split(",")), "files", "finished", "failed")


async def find(txn: Transaction, wish: TaskWish) -> TasksFound:
    """The newest such tasks."""
    rows = await txn.many(_FIND, below=wish.below, states=list(wish.states), user=wish.user, label=wish.label, limit=wish.limit)
    if not rows:
        return TasksFound((), 0, None)
    tasks = [dict(zip(_NAMES, row[2:], strict=True)) for row in rows if row[2] is not None]
    read, lowest = rows[0][:2]
    if len(tasks) == wish.limit:
        return TasksFound(tasks, read, rows[-1][2])
    return TasksFound(tasks, read, lowest if read == READ_MOST else None)


async def jobs(txn: Transaction, task_id: int) -> dict[JobStatus, int]:
    """How many of its first JOBS_MOST jobs are in which state; those in the archive whose end it has not noted are left out."""
    return {JobStatus(state): count for state, count in await txn.many(_JOBS, task_id=task_id) if state is not None}
