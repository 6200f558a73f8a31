"""Every story of one job, up to a number of events: two pilots, its owner and the loops, in all orders. Pure.

The job moves by the table of transitions and the guards of the code; pilots hold what they were given for ever, and may speak at
any time later. Equal situations are looked at once, and the number of stories that lead to each is counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from factories import PILOT

from pandad.jobdispatcher.guards import MEANINGS, Meaning, Verdict, fence, verdict
from pandad.jobdispatcher.requests import JobUpdate
from pandad.spec.caller import Caller
from pandad.spec.jobstatus import FINAL, IN_SLOT, TRANSITIONS, Actor, Event, JobStatus, may
from pandad.taskbuffer.dispatched import Dispatched

PILOTS = ("p1", "p2")
WORDS = ("starting", "running", "holding", "finished", "failed")
FENCES = ("attempt", "no attempt")
LOOPS = (
    (Event.SENT_EXPIRED, Actor.WATCHER), (Event.LOST, Actor.WATCHER), (Event.TIMED_OUT, Actor.WATCHER),
    (Event.RETRIED, Actor.WATCHER), (Event.RETRIED_ELSEWHERE, Actor.WATCHER), (Event.BROKERED, Actor.BROKERAGE),
    (Event.INPUT_READY, Actor.DATASERVICE), (Event.THROTTLE, Actor.WATCHER), (Event.UNTHROTTLE, Actor.WATCHER),
    (Event.CLOSED, Actor.WATCHER), (Event.KILLED, Actor.USER), (Event.FORCE_KILLED, Actor.USER),
    (Event.COMPLETED, Actor.DATASERVICE), (Event.FAILED, Actor.DATASERVICE), (Event.TRANSFER_STARTED, Actor.DATASERVICE))
RETRIES = frozenset({Event.RETRIED, Event.RETRIED_ELSEWHERE})
NEW_ATTEMPT = RETRIES | {Event.SENT_EXPIRED}


@dataclass(frozen=True)
class Situation:
    """The job as it is stored, the attempts that each pilot was given, and those that were ever handed out."""

    job: Dispatched
    held: tuple[frozenset[int], ...] = (frozenset(), frozenset())
    dispatched: frozenset[int] = frozenset()
    doubled: bool = False


@dataclass(frozen=True)
class Step:
    """What happened, and what came of it. ``attempt``: the one for which a pilot spoke; ``tells``: and it said so."""

    what: str
    after: Situation
    attempt: int | None = None
    verdict: Verdict | None = None
    tells: bool = False


START = Situation(Dispatched(status=JobStatus.ACTIVATED, attempt_nr=1))


def steps(at: Situation) -> Iterator[Step]:
    """All that can happen next."""
    for number, name in enumerate(PILOTS):
        if may(Event.CLAIMED, at.job.status, Actor.PILOT):
            yield Step(f"{name} asks", _claimed(at, number))
        for attempt in at.held[number]:
            for word in WORDS:
                for how in FENCES:
                    yield _spoken(at, number, attempt, word, how)
    for event, actor in LOOPS:
        yield Step(str(event), _moved(at, event, actor))


def _claimed(at: Situation, number: int) -> Situation:
    attempt = at.job.attempt_nr
    held = tuple(h | {attempt} if n == number else h for n, h in enumerate(at.held))
    # Both pilots come from one factory and are on nodes of their own.
    job = replace(
        at.job, status=TRANSITIONS[Event.CLAIMED].target, holder=PILOT, node=PILOTS[number], batch_id=None, reported=None)
    return Situation(job, held, at.dispatched | {attempt}, at.doubled or attempt in at.dispatched)


def _spoken(at: Situation, number: int, attempt: int, word: str, how: str) -> Step:
    name, meaning = PILOTS[number], MEANINGS[word]
    if how == "no attempt" and at.job.attempt_nr in at.held[number]:
        attempt = at.job.attempt_nr  # a pilot that has both attempts and does not tell which means the one that it has now
    update = JobUpdate(
        job_id=1, job_status=word, attempt_nr=attempt if how == "attempt" else None, batch_id=f"{name}.ce", node=name)
    what = f"{name} says {word} of attempt {attempt}, with {how}"
    if fence(at.job, update, Caller(PILOT)) is not None:
        return Step(what, at, attempt, Verdict.STOP, how == "attempt")
    decided = verdict(at.job, meaning)
    return Step(what, _heard(at, update, meaning) if decided is Verdict.TAKE else at, attempt, decided, how == "attempt")


def _heard(at: Situation, update: JobUpdate, meaning: Meaning) -> Situation:
    row = TRANSITIONS[meaning.event]
    status = row.target if at.job.status in row.sources else at.job.status
    reported = meaning.reports or at.job.reported
    return replace(at, job=replace(at.job, status=status, reported=reported, batch_id=update.batch_id, node=update.node))


def _moved(at: Situation, event: Event, actor: Actor) -> Situation:
    """As the rooms let it happen: the adder waits for a report, the watcher does not touch what is reported, and a job in a slot
    is killed by telling its pilot."""
    reported = at.job.reported is not None
    is_kept = {
        Event.COMPLETED: not reported, Event.FAILED: not reported, Event.TRANSFER_STARTED: not reported,
        Event.TIMED_OUT: reported, Event.KILLED: at.job.status in IN_SLOT}
    if is_kept.get(event, False) or not may(event, at.job.status, actor):
        return at
    attempt = at.job.attempt_nr + (event in NEW_ATTEMPT)
    holder = None if event in NEW_ATTEMPT else at.job.holder
    return replace(at, job=replace(
        at.job, status=TRANSITIONS[event].target, attempt_nr=attempt, holder=holder,
        reported=None if event in RETRIES else at.job.reported))


@dataclass
class Explored:
    """What was found: situations, stories of the full length, and the steps that broke a law."""

    situations: int
    stories: int
    broken: list[str]


def explore(depth: int) -> Explored:
    """All stories of that many events."""
    seen: set[Situation] = {START}
    now: Counter[Situation] = Counter({START: 1})
    broken: list[str] = []
    for _ in range(depth):
        after: Counter[Situation] = Counter()
        for situation, stories in now.items():
            for step in steps(situation):
                after[step.after] += stories
                if problem := _unlawful(situation, step):
                    broken.append(f"{problem}: {situation.job}, {step.what}, {step.after.job}")
        seen.update(after)
        now = after
    return Explored(len(seen), sum(now.values()), broken)


def _unlawful(before: Situation, step: Step) -> str | None:
    was, became = before.job, step.after.job
    if step.after.doubled:
        return "an attempt went to two pilots"
    if was.status in FINAL and became != was:
        return "the end was not the end"
    if became.attempt_nr < was.attempt_nr:
        return "an attempt came back"
    if step.attempt is not None and step.attempt != was.attempt_nr:
        if became != was:
            return "a word of an old attempt changed something"
        if step.verdict is not Verdict.STOP and step.tells:
            return "a pilot of an old attempt was not stopped"
    if was.reported is not None and became.reported not in (was.reported, None):
        return "a second report replaced the first"
    return None
