"""Lives with a part under the scalpel: together they take every mutating call and loop through all their statements."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager

from pandad.spec.caller import Caller
from pandad.spec.jobstatus import JobStatus

from .lives import PILOT, Life

STRANGER = Caller(PILOT.identity, frozenset(), False, "node.test")
Scenario = Callable[[Life], Awaitable[None]]


@contextmanager
def cut(life: Life) -> Iterator[None]:
    """What is done here is done under the scalpel."""
    life.scalpel.awake = True
    yield
    life.scalpel.awake = False


async def _activated(life: Life) -> None:
    await life.submit()
    for loop in ("brokerage", "activator"):
        await life.loop(loop)


async def _running(life: Life) -> None:
    await _activated(life)
    await life.acquire()
    await life.say("running")


async def finished(life: Life) -> None:
    """The straight way, all of it."""
    with cut(life):
        await _activated(life)
        await life.acquire()
        for word in ("starting", "running", "running", "finished"):
            await life.say(word)
        await life.loop("adder")


async def failed(life: Life) -> None:
    """The pilot reports a failure."""
    await _running(life)
    with cut(life):
        await life.say("failed")
        await life.loop("adder")


async def taken_with_others(life: Life) -> None:
    """A pilot asks for several jobs at once."""
    await _activated(life)
    with cut(life):
        await life.acquire(count=3)


async def checked(life: Life) -> None:
    """Updates by a holder without the pilot role, who is looked at first."""
    await _activated(life)
    await life.acquire()
    with cut(life):
        for word in ("running", "running", "finished"):
            await life.say(word, STRANGER)


async def recovered(life: Life) -> None:
    """The pilot keeps the outputs and reports later."""
    await _running(life)
    with cut(life):
        await life.say("holding")
        await life.say("finished")


async def killed_early(life: Life) -> None:
    """A user kills a job that no pilot has."""
    await _activated(life)
    with cut(life):
        await life.kill()


async def killed_in_slot(life: Life) -> None:
    """A user kills a running job; its pilot obeys."""
    await _running(life)
    with cut(life):
        await life.kill()
        await life.say("running")
        await life.say("failed")


async def never_started(life: Life) -> None:
    """The pilot never speaks."""
    await _activated(life)
    await life.acquire()
    await life.age()
    with cut(life):
        await life.loop("watcher")


async def lost(life: Life) -> None:
    """The pilot falls silent."""
    await _running(life)
    await life.age()
    with cut(life):
        await life.loop("watcher")


async def unrecovered(life: Life) -> None:
    """The pilot does not come back with the report that it owes."""
    await _running(life)
    await life.say("holding")
    await life.age()
    with cut(life):
        await life.loop("watcher")


async def held_back(life: Life) -> None:
    """The user has all cores of its cap, then none."""
    await _running(life)
    await _activated(life)
    with cut(life):
        await life.loop("caps")
    await life.clear_others()
    with cut(life):
        await life.loop("caps")


async def aged(life: Life) -> None:
    """The job waits for days."""
    await _activated(life)
    with cut(life):
        await life.age_waiting()


async def archived(life: Life) -> None:
    """The job has ended, and leaves the hot tables."""
    await _activated(life)
    await life.finish()
    with cut(life):
        await life.archive()


SCENARIOS: Mapping[Scenario, JobStatus | None] = {
    finished: JobStatus.FINISHED,
    failed: None,  # a rule may grant another attempt
    taken_with_others: JobStatus.FINISHED,
    checked: JobStatus.FINISHED,
    recovered: JobStatus.FINISHED,
    killed_early: JobStatus.CANCELLED,
    killed_in_slot: None,
    never_started: JobStatus.FINISHED,
    lost: None,
    unrecovered: None,
    held_back: JobStatus.FINISHED,
    aged: JobStatus.FINISHED,
    archived: JobStatus.FINISHED,
}
"""Each with the state in which it must end, None where policy decides."""
