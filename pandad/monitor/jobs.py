"""The pages about jobs: lists of them, by what one asks for, and one with its whole story."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from pandad.api import coerce
from pandad.api.access import COUNTS, STORY
from pandad.api.route import GET, Route
from pandad.monitor import look, sight, words
from pandad.monitor.drawing import Span
from pandad.monitor.overall import named
from pandad.monitor.page import PAGE, Page
from pandad.monitor.room import Room
from pandad.monitorconfig import MonitorConfig
from pandad.settings import nearest
from pandad.spec.caller import Caller
from pandad.spec.errors import BadRequest, NotAuthenticated
from pandad.spec.failure import SOURCES
from pandad.spec.jobstatus import FINAL, JobStatus
from pandad.taskbuffer.joblist import READ_MOST, Place, Wish
from pandad.taskbuffer.jobs import JobEvent
from pandad.userinterface.joblists import JobLists
from pandad.userinterface.overview import HOUR_S, Overviews
from pandad.userinterface.story import Stories

SHOWN, SHOWN_MOST = 50, 500
HOURS_MOST = 24 * 366
VERDICTS_MOST = 40  # queues in the table; JSON has all


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """In BigPanDAmon's words. ``error``: component:code, such as pilot:1137. ``hours``: changed their state so lately.

    ``after``: where the page before ended: "TIME ID".
    """

    jobstatus: str | None = None
    computingsite: str | None = None
    produsername: str | None = None
    workinggroup: str | None = None
    prodsourcelabel: str | None = None
    resourcetype: str | None = None
    jeditaskid: int | None = None
    error: str | None = None
    hours: int | None = None
    display_limit: int = SHOWN
    after: str | None = None

    @property
    def wish(self) -> Wish:
        """:raise BadRequest: names the key, and what it may be."""
        if not 1 <= self.display_limit <= SHOWN_MOST:
            raise BadRequest("display_limit", f"is {self.display_limit}; a page shows 1 to {SHOWN_MOST} jobs")
        if self.hours is not None and not 1 <= self.hours <= HOURS_MOST:
            raise BadRequest("hours", f"is {self.hours}; it may be 1 to {HOURS_MOST}")
        window = {"window_s": float(self.hours * HOUR_S)} if self.hours is not None else {}
        return Wish(
            states=states_of(self.jobstatus), queue=self.computingsite, user=self.produsername, group=self.workinggroup,
            label=self.prodsourcelabel, resource_type=self.resourcetype, task=self.jeditaskid, error=_error(self.error),
            after=_place(self.after), limit=self.display_limit, **window)

    @property
    def query(self) -> dict[str, Any]:
        """What was asked for, without what it is anyway."""
        said = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "after"}
        return {name: value for name, value in said.items() if value is not None and (name, value) != ("display_limit", SHOWN)}

    def next_page(self, place: Place | None) -> str | None:
        """The address that goes on there."""
        after = {"after": f"{place.at.isoformat()} {place.panda_id}"} if place else {}
        return f"/jobs/?{urlencode({**self.query, **after})}" if place else None


@dataclass(frozen=True, slots=True, kw_only=True)
class OneJob:
    """Which."""

    panda_id: int


class JobPages(Room):
    """One method per page."""

    def __init__(self, config: MonitorConfig, overviews: Overviews, lists: JobLists, stories: Stories) -> None:
        super().__init__(config)
        self._overviews, self._lists, self._stories = overviews, lists, stories

    @Route("/jobs/", GET, PAGE, access=COUNTS, gives=Page, passive=True, takes=Filter)
    async def jobs(self, caller: Caller, asked: Filter) -> Page:
        """Jobs, those that changed their state last first; what they are filtered by is in the address."""
        if (asked.produsername or asked.workinggroup) and not sight.sees_names(caller):
            raise NotAuthenticated(
                "whose jobs they are is told to who comes with an identity: with a certificate or a token, over TLS")
        return await job_list(self._lists, self._overviews, caller, asked)

    @Route("/job/<panda_id>/", GET, PAGE, access=STORY, gives=Page, passive=True, takes=OneJob)
    async def job(self, caller: Caller, asked: OneJob) -> Page:
        """One job: where it is and why, what became of each attempt, what each queue says of it, its files and logs."""
        story = await self._stories.of(caller, asked.panda_id)
        now = await self._overviews.now()
        told = {"at": now.at, **sight.of_story(story, caller)}
        told["errors"] = [{**named(f"{each['component']}:{each['code']}"), **each} for each in told["errors"]]
        return Page("job.html", f"Job {asked.panda_id}", told, caller, {
            "spans": spans(story.events, now.at), "named": told.get("named"), "private": told.get("private"),
            "files": told.get("files", ()), "stdout": told.get("stdout"), "log_url": told.get("log_url"),
            "verdicts_most": VERDICTS_MOST})


async def job_list(lists: JobLists, overviews: Overviews, caller: Caller, asked: Filter) -> Page:
    """The page of these jobs."""
    found = await lists.find(asked.wish)
    now = await overviews.now()
    told = {
        "at": now.at, "filter": asked.query, "jobs": [sight.of_row(row, caller) for row in found.jobs], "read": found.read,
        "next": asked.next_page(found.next)}
    seen = {"sees_names": sight.sees_names(caller), "choices": _choices(now.queues), "asked": asked, "read_most": READ_MOST,
            "went_on": asked.after is not None}
    return Page("jobs.html", "Jobs", told, caller, seen)


def _choices(queues: Sequence[Any]) -> Mapping[str, Sequence[str]]:
    """What a form offers."""
    return {"states": [*JobStatus], "queues": [each.name for each in queues]}


def states_of(text: str | None) -> frozenset[JobStatus]:
    """From a list with commas; empty: all.

    :raise BadRequest: one of them is none.
    """
    words_of = [word.strip().lower() for word in (text or "").split(",") if word.strip()]
    for word in words_of:
        if word not in set(JobStatus):
            raise BadRequest("jobstatus", f"{word!r} is no state of jobs; {nearest(word, JobStatus)}")
    return frozenset(map(JobStatus, words_of))


def _error(text: str | None) -> tuple[str, int] | None:
    if text is None:
        return None
    component, _, code = text.partition(":")
    if component not in SOURCES or not code.isdecimal() or len(code) > 9:
        raise BadRequest("error", f"{text!r} is not COMPONENT:CODE, such as pilot:1137; components are {', '.join(SOURCES)}")
    return component, int(code)


def _place(text: str | None) -> Place | None:
    if text is None:
        return None
    at, _, panda_id = text.rpartition(" ")
    try:
        return Place(coerce.moment(at), coerce.integer(panda_id))
    except coerce.Unfit:
        raise BadRequest("after", f"{text!r} is no place in a list; begin without it") from None


def spans(events: Sequence[JobEvent], now: datetime) -> list[Span]:
    """How long it was in which state, so far. A later attempt goes on where the one before ended."""
    changes = [event for place, event in enumerate(events) if not place or event.became != event.was]
    ends = [*(each.at for each in changes[1:]), now]
    return [Span(event.at, max(end, event.at), look.kind_of(event.became), _lasted(event, end))
            for event, end in zip(changes, ends, strict=True) if event.became not in FINAL]


def _lasted(event: JobEvent, end: datetime) -> str:
    return f"{event.became}, attempt {event.attempt_nr}: {words.duration((end - event.at).total_seconds())}"
