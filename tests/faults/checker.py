"""What goes in must come out, once: a round's history against the database after the drain. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from pandad.spec.jobstatus import FINAL, INITIAL, TRANSITIONS, Actor, Event, JobStatus
from pandad.spec.pilotcommand import NOTHING

from .history import Attempt, History

REPORTS: Mapping[str, JobStatus] = {"finished": JobStatus.FINISHED, "failed": JobStatus.FAILED}


@dataclass(frozen=True, slots=True)
class StoredJob:
    """A job as it is in the end."""

    panda_id: int
    name: str
    status: JobStatus
    attempt_nr: int


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """One line of a job's history."""

    event: str
    was: JobStatus | None
    became: JobStatus
    attempt_nr: int
    actor: str


@dataclass
class Stored:
    """What the database has of a round: ``events`` of each job, oldest first; ``reports`` by attempt."""

    jobs: dict[int, StoredJob] = field(default_factory=dict)
    events: dict[int, list[StoredEvent]] = field(default_factory=lambda: defaultdict(list))
    reports: dict[Attempt, JobStatus] = field(default_factory=dict)


@dataclass
class Verdict:
    """Sentences, one for each violation, by kind; all empty if the round is good.

    ``lost``: an acknowledged submission is not there, or a job came to no end. ``doubled``: an attempt was handed out twice.
    ``doubled_submits``: a submission is stored more than once. ``illegal``: a change that the table of transitions does not have.
    ``missing``: an acknowledged word of a pilot or user left no trace.
    """

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    doubled_submits: list[str] = field(default_factory=list)
    illegal: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    @property
    def counts(self) -> dict[str, int]:
        """How many of each kind."""
        return {kind: len(found) for kind, found in vars(self).items()}

    @property
    def failures(self) -> int:
        """All together."""
        return sum(self.counts.values())


def judge(history: History, stored: Stored) -> Verdict:
    """Everything that is wrong."""
    verdict = Verdict()
    verdict.lost += [*_unstored(history, stored), *_unended(stored)]
    verdict.doubled += _handed_twice(history, stored)
    verdict.doubled_submits += _stored_twice(history, stored)
    for job in stored.jobs.values():
        verdict.illegal += _illegal(job, stored.events[job.panda_id])
    verdict.missing += [*_forgotten_words(history, stored), *_forgotten_kills(history, stored)]
    return verdict


def _unstored(history: History, stored: Stored) -> Iterator[str]:
    for submission in history.submissions:
        for name, panda_id in zip(submission.names, submission.ids or (), strict=False):
            job = stored.jobs.get(panda_id)
            if job is None or job.name != name:
                yield f"job {panda_id} was acknowledged as {name}, and is {job.name if job else 'not there'}"


def _unended(stored: Stored) -> Iterator[str]:
    return (f"job {job.panda_id} is still {job.status}" for job in stored.jobs.values() if job.status not in FINAL)


def _handed_twice(history: History, stored: Stored) -> Iterator[str]:
    claims = Counter((panda_id, event.attempt_nr) for panda_id, events in stored.events.items()
                     for event in events if event.event == Event.CLAIMED)
    for attempt, times in history.handed.items():
        if times > 1:
            yield f"job {attempt[0]} attempt {attempt[1]} was handed to {times} pilots"
        if not claims[attempt]:
            yield f"job {attempt[0]} attempt {attempt[1]} was handed out and no event says so"
    yield from (f"job {panda_id} attempt {number} was claimed {times} times"
                for (panda_id, number), times in claims.items() if times > 1)


def _stored_twice(history: History, stored: Stored) -> Iterator[str]:
    copies = Counter(job.name for job in stored.jobs.values())
    for submission in history.submissions:
        times = max(copies[name] for name in submission.names)
        if times > 1:
            yield f"the submission of {submission.names[0]} was sent {submission.tries} times and is stored {times} times"


def _illegal(job: StoredJob, events: Sequence[StoredEvent]) -> Iterator[str]:
    who = f"job {job.panda_id}"
    if not events:
        yield f"{who} has no history"
        return
    first, last = events[0], events[-1]
    if first.event != Event.SUBMITTED or first.was is not None or first.became not in INITIAL.get(Actor(first.actor), ()):
        yield f"{who} begins with {first.event} to {first.became} by {first.actor}"
    for before, event in pairwise(events):
        if event.was is not before.became:
            yield f"{who} became {before.became}, and then left {event.was} by {event.event}"
        if event.attempt_nr < before.attempt_nr:
            yield f"{who} went from attempt {before.attempt_nr} back to {event.attempt_nr}"
        if not _allowed(event):
            yield f"{who} went from {event.was} to {event.became} by {event.event} of {event.actor}"
    if (last.became, last.attempt_nr) != (job.status, job.attempt_nr):
        yield f"{who} is {job.status} in attempt {job.attempt_nr}, its history ends {last.became} in {last.attempt_nr}"


def _allowed(event: StoredEvent) -> bool:
    """Whether the table has it; what is no event of the table is a note and moves nothing."""
    if event.event not in set(Event):
        return event.was is event.became
    if event.event not in TRANSITIONS:
        return False
    row = TRANSITIONS[Event(event.event)]
    return event.was in row.sources and event.became is row.target and event.actor in row.actors


def _forgotten_words(history: History, stored: Stored) -> Iterator[str]:
    """An update that was answered "carry on" is stored: in the attempt's history, and a final one as its report."""
    for (panda_id, attempt_nr, word), answers in history.heard.items():
        if NOTHING in answers and (panda_id, attempt_nr) not in _spoken_of(stored, panda_id):
            yield f"job {panda_id} attempt {attempt_nr}: {word} was acknowledged, and nothing is stored"
        if word in REPORTS and NOTHING in answers:
            yield from _forgotten_report(history, stored, (panda_id, attempt_nr), REPORTS[word])


def _spoken_of(stored: Stored, panda_id: int) -> set[Attempt]:
    """The attempts of a job whose pilots are in its history."""
    return {(panda_id, e.attempt_nr) for e in stored.events[panda_id] if e.actor == Actor.PILOT and e.event != Event.CLAIMED}


def _forgotten_report(history: History, stored: Stored, attempt: Attempt, outcome: JobStatus) -> Iterator[str]:
    who, report, job = f"job {attempt[0]} attempt {attempt[1]}", stored.reports.get(attempt), stored.jobs.get(attempt[0])
    if report is not outcome:
        yield f"{who}: {outcome} was acknowledged, the stored report is {report}"
    if job is None or job.attempt_nr != attempt[1]:
        return  # a later attempt decides
    may_be = {outcome} | ({JobStatus.CANCELLED} if attempt[0] in history.kills else set())
    if job.status in FINAL and job.status not in may_be:
        yield f"{who}: {outcome} was acknowledged, and the job is {job.status}"


def _forgotten_kills(history: History, stored: Stored) -> Iterator[str]:
    for panda_id, acknowledged in history.kills.items():
        by_users = [e for e in stored.events[panda_id] if e.actor == Actor.USER and e.event != Event.SUBMITTED]
        if acknowledged and not by_users:
            yield f"job {panda_id}: a kill was acknowledged, and its history knows of none"
