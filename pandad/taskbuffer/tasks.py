"""Tasks: store them, find them, and let things happen to them. Their files and jobs: taskfiles.py; what people ask: taskviews.py.

`happened` is the only writer of a status. Who changes anything of a task locks its row first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from pandad.spec.caller import Identity
from pandad.spec.task import Task, TaskSpec
from pandad.spec.taskstatus import (
    FEEDING,
    TASK_FINAL,
    TASK_LIVE,
    TASK_TRANSITIONS,
    TaskActor,
    TaskEvent,
    TaskStatus,
)
from pandad.taskbuffer.pool import Row
from pandad.taskbuffer.statement import listed, sql
from pandad.taskbuffer.store import Transaction

TASK_ROW = """
    t.jeditaskid, t.taskname, t.uniquetaskname, t.status, t.owneranchor, t.ownersubject, t.username, t.vo, t.prodsourcelabel,
    t.workinggroup, t.processingtype, t.currentpriority, t.production, t.creationhost, t.parameters, t.digest,
    extract(epoch FROM now() - t.submitted), t.parent_tid, t.round, t.moreattempts, t.serial, t.errordialog, t.creationdate,
    t.modificationtime, t.statechangetime, t.starttime, t.endtime"""

_LIVE, _FINAL = f"({listed(TASK_LIVE)})", f"({listed(TASK_FINAL)})"


def task_of(row: Row) -> Task:
    """The task of a TASK_ROW."""
    (task_id, name, unique, status, anchor, subject, user, vo, label, group, processing, priority, production, host, parameters,
     digest, submitted_s, parent, round_nr, more, serial, dialog, *times) = row
    return Task(
        id=task_id, name=name, unique=unique, status=TaskStatus(status), owner=Identity(anchor, subject), user_name=user, vo=vo,
        label=label, group=group, processing_type=processing, priority=priority, production=production, host=host,
        parameters=parameters, digest=digest, submitted_s=float(submitted_s), parent=parent, round_nr=round_nr,
        more_attempts=more, serial=serial, dialog=dialog,
        **dict(zip(("created", "modified", "changed", "started", "ended"), times, strict=True)))


_FIND = sql("tasks.find", f"SELECT {TASK_ROW} FROM task t WHERE jeditaskid = %(task_id)s::bigint")

_LOCK = sql("tasks.lock", f"SELECT {TASK_ROW} FROM task t WHERE jeditaskid = %(task_id)s::bigint FOR UPDATE")

_LOCK_NAMED = sql("tasks.lock_named", f"""
    SELECT {TASK_ROW} FROM task t
    WHERE ownersubject = %(subject)s::text AND owneranchor = %(anchor)s::text AND vo = %(vo)s::text
      AND prodsourcelabel = %(label)s::text AND taskname = %(name)s::text
      AND uniquetaskname AND status <> '{TaskStatus.BROKEN}' FOR UPDATE""")

_REPEATED = sql("tasks.repeated", f"""
    SELECT {TASK_ROW} FROM task t
    WHERE ownersubject = %(subject)s::text AND owneranchor = %(anchor)s::text AND modificationtime > now() - interval '1 d'
      AND digest = %(digest)s::text AND taskname = %(name)s::text AND NOT uniquetaskname
    ORDER BY modificationtime DESC LIMIT 1""", planned_each_time=True)

_COUNT = sql("tasks.count", f"""
    SELECT count(*) FROM task WHERE ownersubject = %(subject)s::text AND owneranchor = %(anchor)s::text AND status IN {_LIVE}""")

_BAD_PATTERNS = sql("tasks.bad_patterns", """
    SELECT pattern FROM unnest(%(patterns)s::text[]) AS p(pattern) WHERE NOT is_pattern(pattern)""")

_INSERT = sql("tasks.insert", f"""
    INSERT INTO task (jeditaskid, parent_tid, taskname, uniquetaskname, status, owneranchor, ownersubject, username, vo,
                      prodsourcelabel, workinggroup, processingtype, currentpriority, production, creationhost, parameters,
                      digest)
    VALUES (nextval('task_jeditaskid'), %(parent)s::bigint, %(name)s::text, %(unique)s::boolean, '{TaskStatus.REGISTERED}',
            %(anchor)s::text, %(subject)s::text, %(user)s::text, %(vo)s::text, %(label)s::text, %(group)s::text,
            %(processing)s::text, %(priority)s::bigint, %(production)s::boolean, %(host)s::text, %(parameters)s::jsonb,
            %(digest)s::text)
    RETURNING jeditaskid""")

_HAPPEN = sql("tasks.happen", f"""
    WITH was AS (SELECT jeditaskid, status FROM task WHERE jeditaskid = %(task_id)s::bigint FOR UPDATE),
    moved AS (
        UPDATE task t SET
            status = %(target)s::text::task_status, modificationtime = now(), nextcheck = now(),
            statechangetime = CASE WHEN t.status::text = %(target)s::text THEN t.statechangetime ELSE now() END,
            errordialog = %(dialog)s::text,
            starttime = coalesce(t.starttime, CASE WHEN %(target)s::text = '{TaskStatus.RUNNING}' THEN now() END),
            endtime = CASE WHEN %(target)s::text IN {_FINAL} THEN now() END
        FROM was WHERE t.jeditaskid = was.jeditaskid AND was.status::text = ANY (%(sources)s::text[])
        RETURNING t.jeditaskid)
    INSERT INTO task_event (jeditaskid, event, fromstatus, tostatus, actor, who, why)
    SELECT was.jeditaskid, %(event)s::text, was.status, %(target)s::text::task_status, %(actor)s::text, %(who)s::text,
           %(why)s::text
    FROM moved JOIN was USING (jeditaskid)""")

_NOTE = sql("tasks.note", """
    WITH noted AS (
        UPDATE task SET modificationtime = now(), nextcheck = now() WHERE jeditaskid = %(task_id)s::bigint
        RETURNING jeditaskid, status)
    INSERT INTO task_event (jeditaskid, event, fromstatus, tostatus, actor, who, why)
    SELECT jeditaskid, %(event)s::text, status, status, %(actor)s::text, %(who)s::text, %(why)s::text FROM noted""")

_GO_AGAIN = sql("tasks.go_again", """
    UPDATE task SET parameters = %(parameters)s::jsonb, digest = %(digest)s::text, submitted = now(),
        currentpriority = %(priority)s::bigint, production = %(production)s::boolean
    WHERE jeditaskid = %(task_id)s::bigint""")

_NEXT_ROUND = sql("tasks.next_round", """
    UPDATE task SET round = round + 1 WHERE jeditaskid = %(task_id)s::bigint""")

_MORE_ATTEMPTS = sql("tasks.more_attempts", """
    UPDATE task SET moreattempts = least(moreattempts + %(more)s::int, 100) WHERE jeditaskid = %(task_id)s::bigint""")

_CHILDREN = sql("tasks.children", f"""
    UPDATE task SET nextcheck = now() WHERE parent_tid = %(task_id)s::bigint AND status IN ({listed(FEEDING)})""")

_DEFER = sql("tasks.defer", """
    UPDATE task SET nextcheck = now() + make_interval(secs => %(check_in_s)s) WHERE jeditaskid = %(task_id)s::bigint""")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTask:
    """A task that was not stored yet. ``production``: see Task."""

    spec: TaskSpec
    owner: Identity
    user_name: str
    production: bool
    host: str
    parameters: Mapping[str, Any]
    digest: str
    parent: int | None


async def find(txn: Transaction, task_id: int) -> Task | None:
    """The task of that number, as it is just now."""
    row = await txn.maybe(_FIND, task_id=task_id)
    return task_of(row) if row is not None else None


async def lock(txn: Transaction, task_id: int) -> Task | None:
    """The task of that number; it stays as it is until the transaction ends."""
    row = await txn.maybe(_LOCK, task_id=task_id)
    return task_of(row) if row is not None else None


async def lock_named(txn: Transaction, owner: Identity, spec: TaskSpec) -> Task | None:
    """The one that has this name for itself, locked."""
    row = await txn.maybe(_LOCK_NAMED, anchor=owner.anchor, subject=owner.subject, vo=spec.vo, label=spec.label, name=spec.name)
    return task_of(row) if row is not None else None


async def repeated(txn: Transaction, owner: Identity, name: str, digest: str) -> Task | None:
    """Of those that share their name the last one that was submitted as this."""
    row = await txn.maybe(_REPEATED, anchor=owner.anchor, subject=owner.subject, name=name, digest=digest)
    return task_of(row) if row is not None else None


async def count(txn: Transaction, owner: Identity) -> int:
    """How many of this owner have not ended."""
    return int((await txn.one(_COUNT, anchor=owner.anchor, subject=owner.subject))[0])


async def bad_patterns(txn: Transaction, patterns: Sequence[str]) -> list[str]:
    """Those of these regular expressions that PostgreSQL does not understand."""
    return [row[0] for row in await txn.many(_BAD_PATTERNS, patterns=list(patterns))] if patterns else []


async def insert(txn: Transaction, new: NewTask) -> int:
    """Store it; its number."""
    spec = new.spec
    (task_id,) = await txn.one(
        _INSERT, parent=new.parent, name=spec.name, unique=spec.unique, anchor=new.owner.anchor, subject=new.owner.subject,
        user=new.user_name, vo=spec.vo, label=spec.label, group=spec.group, processing=spec.processing_type,
        priority=spec.priority, production=new.production, host=new.host, parameters=orjson.dumps(new.parameters).decode(),
        digest=new.digest)
    await note(txn, task_id, TaskEvent.SUBMITTED, actor=TaskActor.USER, who=new.owner.subject)
    txn.hint("tasks")
    return int(task_id)


async def happened(txn: Transaction, task_id: int, event: TaskEvent, *, who: str, why: str | None = None) -> bool:
    """Something happened to the task: if that can be, move it, with a line of its history; whether it could be.

    :param why: it becomes the errorDialog that clients show.
    """
    row = TASK_TRANSITIONS[event]
    moved = await txn.run(_HAPPEN, task_id=task_id, event=event, sources=sorted(row.sources), target=row.target,
                          actor=row.actor, who=who, why=why, dialog=why)
    if moved and row.target in TASK_FINAL:
        await txn.run(_CHILDREN, task_id=task_id)
    if moved and row.actor is TaskActor.USER:
        txn.hint("tasks")
    return bool(moved)


async def note(txn: Transaction, task_id: int, event: str, *, actor: TaskActor, who: str, why: str | None = None) -> None:
    """A line of the task's history; its state stays."""
    await txn.run(_NOTE, task_id=task_id, event=event, actor=actor, who=who, why=why)


async def go_again(txn: Transaction, task_id: int, spec: TaskSpec, parameters: Mapping[str, Any], digest: str,
                   production: bool) -> None:
    """With these parameters from now on."""
    await txn.run(_GO_AGAIN, task_id=task_id, parameters=orjson.dumps(parameters).decode(), digest=digest, priority=spec.priority,
                  production=production)


async def next_round(txn: Transaction, task_id: int) -> None:
    """As before; what it writes goes into new datasets."""
    await txn.run(_NEXT_ROUND, task_id=task_id)


async def more_attempts(txn: Transaction, task_id: int, more: int) -> None:
    """Its jobs, those that are to be made, may be tried so many times more."""
    await txn.run(_MORE_ATTEMPTS, task_id=task_id, more=more)


async def defer(txn: Transaction, task_id: int, check_in_s: float) -> None:
    """Look at it again later."""
    await txn.run(_DEFER, task_id=task_id, check_in_s=check_in_s)
