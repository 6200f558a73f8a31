"""Tasks as people and their clients look at them. Nothing here is locked, or writes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pandad.spec.caller import Identity
from pandad.spec.jobstatus import JobStatus
from pandad.spec.task import Task
from pandad.spec.taskstatus import FileStatus, TaskStatus
from pandad.taskbuffer.pool import Row
from pandad.taskbuffer.statement import sql
from pandad.taskbuffer.store import Transaction
from pandad.taskbuffer.taskfiles import INPUTS
from pandad.taskbuffer.tasks import TASK_ROW, task_of

_VIEW = f"""{TASK_ROW}, c.files, c.finished, c.failed
    FROM task t CROSS JOIN LATERAL (
        SELECT coalesce(sum(nfiles), 0)::bigint AS files, coalesce(sum(nfilesfinished), 0)::bigint AS finished,
               coalesce(sum(nfilesfailed), 0)::bigint AS failed
        FROM task_dataset d WHERE d.jeditaskid = t.jeditaskid AND d.type IN {INPUTS}) c"""

_FIND = sql("taskviews.find", f"SELECT {_VIEW} WHERE t.jeditaskid = %(task_id)s::bigint")

_LIST = sql("taskviews.list", f"""
    SELECT {_VIEW}
    WHERE (%(subjects)s::text[] IS NULL
           OR (t.ownersubject, t.owneranchor) IN (SELECT * FROM unnest(%(subjects)s::text[], %(anchors)s::text[])))
      AND (%(since)s::timestamptz IS NULL OR t.modificationtime >= %(since)s::timestamptz)
      AND (%(ids)s::bigint[] IS NULL OR t.jeditaskid = ANY (%(ids)s::bigint[]))
      AND (%(states)s::text[] IS NULL OR t.status::text = ANY (%(states)s::text[]))
      AND (%(names)s::text[] IS NULL OR t.taskname LIKE ANY (%(names)s::text[]))
      AND (%(users)s::text[] IS NULL OR t.username LIKE ANY (%(users)s::text[]))
      AND (%(labels)s::text[] IS NULL OR t.prodsourcelabel LIKE ANY (%(labels)s::text[]))
      AND (%(groups)s::text[] IS NULL OR t.workinggroup LIKE ANY (%(groups)s::text[]))
      AND (%(vos)s::text[] IS NULL OR t.vo LIKE ANY (%(vos)s::text[]))
      AND (%(types)s::text[] IS NULL OR t.processingtype LIKE ANY (%(types)s::text[]))
      AND (%(after)s::bigint IS NULL OR t.jeditaskid >= %(after)s::bigint)
    ORDER BY t.modificationtime DESC LIMIT %(limit)s""", planned_each_time=True)

_JOBS = sql("taskviews.jobs", """
    SELECT pandaid FROM task_job WHERE jeditaskid = %(task_id)s::bigint ORDER BY pandaid LIMIT %(limit)s""",
            planned_each_time=True)

_UNSUCCESSFUL = sql("taskviews.unsuccessful", """
    SELECT pandaid FROM task_job
    WHERE jeditaskid = %(task_id)s::bigint AND ended IN ('failed', 'cancelled', 'closed')
    ORDER BY pandaid LIMIT %(limit)s""", planned_each_time=True)

_DATASETS = sql("taskviews.datasets", """
    SELECT id, type, name, container FROM task_dataset WHERE jeditaskid = %(task_id)s::bigint ORDER BY id""")

_FILES = sql("taskviews.files", """
    SELECT f.dataset, f.id, f.scope, coalesce(f.part_of, f.lfn), f.status FROM task_file f
    WHERE f.dataset = ANY (%(datasets)s::bigint[])
    ORDER BY f.dataset, f.id LIMIT %(limit)s""", planned_each_time=True)

_STATISTICS = sql("taskviews.statistics", f"""
    SELECT f.status, count(*) FROM task_dataset d JOIN task_file f ON f.dataset = d.id
    WHERE d.jeditaskid = %(task_id)s::bigint AND d.type IN {INPUTS} GROUP BY 1 ORDER BY 1""")

_AT_WORK = sql("taskviews.at_work", """
    SELECT j.jobstatus, count(*) FROM task_job t JOIN job j USING (pandaid)
    WHERE t.jeditaskid = %(task_id)s::bigint AND t.ended IS NULL GROUP BY 1""")

_EVENTS = sql("taskviews.events", """
    SELECT at, event, fromstatus, tostatus, actor, who, why FROM task_event WHERE jeditaskid = %(task_id)s::bigint ORDER BY id""")

_WRITTEN = sql("taskviews.written", f"""
    SELECT f.scope, f.lfn, f.guid, f.fsize, f.checksum FROM task_dataset d
    JOIN task_file f ON f.dataset = d.id AND f.status = '{FileStatus.FINISHED}'
    WHERE d.container = %(container)s::text AND d.type IN ('output', 'log') ORDER BY f.lfn, f.scope""")

_IS_WRITTEN = sql("taskviews.is_written", """
    SELECT EXISTS (SELECT FROM task_dataset WHERE container = %(container)s::text AND type IN ('output', 'log'))""")


@dataclass(frozen=True, slots=True)
class TaskView:
    """A task and the figures of its input."""

    task: Task
    files: int
    finished: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which tasks; None: whatever it is. Texts may have % for any text. ``owners``: theirs."""

    owners: Collection[Identity] | None = None
    since: datetime | None = None
    ids: Collection[int] | None = None
    after: int | None = None
    states: Collection[TaskStatus] | None = None
    names: Sequence[str] | None = None
    users: Sequence[str] | None = None
    labels: Sequence[str] | None = None
    groups: Sequence[str] | None = None
    vos: Sequence[str] | None = None
    types: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class TaskDataset:
    """What a task reads or writes."""

    id: int
    type: str
    name: str
    container: str


async def find(txn: Transaction, task_id: int) -> TaskView | None:
    """The task of that number."""
    row = await txn.maybe(_FIND, task_id=task_id)
    return _view(row) if row is not None else None


async def listed(txn: Transaction, wanted: Wanted, limit: int) -> list[TaskView]:
    """Such tasks, those first that changed last."""
    owners = None if wanted.owners is None else sorted(wanted.owners, key=lambda o: (o.subject, o.anchor))
    rows = await txn.many(
        _LIST, subjects=None if owners is None else [o.subject for o in owners],
        anchors=None if owners is None else [o.anchor for o in owners], since=wanted.since, ids=_list(wanted.ids),
        states=_list(wanted.states), names=_list(wanted.names), users=_list(wanted.users), labels=_list(wanted.labels),
        groups=_list(wanted.groups), vos=_list(wanted.vos), types=_list(wanted.types), after=wanted.after, limit=limit)
    return [_view(row) for row in rows]


async def job_ids(txn: Transaction, task_id: int, limit: int, *, unsuccessful: bool = False) -> list[int]:
    """Its jobs, in the order in which they were made."""
    return [row[0] for row in await txn.many(_UNSUCCESSFUL if unsuccessful else _JOBS, task_id=task_id, limit=limit)]


async def datasets(txn: Transaction, task_id: int) -> list[TaskDataset]:
    """What it reads and writes."""
    return [TaskDataset(*row) for row in await txn.many(_DATASETS, task_id=task_id)]


async def files(txn: Transaction, ids: Sequence[int], limit: int) -> list[tuple[int, dict[str, Any]]]:
    """Of these datasets the files, each with the dataset that it is in."""
    rows = await txn.many(_FILES, datasets=list(ids), limit=limit)
    return [(dataset, {"lfn": lfn, "scope": scope, "id": file_id, "status": status})
            for dataset, file_id, scope, lfn, status in rows]


async def statistics(txn: Transaction, task_id: int) -> dict[str, int]:
    """Files of its input by their state."""
    return dict(await txn.many(_STATISTICS, task_id=task_id))


async def at_work(txn: Transaction, task_id: int) -> dict[JobStatus, int]:
    """How many of its jobs are in which state, of those whose end it has not noted."""
    return {JobStatus(status): count for status, count in await txn.many(_AT_WORK, task_id=task_id)}


async def events(txn: Transaction, task_id: int) -> list[dict[str, Any]]:
    """Its history, oldest first."""
    names = ("at", "event", "was", "became", "actor", "who", "why")
    return [dict(zip(names, row, strict=True)) for row in await txn.many(_EVENTS, task_id=task_id)]


async def written(txn: Transaction, container: str) -> list[Row] | None:
    """What tasks have written into the datasets of that name: scope, lfn, GUID, bytes, checksum; None: no task writes there."""
    rows = await txn.many(_WRITTEN, container=container)
    if not rows and not (await txn.one(_IS_WRITTEN, container=container))[0]:
        return None
    return rows


def _list(values: Collection[Any] | None) -> list[Any] | None:
    return None if values is None else list(values)


def _view(row: Row) -> TaskView:
    *values, all_files, finished, failed = row
    return TaskView(task_of(tuple(values)), all_files, finished, failed)
