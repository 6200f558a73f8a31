"""The checker finds each kind of violation, and nothing in a round that is as it should be."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pandad.spec.jobstatus import Actor, Event, JobStatus
from pandad.spec.pilotcommand import KILL, NOTHING

from .checker import Stored, StoredEvent, StoredJob, Verdict, judge
from .history import History, Submission

S, E, A = JobStatus, Event, Actor
LIFE = [
    StoredEvent(E.SUBMITTED, None, S.DEFINED, 1, A.USER),
    StoredEvent(E.BROKERED, S.DEFINED, S.ASSIGNED, 1, A.BROKERAGE),
    StoredEvent(E.INPUT_READY, S.ASSIGNED, S.ACTIVATED, 1, A.DATASERVICE),
    StoredEvent(E.CLAIMED, S.ACTIVATED, S.SENT, 1, A.PILOT),
    StoredEvent(E.RUNNING, S.SENT, S.RUNNING, 1, A.PILOT),
    StoredEvent("kill asked", S.RUNNING, S.RUNNING, 1, A.USER),
    StoredEvent(E.REPORTED, S.RUNNING, S.HOLDING, 1, A.PILOT),
    StoredEvent(E.COMPLETED, S.HOLDING, S.FINISHED, 1, A.DATASERVICE),
]


def a_round() -> tuple[History, Stored]:
    """One job, handed in, done, and killed too late."""
    history = History([Submission(["a"], [1], 1)], kills={1: True})
    history.handed[1, 1] = 1
    history.heard[1, 1, "running"] = [NOTHING]
    history.heard[1, 1, "finished"] = [NOTHING, KILL]
    stored = Stored({1: StoredJob(1, "a", S.FINISHED, 1)}, reports={(1, 1): S.FINISHED})
    stored.events[1] = list(LIFE)
    return history, stored


def test_a_good_round_is_good() -> None:
    """Nothing is found where nothing is wrong."""
    assert judge(*a_round()) == Verdict()


def _gone(history: History, stored: Stored) -> None:
    del stored.jobs[1]


def _other_name(history: History, stored: Stored) -> None:
    stored.jobs[1] = StoredJob(1, "b", S.FINISHED, 1)


def _unended(history: History, stored: Stored) -> None:
    stored.jobs[1] = StoredJob(1, "a", S.HOLDING, 1)
    stored.events[1].pop()


def _handed_twice(history: History, stored: Stored) -> None:
    history.handed[1, 1] += 1


def _handed_unseen(history: History, stored: Stored) -> None:
    history.handed[1, 2] = 1


def _claimed_twice(history: History, stored: Stored) -> None:
    stored.events[1][4:4] = [StoredEvent(E.SENT_EXPIRED, S.SENT, S.ACTIVATED, 1, A.WATCHER), LIFE[3]]


def _stored_twice(history: History, stored: Stored) -> None:
    stored.jobs[2] = StoredJob(2, "a", S.FINISHED, 1)
    stored.events[2] = list(LIFE)


def _wrong_row(history: History, stored: Stored) -> None:
    stored.events[1][1:3] = [StoredEvent(E.BROKERED, S.DEFINED, S.ACTIVATED, 1, A.BROKERAGE)]


def _wrong_actor(history: History, stored: Stored) -> None:
    stored.events[1][1] = StoredEvent(E.BROKERED, S.DEFINED, S.ASSIGNED, 1, A.PILOT)


def _broken_chain(history: History, stored: Stored) -> None:
    del stored.events[1][2]


def _moving_note(history: History, stored: Stored) -> None:
    stored.events[1][5:7] = [StoredEvent("kill asked", S.RUNNING, S.HOLDING, 1, A.USER)]


def _backwards(history: History, stored: Stored) -> None:
    stored.events[1][3] = StoredEvent(E.CLAIMED, S.ACTIVATED, S.SENT, 2, A.PILOT)


def _other_end(history: History, stored: Stored) -> None:
    stored.jobs[1] = StoredJob(1, "a", S.CANCELLED, 1)


def _other_attempt(history: History, stored: Stored) -> None:
    stored.jobs[1] = StoredJob(1, "a", S.FINISHED, 2)


def _no_history(history: History, stored: Stored) -> None:
    stored.events.clear()
    history.handed.clear()
    history.heard.clear()
    history.kills.clear()


def _begun_wrong(history: History, stored: Stored) -> None:
    del stored.events[1][0]


def _no_report(history: History, stored: Stored) -> None:
    stored.reports.clear()


def _other_report(history: History, stored: Stored) -> None:
    stored.reports[1, 1] = S.FAILED


def _word_forgotten(history: History, stored: Stored) -> None:
    history.heard[1, 2, "running"] = [NOTHING]


def _report_undone(history: History, stored: Stored) -> None:
    stored.jobs[1] = StoredJob(1, "a", S.FAILED, 1)
    stored.events[1][-1] = StoredEvent(E.FAILED, S.HOLDING, S.FAILED, 1, A.DATASERVICE)


def _kill_forgotten(history: History, stored: Stored) -> None:
    del stored.events[1][5]


VIOLATIONS: dict[str, list[Callable[[History, Stored], None]]] = {
    "lost": [_gone, _other_name, _unended],
    "doubled": [_handed_twice, _handed_unseen, _claimed_twice],
    "doubled_submits": [_stored_twice],
    "illegal": [_wrong_row, _wrong_actor, _broken_chain, _moving_note, _backwards, _other_end, _other_attempt, _no_history,
                _begun_wrong],
    "missing": [_no_report, _other_report, _word_forgotten, _report_undone, _kill_forgotten],
}


@pytest.mark.parametrize(("kind", "violate"), [(kind, each) for kind, all_ in VIOLATIONS.items() for each in all_])
def test_every_violation_is_found(kind: str, violate: Callable[[History, Stored], None]) -> None:
    """Each is found, under its kind."""
    history, stored = a_round()
    violate(history, stored)
    assert judge(history, stored).counts[kind]


def test_what_was_not_acknowledged_may_be_missing() -> None:
    """A submission, a kill or a report without an answer binds nobody."""
    history = History([Submission(["a"])], kills={1: False})
    history.heard[1, 1, "finished"] = [KILL]
    assert judge(history, Stored()) == Verdict()


def test_a_kill_excuses_a_cancelled_job() -> None:
    """Who was killed after its report may be cancelled."""
    history, stored = a_round()
    stored.jobs[1] = StoredJob(1, "a", S.CANCELLED, 1)
    stored.events[1][-1] = StoredEvent(E.KILLED, S.HOLDING, S.CANCELLED, 1, A.USER)
    assert judge(history, stored) == Verdict()


def test_a_later_attempt_decides() -> None:
    """An acknowledged failure of an attempt that was followed by another says nothing of the end."""
    history, stored = a_round()
    history.heard[1, 1, "finished"] = []
    history.heard[1, 1, "failed"] = [NOTHING]
    stored.reports = {(1, 1): S.FAILED, (1, 2): S.FINISHED}
    again = [StoredEvent(E.RETRIED, S.HOLDING, S.ACTIVATED, 2, A.DATASERVICE)]
    again += [StoredEvent(e.event, e.was, e.became, 2, e.actor) for e in LIFE[3:]]
    stored.events[1][-1:] = again
    stored.jobs[1] = StoredJob(1, "a", S.FINISHED, 2)
    assert judge(history, stored) == Verdict()
