"""The box at the top of each page: a PandaID, a task, a queue or a user, and one is there."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from pandad.api.access import COUNTS
from pandad.api.route import GET, Route
from pandad.monitor import sight
from pandad.monitor.page import PAGE, Elsewhere, Page
from pandad.monitor.room import Room
from pandad.monitorconfig import MonitorConfig
from pandad.spec.caller import Caller
from pandad.spec.errors import NotFound
from pandad.userinterface.overview import Overviews
from pandad.userinterface.tasklists import TaskLists

SHOWN = 50
DIGITS = 18  # of a PandaID


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """``q``: what was typed."""

    q: str = ""


class Search(Room):
    """One page."""

    def __init__(self, config: MonitorConfig, overviews: Overviews, tasks: TaskLists) -> None:
        super().__init__(config)
        self._overviews, self._tasks = overviews, tasks

    @Route("/search/", GET, PAGE, access=COUNTS, gives=Page, passive=True, takes=Question)
    async def search(self, caller: Caller, asked: Question) -> Page | Elsewhere:
        """To the page of a job, a task, a queue or a user of that name; else what comes near it."""
        word = asked.q.strip()
        if word.isdecimal() and word.isascii() and len(word) <= DIGITS:
            return Elsewhere(f"/{await self._kind(int(word))}/{int(word)}/")
        now = await self._overviews.now()
        queues = [each.name for each in now.queues if word and word.lower() in each.name.lower()]
        if exact := [name for name in queues if name.lower() == word.lower()]:
            return Elsewhere(f"/site/{quote(exact[0], safe='')}/")
        users = await self._users(caller, word)
        if exact := [name for name in users if name.lower() == word.lower()]:
            return Elsewhere(f"/user/{quote(exact[0], safe='')}/")
        told = {"q": word, "queues": queues[:SHOWN], "users": users[:SHOWN], "sees_names": sight.sees_names(caller)}
        return Page("search.html", "Search", told, caller)

    async def _kind(self, number: int) -> str:
        """Of the page of that number: a task's where there is one, for jobs have as high a number only after millions."""
        try:
            await self._tasks.story(number)
        except NotFound:
            return "job"
        return "task"

    async def _users(self, caller: Caller, word: str) -> list[str]:
        if not word or not sight.sees_names(caller):
            return []
        found = {each.line.owner_name for each in await self._overviews.people(caller)}
        return sorted(name for name in found if word.lower() in name.lower())
