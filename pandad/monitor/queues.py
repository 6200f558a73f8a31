"""The pages about queues: all of them, and one."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from twisted.internet.interfaces import IReactorTime

from pandad.api.access import COUNTS
from pandad.api.route import GET, Route
from pandad.monitor import sight
from pandad.monitor.overall import LONGEST_H, Window, named, problems, queue_row
from pandad.monitor.page import PAGE, Page
from pandad.monitor.room import Room
from pandad.monitorconfig import MonitorConfig
from pandad.spec.caller import Caller
from pandad.spec.facts import BUCKET_S, Ends
from pandad.spec.site import QueueStatus
from pandad.userinterface import lastpilots
from pandad.userinterface.kept import Kept
from pandad.userinterface.overview import HOUR_S, Overviews
from pandad.userinterface.queuewhy import QueueWhy


@dataclass(frozen=True, slots=True, kw_only=True)
class OneQueue(Window):
    """Which."""

    name: str


class Queues(Room):
    """One method per page."""

    def __init__(self, config: MonitorConfig, overviews: Overviews, reasons: QueueWhy, clock: IReactorTime) -> None:
        super().__init__(config)
        self._overviews, self._reasons = overviews, reasons
        self._told: Kept[dict[str, Any]] = Kept(clock)

    @Route("/sites/", GET, PAGE, access=COUNTS, gives=Page, passive=True)
    async def queues(self, caller: Caller) -> Page:
        """All queues: status, jobs, pilots, and how attempts end."""
        now = await self._overviews.now()
        rows = sorted(now.queues, key=lambda each: (-each.running - each.waiting, each.name))
        told = {"at": now.at, "queues": [queue_row(each) for each in rows], "problems": problems(now, caller)}
        return Page("queues.html", "Queues", told, caller, {"rows": rows})

    @Route("/site/<name>/", GET, PAGE, access=COUNTS, gives=Page, passive=True, takes=OneQueue)
    async def queue(self, caller: Caller, asked: OneQueue) -> Page:
        """One queue: what it takes, why it does or does not run, who asked, what it refuses, what fails, how to drain it."""
        window_s, whole = asked.window_s, lastpilots.may_see_nodes(caller)
        why = await self._told.of((asked.name, whole), lambda: self._reasons.told(caller, asked.name))
        samples, ends = await self._overviews.past(window_s, asked.name)
        now = await self._overviews.now()
        told = {
            "at": now.at, "hours": asked.hours, **sight.of_queue(why, caller), "ends": [asdict(each) for each in why["ends"]],
            "causes": _causes(why["ends"]), "commands": commands(asked.name),
            "over_time": {"states": [asdict(each) for each in samples], "ends": [asdict(each) for each in ends]}}
        return Page("queue.html", asked.name, told, caller, {
            "samples": samples, "ended": ends, "bucket_s": BUCKET_S, "hour_s": HOUR_S, "longest_h": LONGEST_H})


def _causes(ends: Sequence[Ends]) -> list[Mapping[str, Any]]:
    """Of the longest window."""
    day = max(ends, key=lambda each: each.window_s)
    return [{**named(cause), "attempts": jobs} for cause, jobs in sorted(day.causes.items(), key=lambda pair: -pair[1])]


def commands(name: str) -> list[dict[str, str]]:
    """What an operator types to change the status of this queue: does, command, means. Draining goes first."""
    queue = shlex.quote(name)
    drain = {
        "does": "Drain it", "command": f"pandad queue set {queue} status={QueueStatus.BROKEROFF} reason='maintenance'",
        "means": "it gets no new jobs; what waits there is still run, and what runs goes on"}
    close = {
        "does": "Close it at once", "command": f"pandad queue set {queue} status={QueueStatus.OFFLINE} reason='broken'",
        "means": "its pilots get no jobs any more; jobs that wait there go elsewhere; what runs goes on"}
    give_back = {
        "does": "Give it back", "command": f"pandad queue set {queue} status=source",
        "means": "an operator's word ends, and that of its source, or of its description, counts again"}
    return [drain, close, give_back]
