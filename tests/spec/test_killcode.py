"""Kill codes."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pandad.spec.jobstatus import BEFORE_PILOT, IN_SLOT, LIVE, Actor, Event, JobStatus, may
from pandad.spec.killcode import KILL_CODES

SINCE = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_the_codes() -> None:
    """They are PanDA's, and an ordinary kill needs none."""
    assert set(KILL_CODES) == {None, 2, 3, 4, 7, 8, 9, 10, 50, 51, 52, 55, 60, 91, 99}


@pytest.mark.parametrize("code", KILL_CODES)
def test_what_happens_may_happen(code: int | None) -> None:
    """In each live state a code either causes what a person may cause there, or waits for a pilot that is there."""
    for status in LIVE:
        event = KILL_CODES[code].event(status)
        assert may(event, status, Actor.USER) if event is not None else status in IN_SLOT


@pytest.mark.parametrize("code", KILL_CODES)
def test_the_system_closes_what_never_ran(code: int | None) -> None:
    """Jobs that never ran are closed by the codes of the system, and by no others."""
    rule = KILL_CODES[code]
    assert {rule.event(status) is Event.CLOSED for status in BEFORE_PILOT} == {rule.system}
    assert Event.CLOSED not in {rule.event(status) for status in LIVE - BEFORE_PILOT}


def test_forced() -> None:
    """These do not wait for a pilot."""
    assert {code for code, rule in KILL_CODES.items() if rule.event(JobStatus.RUNNING) is not None} == {9, 52, 60, 99}


def left(code: int | None, status: JobStatus, who: str = "alice") -> tuple[object, ...]:
    return tuple(KILL_CODES[code].values(who, status, SINCE).values())


def test_messages() -> None:
    """The pairs that monitors know."""
    assert left(None, JobStatus.RUNNING) == (100, "killed by alice")
    assert left(4, JobStatus.WAITING) == (102, "expired in waiting. status unchanged since 2026-01-02 03:04:05")
    assert left(51, JobStatus.DEFINED) == (105, "reassigned by JEDI")


def test_braces_in_a_name() -> None:
    """A name is a text and nothing to be filled in."""
    assert left(None, JobStatus.RUNNING, "{state}") == (100, "killed by {state}")
