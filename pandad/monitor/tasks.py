"""The pages about tasks: lists of them, and one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from pandad.api.access import COUNTS, STORY
from pandad.api.route import GET, Route
from pandad.monitor import sight
from pandad.monitor.jobs import SHOWN, SHOWN_MOST
from pandad.monitor.page import PAGE, Page
from pandad.monitor.room import Room
from pandad.monitorconfig import MonitorConfig
from pandad.settings import nearest
from pandad.spec.caller import Caller
from pandad.spec.errors import BadRequest, NotAuthenticated
from pandad.spec.taskstatus import TASK_FINAL, TaskStatus
from pandad.taskbuffer.tasklist import NEWEST, TaskWish
from pandad.userinterface.overview import Overviews
from pandad.userinterface.tasklists import TaskLists, TaskStory


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFilter:
    """In BigPanDAmon's words. ``below``: where the page before ended."""

    status: str | None = None
    username: str | None = None
    prodsourcelabel: str | None = None
    display_limit: int = SHOWN
    below: int | None = None

    @property
    def wish(self) -> TaskWish:
        """:raise BadRequest: names the key, and what it may be."""
        if not 1 <= self.display_limit <= SHOWN_MOST:
            raise BadRequest("display_limit", f"is {self.display_limit}; a page shows 1 to {SHOWN_MOST} tasks")
        below = NEWEST if self.below is None else self.below
        return TaskWish(states=states_of(self.status), user=self.username, label=self.prodsourcelabel, below=below,
                        limit=self.display_limit)

    @property
    def query(self) -> dict[str, Any]:
        """What was asked for."""
        said = {"status": self.status, "username": self.username, "prodsourcelabel": self.prodsourcelabel}
        return {name: value for name, value in said.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class OneTask:
    """Which."""

    task_id: int


class TaskPages(Room):
    """One method per page."""

    def __init__(self, config: MonitorConfig, overviews: Overviews, lists: TaskLists) -> None:
        super().__init__(config)
        self._overviews, self._lists = overviews, lists

    @Route("/tasks/", GET, PAGE, access=COUNTS, gives=Page, passive=True, takes=TaskFilter)
    async def tasks(self, caller: Caller, asked: TaskFilter) -> Page:
        """Tasks, the newest first, with how far they are."""
        if asked.username and not sight.sees_names(caller):
            raise NotAuthenticated(
                "whose tasks they are is told to who comes with an identity: with a certificate or a token, over TLS")
        found = await self._lists.find(asked.wish)
        now = await self._overviews.now()
        after = f"/tasks/?{urlencode({**asked.query, 'below': found.next})}" if found.next is not None else None
        told = {"at": now.at, "filter": asked.query, "read": found.read, "next": after,
                "tasks": [sight.of_task_row(row, caller) for row in found.tasks]}
        return Page("tasks.html", "Tasks", told, caller, {
            "sees_names": sight.sees_names(caller), "states": [*TaskStatus], "asked": asked, "went_on": asked.below is not None})

    @Route("/task/<task_id>/", GET, PAGE, access=STORY, gives=Page, passive=True, takes=OneTask)
    async def task(self, caller: Caller, asked: OneTask) -> Page:
        """One task: how far it is, what its jobs do, and what happened to it."""
        story = await self._lists.story(asked.task_id)
        now = await self._overviews.now()
        told = {"at": now.at, **sight.of_task(story, caller), "is_over": story.view.task.status in TASK_FINAL}
        return Page("task.html", f"Task {asked.task_id}", told, caller, {"left": left(story)})


def left(story: TaskStory) -> int:
    """Files of its input that are not through."""
    return max(story.view.files - story.view.finished - story.view.failed, 0)


def states_of(text: str | None) -> frozenset[TaskStatus]:
    """From a list with commas; empty: all.

    :raise BadRequest: one of them is none.
    """
    words = [word.strip().lower() for word in (text or "").split(",") if word.strip()]
    for word in words:
        if word not in set(TaskStatus):
            raise BadRequest("status", f"{word!r} is no state of tasks; {nearest(word, TaskStatus)}")
    return frozenset(map(TaskStatus, words))
