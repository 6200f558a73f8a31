"""The pages about the whole: overview, loops, errors; and what makes pages look as they do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from importlib.resources import files
from typing import Any

from pandad.api.access import COUNTS, PUBLIC
from pandad.api.encode import Reply, comes_as
from pandad.api.route import GET, PLAIN, Route
from pandad.config import LoopsConfig
from pandad.monitor import look, sight
from pandad.monitor.page import PAGE, SAFE, Page
from pandad.monitor.room import Room
from pandad.monitorconfig import MonitorConfig
from pandad.spec.caller import Caller
from pandad.spec.erroradvice import ADVICE
from pandad.spec.errors import BadRequest
from pandad.spec.facts import BUCKET_S, Ends
from pandad.spec.failure import EXIT_CODE, PILOT
from pandad.spec.piloterrors import PILOT_ERRORS
from pandad.taskbuffer.joblist import Wish
from pandad.taskbuffer.loops import LoopState
from pandad.userinterface.joblists import JobLists
from pandad.userinterface.overview import DAY_S, HOUR_S, Overview, Overviews, QueueRow

LONGEST_H = 72
TOP = 12  # rows that the overview shows of a longer table
EXAMPLES, EXAMPLES_OF = 3, 500  # of each error, among the latest ended jobs


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """``hours``: how far back pictures over time go."""

    hours: int = 24

    @property
    def window_s(self) -> int:
        """:raise BadRequest: it is not kept that long."""
        if not 1 <= self.hours <= LONGEST_H:
            raise BadRequest("hours", f"is {self.hours}; 1 to {LONGEST_H} can be shown")
        return self.hours * HOUR_S


_DOES = {each.name: each.metadata["rule"].doc for each in fields(LoopsConfig)}


class Overall(Room):
    """One method per page.

    :param complaints: what keeps this process from working, in sentences.
    """

    def __init__(self, config: MonitorConfig, overviews: Overviews, lists: JobLists,
                 complaints: Callable[[], Awaitable[Sequence[str]]]) -> None:
        super().__init__(config)
        self._overviews, self._lists, self._complaints = overviews, lists, complaints

    @Route("/", GET, PAGE, access=COUNTS, gives=Page, passive=True, takes=Window)
    async def overview(self, caller: Caller, asked: Window) -> Page:
        """How it goes: jobs by state over time, what runs and fails where, and what is wrong now."""
        now = await self._overviews.now()
        samples, ends = await self._overviews.past(asked.window_s)
        told = {
            "at": now.at, "hours": asked.hours, "jobs": now.census.jobs, "oldest_s": now.census.oldest_s,
            "problems": problems(now, caller), "here_wrong": await self._complaints(),
            "queues": [queue_row(each) for each in now.queues],
            "states": [asdict(each) for each in samples], "ends": [asdict(each) for each in ends],
            "causes": causes(now, DAY_S)[:TOP]}
        busy = sorted((each for each in now.queues if each.running), key=lambda each: -each.running)
        return Page("overview.html", "Overview", told, caller, {
            "rows": busy[:TOP], "more": len(busy) - TOP, "samples": samples, "ended": ends, "bucket_s": BUCKET_S})

    @Route("/loops/", GET, PAGE, access=COUNTS, gives=Page, passive=True)
    async def loops(self, caller: Caller) -> Page:
        """What happens by itself: each timed loop, which process runs it, and how its rounds go."""
        now = await self._overviews.now()
        rows = [_loop(each, sight.sees_troubles(caller)) for each in now.loops]
        return Page("loops.html", "Loops", {"at": now.at, "loops": rows}, caller)

    @Route("/errors/", GET, PAGE, access=COUNTS, gives=Page, passive=True, takes=Window)
    async def errors(self, caller: Caller, asked: Window) -> Page:
        """What fails: by component and code, and by queue, with jobs for example."""
        now = await self._overviews.now()
        window_s = HOUR_S if asked.window_s == HOUR_S else DAY_S
        found = await self._lists.find(Wish(states=look.BADLY.states, window_s=DAY_S, limit=EXAMPLES_OF))
        examples = _examples(found.jobs)
        rows = [{**row, "examples": examples.get((row["cause"], ""), [])} for row in causes(now, window_s)]
        queues = [_failing(each, _of(each, window_s), examples) for each in now.queues if _of(each, window_s).failed]
        queues.sort(key=lambda row: -row["bad"])
        told = {"at": now.at, "hours": window_s // HOUR_S, "causes": rows, "queues": queues}
        return Page("errors.html", "Errors", told, caller)


@comes_as(b"text/css", b"image/svg+xml")
def as_it_is(result: Reply, wants_json: bool) -> Reply:
    """A reply that was made already."""
    return result


class Looks:
    """What pages are dressed in; nothing that anybody owns."""

    @Route("/monitor/style.css", GET, PLAIN, access=PUBLIC, gives=bytes, passive=True, encode=as_it_is)
    async def style(self, caller: Caller) -> Reply:
        """The one style sheet."""
        return _STYLE

    @Route("/monitor/icon.svg", GET, PLAIN, access=PUBLIC, gives=bytes, passive=True, encode=as_it_is)
    async def icon(self, caller: Caller) -> Reply:
        """What a browser shows in its tab."""
        return _ICON


def _file(name: str, kind: bytes) -> Reply:
    body = files("pandad.monitor").joinpath("pages", name).read_bytes()
    safe = tuple(header for header in SAFE if header[0] not in (b"cache-control", b"vary"))
    return Reply(body, kind, headers=(*safe, (b"cache-control", b"max-age=300")))


_STYLE, _ICON = _file("style.css", b"text/css;charset=utf-8"), _file("icon.svg", b"image/svg+xml")


def problems(now: Overview, caller: Caller) -> list[dict[str, Any]]:
    """What is wrong, in the words that this caller may read."""
    return now.problems(sight.sees_troubles(caller))


def queue_row(row: QueueRow) -> dict[str, Any]:
    """A queue in a list, for JSON."""
    return {"queue": row.name, "status": row.queue.status if row.queue else None, "site": row.queue.site if row.queue else None,
            "running": row.running, "waiting": row.waiting, "jobs": row.counts, "braked": row.brake is not None,
            "pilots": {"asked": row.pilots.asked, "served": row.pilots.served, "last": row.pilots.last},
            "hour": _counted(row.hour), "day": _counted(row.day)}


def _counted(ends: Ends) -> dict[str, int]:
    return {look.WELL.name: ends.finished, look.BADLY.name: ends.failed, "fast": ends.fast}


def causes(now: Overview, window_s: int) -> list[dict[str, Any]]:
    """Why attempts failed, over all queues, the most frequent first."""
    found: dict[str, dict[str, int]] = {}
    for row in now.queues:
        for cause, jobs in _of(row, window_s).causes.items():
            found.setdefault(cause, {})[row.name] = jobs
    rows = [{**named(cause), "attempts": sum(by.values()), "queues": dict(sorted(by.items(), key=lambda pair: -pair[1]))}
            for cause, by in found.items()]
    return sorted(rows, key=lambda row: -row["attempts"])


def named(cause: str) -> dict[str, Any]:
    """A cause "component:code" with what it means, "" where nobody knows, and what helps, "" where that is all."""
    component, _, text = cause.partition(":")
    code = int(text or 0)
    advice = ADVICE.get((component, code))
    meanings = {PILOT: PILOT_ERRORS.get(code, ""), EXIT_CODE: f"payload ended with exit code {code}"}
    return {"cause": cause, "component": component, "code": code, "remedy": advice.remedy if advice else "",
            "meaning": advice.meaning if advice else meanings.get(component, "")}


def _of(row: QueueRow, window_s: int) -> Ends:
    return row.hour if window_s == HOUR_S else row.day


def _failing(row: QueueRow, ends: Ends, examples: Mapping[tuple[str, str], list[Any]]) -> dict[str, Any]:
    by = [{**named(cause), "attempts": jobs, "examples": examples.get((cause, row.name), [])}
          for cause, jobs in sorted(ends.causes.items(), key=lambda pair: -pair[1])]
    return {"queue": row.name, "status": row.queue.status if row.queue else None, "good": ends.finished, "bad": ends.failed,
            "fast": ends.fast, "causes": by, "braked": row.brake.why if row.brake else None}


def _examples(jobs: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], list[Any]]:
    """The latest jobs by (cause, queue), and by (cause, "")."""
    found: dict[tuple[str, str], list[Any]] = {}
    for job in jobs:
        for queue in {job["computingsite"] or "", ""}:
            those = found.setdefault((job["cause"], queue), [])
            those += [job["pandaid"]] if len(those) < EXAMPLES else []
    return found


def _loop(loop: LoopState, whole: bool) -> dict[str, Any]:
    does = _DOES.get(f"{loop.name}_s", "")
    return {"name": loop.name, "does": does, "started": loop.started_at, "finished": loop.finished_at, "runs": loop.runs,
            "failures": loop.failures, **({"holder": loop.holder, "error": loop.error} if whole else {})}
