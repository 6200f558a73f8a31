"""API v1, module task: what users do with tasks. Shapes and codes: PanDA's task_api."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pandad.api import coerce
from pandad.api.access import OWN, STEER
from pandad.api.coerce import MAX_DEPTH, Unfit
from pandad.api.encode import Envelope
from pandad.api.route import MIB, Route
from pandad.spec.caller import Caller
from pandad.spec.errors import BadRequest, Conflict, Forbidden, NotFound, PandadError

if TYPE_CHECKING:
    from pandad.userinterface.tasks import Tasks

# What PanDA's clients look for beside the message.
CODES: Mapping[type[PandadError], int] = {NotFound: 2, Forbidden: 3, Conflict: 4}
DONE = 0
PARAMETERS_BYTES = 2 * MIB


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTask:
    """``task_parameters``: an object, or text of one. ``parent_tid``: the task whose end it waits for."""

    task_parameters: dict[str, Any]
    parent_tid: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskId:
    """Which task."""

    task_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """``soft``: jobs that are under way may end."""

    task_id: int
    soft: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """``new_parameters``: what changes of the task's; an object, or text of one."""

    task_id: int
    new_parameters: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Increase:
    """By how many attempts."""

    task_id: int
    increase: int


class Task:
    """One method per call."""

    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks

    @Route("/api/v1/task/submit", access=OWN, gives=int, takes=NewTask, body_limit_bytes=PARAMETERS_BYTES, json_depth=MAX_DEPTH)
    async def submit(self, caller: Caller, asked: NewTask) -> Envelope:
        """Store a task: its number is the data, and in the message. Of a name that has a task: docs/reference/tasks.md."""
        got = await self._tasks.submit(caller, asked.task_parameters, asked.parent_tid)
        return Envelope(got.taken, got.message, got.task_id if got.taken else int(got.code))

    @Route("/api/v1/task/kill", access=STEER, gives=int, takes=TaskId)
    async def kill(self, caller: Caller, asked: TaskId) -> Envelope:
        """End the task and its jobs."""
        return await _answered(self._tasks.kill(caller, asked.task_id))

    @Route("/api/v1/task/finish", access=STEER, gives=int, takes=Finish)
    async def finish(self, caller: Caller, asked: Finish) -> Envelope:
        """Make no more jobs, and let the task end."""
        return await _answered(self._tasks.finish(caller, asked.task_id, asked.soft))

    @Route("/api/v1/task/retry", access=STEER, gives=int, takes=Retry, body_limit_bytes=PARAMETERS_BYTES, json_depth=MAX_DEPTH)
    async def retry(self, caller: Caller, asked: Retry) -> Envelope:
        """Try again what failed."""
        try:
            new = coerce.table(asked.new_parameters) if asked.new_parameters else {}
        except Unfit as problem:
            raise BadRequest("new_parameters", str(problem)) from None
        try:
            code, message = await self._tasks.retry(caller, asked.task_id, new)
        except (NotFound, Forbidden, Conflict) as refused:
            return _refused(refused)
        return Envelope(True, message, code)

    @Route("/api/v1/task/pause", access=STEER, gives=int, takes=TaskId)
    async def pause(self, caller: Caller, asked: TaskId) -> Envelope:
        """Make no more jobs until it is resumed."""
        return await _answered(self._tasks.pause(caller, asked.task_id))

    @Route("/api/v1/task/resume", access=STEER, gives=int, takes=TaskId)
    async def resume(self, caller: Caller, asked: TaskId) -> Envelope:
        """Go on with a paused one."""
        return await _answered(self._tasks.resume(caller, asked.task_id))

    @Route("/api/v1/task/reactivate", access=STEER, gives=int, takes=TaskId)
    async def reactivate(self, caller: Caller, asked: TaskId) -> Envelope:
        """Set one going again that has ended, however it did."""
        return await _answered(self._tasks.reactivate(caller, asked.task_id))

    @Route("/api/v1/task/reload_input", access=STEER, gives=int, takes=TaskId)
    async def reload_input(self, caller: Caller, asked: TaskId) -> Envelope:
        """Look its input up again."""
        return await _answered(self._tasks.reload_input(caller, asked.task_id))

    @Route("/api/v1/task/increase_attempts", access=STEER, gives=int, takes=Increase)
    async def increase_attempts(self, caller: Caller, asked: Increase) -> Envelope:
        """Allow the jobs that are to be made more attempts."""
        return await _answered(self._tasks.increase_attempts(caller, asked.task_id, asked.increase))


async def _answered(work: Awaitable[str]) -> Envelope:
    """With the code that clients of PanDA know."""
    try:
        return Envelope(True, await work, DONE)
    except (NotFound, Forbidden, Conflict) as refused:
        return _refused(refused)


def _refused(error: PandadError) -> Envelope:
    return Envelope(False, str(error), CODES[type(error)])
