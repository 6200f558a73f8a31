"""Lives of a task: it becomes one job, however often what makes it is cut off, and ends as that does."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from pandad.spec.errors import Conflict
from pandad.spec.jobstatus import JobStatus
from pandad.spec.taskstatus import TaskStatus

from .errands import expect
from .lives import ALICE, Life
from .stand import QUEUE
from .ways import Scenario, cut

JOBS = "SELECT pandaid FROM task_job WHERE jeditaskid = %(task)s ORDER BY pandaid"
STATUS = "SELECT status FROM task WHERE jeditaskid = %(task)s"
NAMED = "SELECT count(*) FROM task WHERE taskname = %(name)s"
DUE = "UPDATE task SET nextcheck = now() WHERE jeditaskid = %(task)s RETURNING 1"
EVENTS = "SELECT event FROM task_event WHERE jeditaskid = %(task)s ORDER BY id"


class LivingTask:
    """One task of Alice's, of one job."""

    def __init__(self, life: Life) -> None:
        self._life, self.name, self.id = life, f"user.alice.{uuid.uuid4().hex}/", 0

    @property
    def parameters(self) -> dict[str, Any]:
        """As panda-client's users write them."""
        output = {"type": "template", "param_type": "output", "hidden": True, "dataset": "user.alice.out",
                  "value": "$PANDAID.out"}
        return {"taskName": self.name, "uniqueTaskName": True, "noInput": True, "transPath": "run.sh", "site": QUEUE,
                "ramCount": 500, "jobParameters": [{"type": "constant", "value": "--x"}, output]}

    async def submit(self) -> None:
        """Until the answer is heard; there is one task, with one number."""
        receipt = await self._life.answered(lambda world: world.tasks.submit(ALICE, self.parameters, None))
        self.id = receipt.task_id or 0
        expect(await self._life.place.observer.rows(NAMED, name=self.name), [(1,)], "tasks of that name")

    async def go_on(self, until: TaskStatus) -> None:
        """Rounds of the loop until the task is so."""
        while await self.status() is not until:
            await self._life.loop("tasks", self._due)

    async def steer(self, verb: str, *more: Any, becomes: TaskStatus) -> None:
        """Alice says something, until she is answered, or what she wants is so."""
        if await self.status() is not becomes:
            await self._life.answered(lambda world: _said(getattr(world.tasks, verb)(ALICE, self.id, *more)))
        expect(await self.status(), becomes, f"the task after {verb}")

    async def status(self) -> TaskStatus:
        """As it is stored."""
        ((status,),) = await self._life.place.observer.rows(STATUS, task=self.id)
        return TaskStatus(status)

    async def jobs(self) -> list[int]:
        """Those that were made of it."""
        return [row[0] for row in await self._life.place.observer.rows(JOBS, task=self.id)]

    async def events(self) -> list[str]:
        """What happened to it."""
        return [row[0] for row in await self._life.place.observer.rows(EVENTS, task=self.id)]

    async def _due(self) -> TaskStatus:
        status = await self.status()
        await self._life.place.observer.rows(DUE, task=self.id)
        return status


async def _said(call: Any) -> object:
    """The answer; a verb that came through, and whose answer was lost, cannot happen again."""
    try:
        return await call
    except Conflict as refused:
        return str(refused)


async def task_done(life: Life) -> None:
    """The straight way of a task."""
    task = LivingTask(life)
    with cut(life):
        await task.submit()
        await task.go_on(TaskStatus.RUNNING)
    (life.job_id,) = await task.jobs()
    for loop in ("brokerage", "activator"):
        await life.loop(loop)
    await life.acquire()
    await life.say("running")
    await life.finish()
    with cut(life):
        await task.go_on(TaskStatus.DONE)
    expect(await task.jobs(), [life.job_id], "the jobs of the task")
    expect(await task.events(), ["submitted", "input known", "jobs made", "all processed"], "what happened to it")


async def task_steered(life: Life) -> None:
    """Alice pauses her task, lets it go on, has it look again, kills it, sets it going, and so on."""
    task = LivingTask(life)
    with cut(life):
        await task.submit()
        await task.steer("pause", becomes=TaskStatus.PAUSED)
        await task.steer("resume", becomes=TaskStatus.REGISTERED)
        await task.go_on(TaskStatus.RUNNING)
        await task.steer("reload_input", becomes=TaskStatus.REGISTERED)
        await task.steer("kill", becomes=TaskStatus.ABORTING)
        await task.go_on(TaskStatus.ABORTED)
        await task.steer("reactivate", becomes=TaskStatus.REGISTERED)
        await task.steer("finish", False, becomes=TaskStatus.FINISHING)
        await task.go_on(TaskStatus.FAILED)
        await task.steer("retry", {}, becomes=TaskStatus.REGISTERED)
        await task.steer("kill", becomes=TaskStatus.ABORTING)
        await task.go_on(TaskStatus.ABORTED)
    jobs = await task.jobs()
    expect(len(jobs), 1, "jobs of the task")
    life.job_id = jobs[0]


TASKS: Mapping[Scenario, JobStatus | None] = {task_done: JobStatus.FINISHED, task_steered: JobStatus.CANCELLED}
