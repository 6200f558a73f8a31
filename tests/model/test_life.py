"""A short run of the machine with every `make test`; `python -m tests.model` makes long ones."""

from __future__ import annotations

from dataclasses import replace
from math import inf
from typing import Any

import pytest
from hypothesis.errors import Flaky
from pytest_twisted import ensureDeferred
from twisted.internet.threads import deferToThread

from pandad.jobdispatcher import fairshare
from pandad.spec.job import JobSpec
from pandad.spec.jobstatus import Event
from pandad.spec.retry import Decision, RetryPolicy, decide
from pandad.spec.site import Queue
from pandad.taskbuffer import dispatched, retries
from pandad.taskbuffer.dispatched import Dispatched, look
from pandad.taskbuffer.store import Store, Transaction

from .campaign import run
from .history import History
from .rooms import Rooms

STEPS, SEED = 1000, 3


@ensureDeferred
async def test_rooms_are_as_the_reference_says(store: Store) -> None:
    """Whatever people, pilots, loops and the world do in whatever order, twice, late and at once: each job is where the reference
    says, each answer is the reference's, each line of history is lawful, and no attempt is handed out twice."""
    rooms = Rooms(store)
    await rooms.prepare()
    tally = await deferToThread(run, rooms, STEPS, SEED)
    assert tally.steps >= STEPS and tally.claims >= STEPS / 20 and tally.retries >= STEPS / 100


async def _unfenced(txn: Transaction, panda_id: int) -> Dispatched | None:
    """Every pilot finds itself in the present attempt."""
    found = await look(txn, panda_id)
    return replace(found, attempt_nr=2) if found is not None and found.attempt_nr == 1 else found


def _uncounted(job: JobSpec, attempts: int, policy: RetryPolicy, queue: Queue | None) -> Decision:
    """Each attempt is the first."""
    return decide(job, 1, policy, queue)


def _unavoided(job: JobSpec, attempts: int, policy: RetryPolicy, queue: Queue | None) -> Decision:
    """A job may come back to where it failed."""
    return replace(decide(job, attempts, policy, queue), avoid=None)


WRONG: dict[str, tuple[object, str, Any]] = {
    "attempts are not told apart": (dispatched, "look", _unfenced),
    "attempts are not counted": (retries, "decide", _uncounted),
    "queues are not avoided": (retries, "decide", _unavoided),
    "a retry costs no priority": (retries, "PRIORITY_STEP", 0),
    "caps are not kept": (fairshare.Place, "room", inf),
}


@pytest.mark.parametrize("what", WRONG)
@ensureDeferred
async def test_the_machine_finds_what_is_wrong(store: Store, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    """Would the rooms be wrong about attempts, retries or caps, a run would show it."""
    rooms = Rooms(store)
    await rooms.prepare()
    monkeypatch.setattr(*WRONG[what])
    with pytest.raises((AssertionError, Flaky)):  # led again, wrong rooms may go wrong at another step
        await deferToThread(run, rooms, STEPS, SEED, False)


CLAIM = (2, 1, Event.CLAIMED, "activated", "sent", 1, "pilot", None)
FORGED = [
    (2, 1, Event.CLAIMED, "defined", "sent", 1, "pilot", None),  # the job is elsewhere
    (2, 1, Event.RUNNING, "activated", "running", 1, "pilot", None),  # no such transition
    (2, 1, Event.CLAIMED, "activated", "sent", 1, "user", None),  # not by him
    (2, 1, Event.CLAIMED, "activated", "sent", 2, "pilot", None),  # an attempt that nobody made
    (2, 1, "still waiting", "activated", "waiting", 1, "dataservice", None),  # a note that moves
    (2, 1, Event.SUBMITTED, None, "defined", 1, "user", None),  # born twice
]


@pytest.mark.parametrize("forged", FORGED)
def test_the_history_is_read_with_care(forged: tuple[object, ...]) -> None:
    """A line that does not follow from the one before is an error; so is an attempt that is handed out twice."""
    history = History({1: ("activated", 1)})
    with pytest.raises(AssertionError):
        history.reads([forged])
    history.reads([CLAIM])
    history.at[1] = ("activated", 1)
    with pytest.raises(AssertionError, match="handed out twice"):
        history.reads([CLAIM])
