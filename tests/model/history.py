"""The events of jobs, read as they come: each must follow from the one before, and none may follow the end."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from pandad.spec.jobstatus import FINAL, TRANSITIONS, Actor, Event, JobStatus

NEW_ATTEMPT = frozenset({Event.SENT_EXPIRED, Event.RETRIED, Event.RETRIED_ELSEWHERE})
FAILURES = frozenset({Event.FAILED, Event.LOST, Event.TIMED_OUT, Event.RETRIED, Event.RETRIED_ELSEWHERE})
EVENTS = frozenset(Event)


@dataclass
class History:
    """Where the events say that each job is: (state, attempt).

    ``claims``: the attempts that were handed out. ``decisions``: what was said of the last failed attempt of each job.
    """

    at: dict[int, tuple[str, int]] = field(default_factory=dict)
    decisions: dict[int, str] = field(default_factory=dict)
    claims: set[tuple[int, int]] = field(default_factory=set)
    last_id: int = 0

    def reads(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """New events, oldest first: (id, PandaID, event, from, to, attempt, actor, why)."""
        for number, job, event, was, became, attempt, actor, why in rows:
            self.last_id = number
            self._follows(job, event, was, became, attempt, actor)
            self.at[job] = became, attempt
            if event in FAILURES:
                self.decisions[job] = why

    def _follows(self, job: int, event: str, was: str | None, became: str, attempt: int, actor: str) -> None:
        line = f"job {job}: {event} by {actor} from {was} to {became} in attempt {attempt}, after {self.at.get(job)}"
        if event == Event.SUBMITTED:
            assert job not in self.at and was is None, line
            return
        before, of_attempt = self.at[job]
        assert was == before and JobStatus(before) not in FINAL, line
        assert attempt == of_attempt + (event in NEW_ATTEMPT), line
        if event not in EVENTS:  # a note
            assert became == was, line
            return
        row = TRANSITIONS[Event(event)]
        assert JobStatus(before) in row.sources and became == row.target and Actor(actor) in row.actors, line
        if event == Event.CLAIMED:
            assert (job, attempt) not in self.claims, f"handed out twice: {line}"
            self.claims.add((job, attempt))
