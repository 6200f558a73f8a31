"""The pages about people: who has jobs, and one of them. For who has an identity only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pandad.api.access import READ
from pandad.api.route import GET, Route
from pandad.monitor.jobs import Filter, job_list
from pandad.monitor.page import PAGE, Page
from pandad.monitor.room import Room
from pandad.monitorconfig import MonitorConfig
from pandad.spec.caller import Caller
from pandad.taskbuffer.people import Busy
from pandad.userinterface.joblists import JobLists
from pandad.userinterface.overview import Overviews


@dataclass(frozen=True, slots=True, kw_only=True)
class OneUser:
    """By his label, as it stands on jobs: prodUserName. Two people may share it."""

    name: str


@dataclass(slots=True)
class Person:
    """What somebody's jobs do. ``at_least``: more of them wait than were counted."""

    user: str
    groups: list[str]
    running: int = 0
    cores: int = 0
    waiting: int = 0
    held: int = 0
    unplaced: int = 0
    at_least: bool = False


class Users(Room):
    """One method per page."""

    def __init__(self, config: MonitorConfig, overviews: Overviews, lists: JobLists) -> None:
        super().__init__(config)
        self._overviews, self._lists = overviews, lists

    @Route("/users/", GET, PAGE, access=READ, gives=Page)
    async def users(self, caller: Caller) -> Page:
        """Who has jobs here: what runs and what waits, by the label of the owner."""
        rows = persons(await self._overviews.people(caller))
        now = await self._overviews.now()
        return Page("users.html", "Users", {"at": now.at, "users": [asdict(each) for each in rows]}, caller)

    @Route("/user/<path:name>/", GET, PAGE, access=READ, gives=Page, takes=OneUser)
    async def user(self, caller: Caller, asked: OneUser) -> Page:
        """One of them: by kind of work what runs and what waits, and the latest jobs."""
        lines = [each for each in await self._overviews.people(caller) if each.line.owner_name == asked.name]
        page = await job_list(self._lists, self._overviews, caller, Filter(produsername=asked.name))
        told = {**page.told, "user": asked.name, "lines": [_line(each) for each in lines]}
        (total, *_) = [*persons(lines), Person(asked.name, [])]
        return Page("user.html", asked.name, told, caller, {**page.seen, "total": total})


def persons(lines: Sequence[Busy]) -> list[Person]:
    """By label, who has most first. Pure."""
    found: dict[str, Person] = {}
    for each in lines:
        person = found.setdefault(each.line.owner_name, Person(each.line.owner_name, []))
        for name in ("running", "cores", "waiting", "held", "unplaced"):
            setattr(person, name, getattr(person, name) + getattr(each, name))
        person.at_least |= each.at_least
        if each.line.working_group and each.line.working_group not in person.groups:
            person.groups.append(each.line.working_group)
    return sorted(found.values(), key=lambda each: (-each.running, -each.waiting - each.unplaced, each.user))


def _line(each: Busy) -> dict[str, Any]:
    line = each.line
    return {"label": line.label, "group": line.working_group, "resource_type": line.resource_type, "task": line.task_id or None,
            "memory_mb": line.memory_mb, "cores_each": line.cores, "walltime_s": line.walltime_s, "jobs": {
                "running": each.running, "waiting": each.waiting, "held": each.held, "unplaced": each.unplaced},
            "at_least": each.at_least}
