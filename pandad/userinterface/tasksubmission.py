"""A submission becomes a task once, however often it comes. (Codes and sentences, which clients read: PanDA's insertTaskParams.)

The name of a task stands for it, if its parameters say uniqueTaskName, as prun's do: who submits it again while it lives is told
so, and after its end sets it going once more. The very same parameters within the window of repeats are a lost answer: they get
the first one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from hashlib import sha256
from typing import Any, Protocol

import orjson

from pandad.config import JediConfig
from pandad.spec.caller import Caller, Identity, Role
from pandad.spec.errors import BadRequest
from pandad.spec.job import JobSpec
from pandad.spec.task import Task, TaskSpec
from pandad.spec.taskstatus import TASK_FINAL, TaskEvent
from pandad.taskbuffer import taskfiles, tasks
from pandad.taskbuffer.oneatatime import Matter, one_at_a_time
from pandad.taskbuffer.store import Transaction
from pandad.taskbuffer.tasks import NewTask
from pandad.userinterface.jobs import prepare

PARENT_UNKNOWN = "parent_tid"


class Code(IntEnum):
    """What became of it."""

    NEW = 0
    ALIVE = 2  # there is one of that name
    AGAIN = 3  # it ended, and is set going once more
    TOO_MANY = 10


@dataclass(frozen=True, slots=True)
class TaskReceipt:
    """``taken``: whether the task is at work now; ``message``: for the submitter, with jediTaskID=N where there is a task."""

    code: Code
    task_id: int | None
    message: str

    @property
    def taken(self) -> bool:
        return self.code in (Code.NEW, Code.AGAIN)


class IDrafts(Protocol):
    """Knows what parameters mean: jedi/drafts.py."""

    def refine(self, parameters: Mapping[str, Any]) -> TaskSpec: ...
    def refine_again(self, parameters: Mapping[str, Any], new: Mapping[str, Any], *,
                     strict: bool) -> tuple[dict[str, Any], TaskSpec]: ...
    def sample(self, spec: TaskSpec) -> list[JobSpec]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskWish:
    """A task that somebody submits. ``repeat_s``: for how long the same is a repeat."""

    spec: TaskSpec
    parameters: Mapping[str, Any]
    caller: Caller
    owner: Identity
    parent: int | None
    repeat_s: float

    @property
    def digest(self) -> str:
        return sha256(orjson.dumps([self.parameters, self.parent], option=orjson.OPT_SORT_KEYS)).hexdigest()

    @property
    def production(self) -> bool:
        return may_production(self.caller, self.spec.group)


def may_production(caller: Caller, group: str | None) -> bool:
    """Whether production work of that group may be submitted."""
    return caller.has(Role.PRODUCTION) or group in caller.production_of


def refuse_jobs(drafts: IDrafts, spec: TaskSpec, caller: Caller) -> None:
    """See to it that the jobs of such a task could be submitted.

    :raise BadRequest, Forbidden: they could not, and why.
    """
    for job in drafts.sample(spec):
        try:
            prepare(job, 0, caller)
        except BadRequest as problem:
            raise BadRequest("task_parameters", f"its jobs could not be submitted: {problem}") from None


async def store(txn: Transaction, wish: TaskWish, drafts: IDrafts, config: JediConfig) -> TaskReceipt:
    """Store the task, or say what there is already.

    :raise BadRequest: names the key that cannot be meant.
    """
    await one_at_a_time(txn, Matter.TASKS, [wish.owner])
    there = await _there(txn, wish)
    if there is not None and there.digest == wish.digest and there.submitted_s < wish.repeat_s:
        return TaskReceipt(Code.NEW, there.id, "a repeat: nothing new was stored; this was submitted "
                           f"{there.submitted_s:.0f} s ago as jediTaskID={there.id}")
    if there is not None and there.status in TASK_FINAL:
        return await _again(txn, there, wish, drafts)
    if there is not None:
        return TaskReceipt(Code.ALIVE, there.id,
                           f"jediTaskID={there.id} is in the {there.status} state for outDS={there.name}. You can "
                           "re-execute the task with the same or another input once it goes into finished/failed/done status")
    return await _new(txn, wish, config)


async def _there(txn: Transaction, wish: TaskWish) -> Task | None:
    if wish.spec.unique:
        return await tasks.lock_named(txn, wish.owner, wish.spec)
    found = await tasks.repeated(txn, wish.owner, wish.spec.name, wish.digest)
    return found if found is not None and found.submitted_s < wish.repeat_s else None


async def _new(txn: Transaction, wish: TaskWish, config: JediConfig) -> TaskReceipt:
    live = await tasks.count(txn, wish.owner)
    if live >= config.max_tasks:
        return TaskReceipt(Code.TOO_MANY, None, f"too many active tasks: {live} of yours have not ended, and {config.max_tasks} "
                           "are the most; wait for some of them, or kill them")
    if wish.parent is not None and await tasks.find(txn, wish.parent) is None:
        raise BadRequest(PARENT_UNKNOWN, f"there is no task {wish.parent}")
    for pattern in await tasks.bad_patterns(txn, [p for wanted in wish.spec.inputs for p in (*wanted.include, *wanted.exclude)]):
        raise BadRequest("task_parameters.jobParameters", f"{pattern!r} is no plain regular expression")
    task_id = await tasks.insert(txn, NewTask(
        spec=wish.spec, owner=wish.owner, user_name=wish.caller.name, production=wish.production, host=wish.caller.host,
        parameters=wish.parameters, digest=wish.digest, parent=wish.parent))
    return TaskReceipt(Code.NEW, task_id, f"succeeded. new jediTaskID={task_id}")


async def _again(txn: Transaction, task: Task, wish: TaskWish, drafts: IDrafts) -> TaskReceipt:
    parameters, spec = drafts.refine_again(task.parameters, wish.parameters, strict=False)
    await go_again(txn, task, spec, parameters, wish.digest, wish.caller)
    return TaskReceipt(Code.AGAIN, task.id, f"reactivation accepted. jediTaskID={task.id} (currently in {task.status} state) "
                       "will be re-executed with old and/or new input")


async def go_again(txn: Transaction, task: Task, spec: TaskSpec, parameters: Mapping[str, Any], digest: str,
                   caller: Caller) -> None:
    """The same task, with what changed of its parameters: what failed is tried again, and new input is looked for."""
    assert caller.identity is not None
    await tasks.go_again(txn, task.id, spec, parameters, digest, may_production(caller, spec.group))
    await tasks.next_round(txn, task.id)
    await taskfiles.try_failed(txn, task.id)
    if parameters.get("fixedSandbox") != task.parameters.get("fixedSandbox"):
        await taskfiles.drop_library(txn, task.id)
    await tasks.happened(txn, task.id, TaskEvent.RESUBMITTED, who=caller.identity.subject)
