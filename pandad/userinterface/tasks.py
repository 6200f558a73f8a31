"""Tasks as their owners handle them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson

from pandad.config import JediConfig, UserInterfaceConfig
from pandad.spec.act import doer
from pandad.spec.caller import Caller
from pandad.spec.errors import BadRequest, Conflict, Forbidden, NotFound
from pandad.spec.task import Task
from pandad.spec.taskstatus import GENERATING, TASK_FINAL, TASK_TRANSITIONS, TaskActor, TaskEvent, TaskStatus
from pandad.taskbuffer import audit, taskfiles, tasks
from pandad.taskbuffer.store import Store, Transaction
from pandad.userinterface import kill, tasksubmission
from pandad.userinterface.authority import may_steer, why_not_steer
from pandad.userinterface.identity import identity_of
from pandad.userinterface.tasksubmission import IDrafts, TaskReceipt, TaskWish, refuse_jobs

LARGEST_BYTES = 1 << 20  # of task_parameters as JSON
MOST_INCREASE = 100
AGAIN, AGAIN_WITH = 0, 3  # what pbook takes for a good answer, without new parameters and with

Act = Callable[[Transaction, Task], Awaitable[str]]


class Tasks:
    """What people and their programs do with tasks. Every call names what is wrong with it, or who may make it.

    :param drafts: knows what parameters mean.
    """

    def __init__(self, store: Store, drafts: IDrafts, config: JediConfig, submissions: UserInterfaceConfig) -> None:
        self._store, self._drafts, self._config, self._submissions = store, drafts, config, submissions

    async def submit(self, caller: Caller, parameters: Mapping[str, Any], parent: int | None) -> TaskReceipt:
        """A task of these parameters: a new one, the same once more, or none.

        :raise BadRequest: names the key that cannot be meant. :raise Forbidden: not with this role.
        """
        owner = identity_of(caller)
        _refuse_unstorable(parameters, "task_parameters")
        spec = self._drafts.refine(parameters)
        refuse_jobs(self._drafts, spec, caller)
        wish = TaskWish(spec=spec, parameters=parameters, caller=caller, owner=owner, parent=parent,
                        repeat_s=self._submissions.submit_repeat_window_s)
        return await self._store.transact("task_submit", tasksubmission.store, wish, self._drafts, self._config)

    async def kill(self, caller: Caller, task_id: int) -> str:
        """It ends, and so do its jobs: at once, or as soon as their pilots hear of it.

        :raise NotFound, Forbidden, Conflict: as all of these.
        """
        async def act(txn: Transaction, task: Task) -> str:
            await _happen(txn, task, TaskEvent.KILLED, caller, f"killed by {caller.name}")
            return f"{task.id} is killed, and {await _kill_jobs(txn, caller, task)} jobs of it"

        return await self._act("kill task", caller, task_id, act)

    async def finish(self, caller: Caller, task_id: int, soft: bool) -> str:
        """No more jobs are made. ``soft``: those that are may end; else they are killed."""
        async def act(txn: Transaction, task: Task) -> str:
            await _happen(txn, task, TaskEvent.FINISH_ASKED, caller, f"to be finished, by {caller.name}")
            return f"{task.id} is finished" + (
                " when its jobs have ended" if soft else f", and {await _kill_jobs(txn, caller, task)} jobs of it are killed")

        return await self._act("finish task", caller, task_id, act)

    async def retry(self, caller: Caller, task_id: int, new: Mapping[str, Any]) -> tuple[int, str]:
        """What failed is tried again, with what changed of the parameters; the code that clients look for, and a sentence."""
        async def act(txn: Transaction, task: Task) -> str:
            if new:
                return await self._retry_with(txn, caller, task, new)
            if task.status in GENERATING:
                count = await taskfiles.try_failed(txn, task.id)
                await tasks.note(txn, task.id, TaskEvent.RETRIED, actor=TaskActor.USER, who=identity_of(caller).subject)
                txn.hint("tasks")
                return f"{task.id} goes on, and {count} failed files of it are tried again"
            return await _set_going(txn, caller, task, TaskEvent.RETRIED)

        return AGAIN_WITH if new else AGAIN, await self._act("retry task", caller, task_id, act)

    async def _retry_with(self, txn: Transaction, caller: Caller, task: Task, new: Mapping[str, Any]) -> str:
        _refuse_state(task, TaskEvent.RESUBMITTED)
        _refuse_unstorable(new, "new_parameters")
        parameters, spec = self._drafts.refine_again(task.parameters, new, strict=True)
        refuse_jobs(self._drafts, spec, caller)
        await tasksubmission.go_again(txn, task, spec, parameters, task.digest, caller)
        return f"{task.id} is executed again with new parameters"

    async def pause(self, caller: Caller, task_id: int) -> str:
        """No more jobs are made until it is resumed; those that are go on."""
        async def act(txn: Transaction, task: Task) -> str:
            await _happen(txn, task, TaskEvent.PAUSED, caller, f"paused by {caller.name}")
            return f"{task.id} is paused; the jobs that it has go on"

        return await self._act("pause task", caller, task_id, act)

    async def resume(self, caller: Caller, task_id: int) -> str:
        """A paused one goes on."""
        return await self._act(
            "resume task", caller, task_id, lambda txn, task: _set_going(txn, caller, task, TaskEvent.RESUMED, ()))

    async def reactivate(self, caller: Caller, task_id: int) -> str:
        """However it ended, it is set going again: what failed is tried again, and new input is looked for."""
        return await self._act(
            "reactivate task", caller, task_id, lambda txn, task: _set_going(txn, caller, task, TaskEvent.REACTIVATED))

    async def reload_input(self, caller: Caller, task_id: int) -> str:
        """Its input is looked up again; files that came since are processed too."""
        return await self._act(
            "reload task", caller, task_id, lambda txn, task: _set_going(txn, caller, task, TaskEvent.RELOADED, ()))

    async def increase_attempts(self, caller: Caller, task_id: int, increase: int) -> str:
        """Jobs that are made from now on may be tried so many times more."""
        if not 0 < increase <= MOST_INCREASE:
            raise BadRequest("increase", f"{increase} is not from 1 to {MOST_INCREASE}")

        async def act(txn: Transaction, task: Task) -> str:
            await tasks.more_attempts(txn, task.id, increase)
            await tasks.note(txn, task.id, "attempts increased", actor=TaskActor.USER, who=identity_of(caller).subject)
            return f"jobs of {task.id} that are made from now on have {increase} attempts more"

        return await self._act("increase attempts of task", caller, task_id, act)

    async def _act(self, word: str, caller: Caller, task_id: int, act: Act) -> str:
        identity_of(caller)
        return await self._store.transact("task_steer", _steer, word, caller, task_id, act)


async def _steer(txn: Transaction, word: str, caller: Caller, task_id: int, act: Act) -> str:
    """With the task locked, and noted in the audit."""
    task = await tasks.lock(txn, task_id)
    if task is None:
        raise NotFound("task", task_id)
    if not may_steer(caller, task):
        raise Forbidden(why_not_steer(caller, task))
    said = await act(txn, task)
    await audit.note(txn, doer(caller)(word, f"task {task_id}"))
    return f"command={word.split()[0]} is registered for jediTaskID={task_id}: {said}"


def _refuse_unstorable(parameters: Mapping[str, Any], name: str) -> None:
    """:raise BadRequest: the database could not hold that."""
    try:
        text = orjson.dumps(parameters)
    except orjson.JSONEncodeError as problem:
        raise BadRequest(name, f"holds what is no JSON to others ({problem})") from None
    if len(text) > LARGEST_BYTES:
        raise BadRequest(name, f"has more than {LARGEST_BYTES} bytes as JSON")
    if b"\\u0000" in text:
        raise BadRequest(name, "holds a NUL character")


def _refuse_state(task: Task, event: TaskEvent) -> None:
    """:raise Conflict: that cannot happen to the task as it is."""
    sources = TASK_TRANSITIONS[event].sources
    if task.status not in sources:
        states = ", ".join(sorted(sources))
        raise Conflict(f"command rejected: jediTaskID={task.id} is in the {task.status} state; "
                       f"this is for tasks that are {states}")


async def _happen(txn: Transaction, task: Task, event: TaskEvent, caller: Caller, why: str | None) -> None:
    _refuse_state(task, event)
    happened = await tasks.happened(txn, task.id, event, who=identity_of(caller).subject, why=why)
    assert happened, f"task {task.id} was locked and has changed"


async def _set_going(txn: Transaction, caller: Caller, task: Task, event: TaskEvent,
                     failed: tuple[TaskStatus, ...] = tuple(TASK_FINAL)) -> str:
    """:param failed: states in which failed files are tried again."""
    await _happen(txn, task, event, caller, None)
    await tasks.next_round(txn, task.id)
    count = await taskfiles.try_failed(txn, task.id) if task.status in failed else 0
    return f"{task.id} is set going" + (f", and {count} failed files of it are tried again" if count else "")


async def _kill_jobs(txn: Transaction, caller: Caller, task: Task) -> int:
    ids = await taskfiles.open_jobs(txn, task.id)
    return sum(answer.taken for answer in await kill.kill(txn, caller, ids, None)) if ids else 0
