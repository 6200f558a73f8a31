"""Tasks, for the pages about them: lists, and all that is known of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from twisted.internet.interfaces import IReactorTime

from pandad.spec.caller import Caller
from pandad.spec.errors import NotFound
from pandad.spec.ground import KILL
from pandad.spec.jobstatus import JobStatus
from pandad.taskbuffer import tasklist, taskviews
from pandad.taskbuffer.store import Store, Transaction
from pandad.taskbuffer.tasklist import TasksFound, TaskWish
from pandad.taskbuffer.taskviews import TaskDataset, TaskView
from pandad.userinterface.authority import grounds
from pandad.userinterface.kept import Kept


@dataclass(frozen=True, slots=True)
class TaskStory:
    """``jobs``: by state, so far as they are counted."""

    view: TaskView
    events: Sequence[Mapping[str, Any]]
    datasets: Sequence[TaskDataset]
    jobs: Mapping[JobStatus, int]

    def is_whole_for(self, caller: Caller) -> bool:
        """Whether he may see its datasets, messages, and who did what: on the grounds that hold for jobs."""
        return bool(grounds(caller, self.view.task) & KILL)


class TaskLists:
    """Finds them."""

    def __init__(self, store: Store, clock: IReactorTime) -> None:
        self._store = store
        self._listed: Kept[TasksFound] = Kept(clock)
        self._told: Kept[TaskStory] = Kept(clock)

    async def find(self, wish: TaskWish) -> TasksFound:
        """The newest such tasks."""
        return await self._listed.of(wish, lambda: self._store.read("task_list", tasklist.find, wish))

    async def story(self, task_id: int) -> TaskStory:
        """All of one; what of that somebody is shown the page sees to.

        :raise NotFound: there is no such task.
        """
        return await self._told.of(task_id, lambda: self._store.read("task_story", _story, task_id))


async def _story(txn: Transaction, task_id: int) -> TaskStory:
    view = await taskviews.find(txn, task_id)
    if view is None:
        raise NotFound("task", task_id)
    return TaskStory(view, await taskviews.events(txn, task_id), await taskviews.datasets(txn, task_id),
                     await tasklist.jobs(txn, task_id))
