"""The tables themselves: in no story of one job is an attempt handed out twice, an end taken back, or an old attempt heard."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pandad.jobdispatcher.guards import Verdict
from pandad.spec import jobstatus
from pandad.spec.jobstatus import Actor, Event, JobStatus, Transition

from . import exploration
from .exploration import explore

DEPTH = 8


def test_every_story() -> None:
    """All stories of eight events, told by two pilots, the owner, the watcher and the adder, keep the laws."""
    found = explore(DEPTH)
    assert found.broken == []
    assert found.situations > 200 and found.stories > 10**8


def test_a_hole_in_the_fence_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Would old attempts not be fenced off, a story would show it."""
    monkeypatch.setattr(exploration, "fence", lambda job, update, who: None)
    assert any("old attempt" in line for line in explore(5).broken)


@pytest.mark.parametrize("law", ["the end was not the end", "a second report replaced the first"])
def test_a_hole_in_the_guards_is_found(monkeypatch: pytest.MonkeyPatch, law: str) -> None:
    """Would every word of a pilot be taken, a story would show each law that breaks."""
    monkeypatch.setattr(exploration, "verdict", lambda job, meaning: Verdict.TAKE)
    assert any(law in line for line in explore(5).broken)


def test_a_hole_in_the_transitions_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Would a job go back to the queue without a new attempt, a story would show it."""
    monkeypatch.setattr(exploration, "NEW_ATTEMPT", frozenset())
    assert any("two pilots" in line for line in explore(5).broken)


def test_an_end_that_can_be_left_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Would any event lead out of a final state, a story would show it."""
    row: Transition = jobstatus.TRANSITIONS[Event.RETRIED]
    monkeypatch.setitem(jobstatus.TRANSITIONS, Event.RETRIED, replace(row, sources=row.sources | {JobStatus.FAILED}))
    assert may_be_left() and any("the end was not the end" in line for line in explore(5).broken)


def may_be_left() -> bool:
    return jobstatus.may(Event.RETRIED, JobStatus.FAILED, Actor.WATCHER)
