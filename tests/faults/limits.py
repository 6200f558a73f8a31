"""A life for each row of the table of timeouts: the job stays where it is for too long, and the watcher is cut."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from pandad.spec.file import FileSpec
from pandad.spec.jobstatus import TRANSITIONS, Actor, Event, JobStatus
from pandad.spec.timeouts import TIMEOUTS, Timeout

from . import errands
from .lives import SCOPE, Life
from .ways import Scenario, activated, cut, holding, running

Way = Callable[..., Awaitable[None]]
PRODUCTION = {"prodSourceLabel": "managed", "assignedPriority": 500}


async def submitted(life: Life, **but: Any) -> None:
    """Nobody has looked at it."""
    await life.submit(**but)


async def waiting(life: Life) -> None:
    """Its input is nowhere."""
    absent = FileSpec(lfn="nowhere", type="input", scope=SCOPE, dataset="user.alice.in")
    await activated(life, Files=[absent])


async def throttled(life: Life) -> None:
    """Its user has all cores of the cap."""
    await running(life)
    await activated(life)
    await life.loop("caps")


async def sent(life: Life) -> None:
    """Its pilot never speaks."""
    await activated(life)
    await life.acquire()


async def transferring(life: Life, **but: Any) -> None:
    """Its outputs are on their way."""
    await holding(life, **but)
    await errands.happen(life, Event.TRANSFER_STARTED, Actor.DATASERVICE)


async def merging(life: Life) -> None:
    """Its outputs wait for a merge job."""
    await holding(life)
    await errands.happen(life, Event.MERGE_STARTED, Actor.TASK)


WAYS: Mapping[str, tuple[Way, Mapping[str, Any]]] = {
    "sent": (sent, {}),
    "heartbeat_analysis": (running, {}),
    "heartbeat_production": (running, PRODUCTION),
    "holding_analysis": (holding, {}),
    "holding_urgent": (holding, {**PRODUCTION, "assignedPriority": 900}),
    "holding_production": (holding, PRODUCTION),
    "pending": (errands.made_by_a_task, {}),
    "waiting": (waiting, {}),
    "transferring_urgent": (transferring, {}),
    "transferring": (transferring, PRODUCTION),
    "defined": (submitted, {}),
    "activated": (activated, {}),
    "throttled": (throttled, {}),
    "merging": (merging, {}),
    "running": (running, {}),
}
"""Per row of the table how a job comes under it, and what kind of job it is."""


def _past(row: Timeout) -> Scenario:
    way, kind = WAYS[row.name]

    async def past(life: Life) -> None:
        await way(life, **kind)
        await life.age(lively=row.event is None)
        life.limit = row.name
        with cut(life):
            await life.loop("watcher", life.command if row.event is None else None)

    past.__name__ = f"past_{row.name}"
    return past


def _end(row: Timeout) -> JobStatus | None:
    if row.event is None:
        return JobStatus.CANCELLED  # its pilot obeys
    if row.event is Event.SENT_EXPIRED:
        return JobStatus.FINISHED
    vanished = row.name.startswith(("heartbeat", "holding"))
    return JobStatus.FINISHED if vanished else TRANSITIONS[row.event].target  # a vanished pilot's job has a second attempt


LIMITS: Mapping[Scenario, JobStatus | None] = {_past(row): _end(row) for row in TIMEOUTS if row.name in WAYS}
