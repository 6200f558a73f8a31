"""The guards on pilots' words: every state, every word, every fence; nothing is left to chance."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from factories import ALICE, PILOT
from hypothesis import given
from hypothesis import strategies as st

from pandad.jobdispatcher.guards import MEANINGS, TABLE, Fence, Verdict, fence, other_batch, verdict
from pandad.jobdispatcher.heartbeat import answer_to
from pandad.jobdispatcher.requests import JobUpdate
from pandad.spec.caller import Caller
from pandad.spec.jobstatus import AFTER_PILOT, BEFORE_PILOT, FINAL, IN_SLOT, TRANSITIONS, Actor, Event, JobStatus
from pandad.spec.pilotcommand import ALREADY_DONE, KILL, NOTHING
from pandad.taskbuffer.dispatched import Dispatched

from .words import LAST_WORDS, SIGNS_OF_LIFE, S, said

REPORTS = (None, S.FINISHED, S.FAILED)


def a_job(status: JobStatus = S.RUNNING, reported: JobStatus | None = None, **but: Any) -> Dispatched:
    return Dispatched(**{"status": status, "attempt_nr": 1, "reported": reported, "holder": PILOT, **but})


TAKEN = None

# (state, stored report) to the answers to a sign of life, "holding", "finished" and "failed". Written down apart from the table
# of the code, as an operator would look it up in PanDA's.
ANSWERS: dict[tuple[JobStatus, JobStatus | None], tuple[str | None, str | None, str | None, str | None]] = {
    **{(status, None): (KILL, KILL, KILL, KILL) for status in BEFORE_PILOT},
    **{(status, None): (TAKEN, TAKEN, TAKEN, TAKEN) for status in IN_SLOT},
    (S.HOLDING, None): (NOTHING, NOTHING, TAKEN, TAKEN),
    (S.HOLDING, S.FINISHED): (NOTHING, NOTHING, NOTHING, ALREADY_DONE),
    (S.HOLDING, S.FAILED): (NOTHING, NOTHING, ALREADY_DONE, NOTHING),
    (S.MERGING, S.FINISHED): (NOTHING, NOTHING, NOTHING, ALREADY_DONE),
    (S.TRANSFERRING, S.FINISHED): (NOTHING, ALREADY_DONE, NOTHING, ALREADY_DONE),
    (S.FINISHED, S.FINISHED): (NOTHING, NOTHING, NOTHING, ALREADY_DONE),
    (S.FAILED, S.FAILED): (ALREADY_DONE, ALREADY_DONE, ALREADY_DONE, NOTHING),
    (S.FAILED, S.FINISHED): (ALREADY_DONE, ALREADY_DONE, NOTHING, ALREADY_DONE),  # its outputs were not what it said
    (S.FAILED, None): (ALREADY_DONE, ALREADY_DONE, ALREADY_DONE, NOTHING),  # lost its heartbeat
    (S.CANCELLED, S.FAILED): (KILL, KILL, ALREADY_DONE, NOTHING),
    (S.CANCELLED, None): (KILL, KILL, ALREADY_DONE, ALREADY_DONE),
    (S.CLOSED, None): (KILL, KILL, ALREADY_DONE, ALREADY_DONE),
}


def test_the_tables_are_whole() -> None:
    """Every state stands in both tables, and every word in one of their columns."""
    assert {status for status, _ in ANSWERS} == set(TABLE) == set(JobStatus)
    assert set(MEANINGS) == {*SIGNS_OF_LIFE, "holding", *LAST_WORDS}


@pytest.mark.parametrize(("at", "reported"), sorted(ANSWERS, key=str))
def test_answers_by_state(at: JobStatus, reported: JobStatus | None) -> None:
    """What each word of the job's own pilot is answered in each state."""
    life, holding, *last = ANSWERS[at, reported]
    expected = {**dict.fromkeys(SIGNS_OF_LIFE, life), "holding": holding, **dict(zip(LAST_WORDS, last, strict=True))}
    assert {word: answer_to(a_job(at, reported), meaning) for word, meaning in MEANINGS.items()} == expected


def test_a_command_is_in_every_answer() -> None:
    """Whatever a pilot would be told to carry on with, it is told the command instead."""
    for (at, reported), meaning in product(ANSWERS, MEANINGS.values()):
        quiet, told = (answer_to(a_job(at, reported, command=command), meaning) for command in (None, "debug"))
        assert told == ("debug" if quiet == NOTHING else quiet)


def test_what_is_taken_may_happen() -> None:
    """A word is taken in no state in which its event could not happen and it is not a mere sign of life, and in all others."""
    for at, reported, meaning in product(JobStatus, REPORTS, MEANINGS.values()):
        row = TRANSITIONS[meaning.event]
        assert Actor.PILOT in row.actors
        takes = verdict(a_job(at, reported), meaning) is Verdict.TAKE
        owed = meaning.reports is None or reported is None
        assert takes == (at in row.sources | meaning.also_in and owed)


def test_nothing_is_taken_back() -> None:
    """After the payload only the report that is owed is taken; after the end, and from a merge, nothing is."""
    for at, reported, meaning in product(AFTER_PILOT | FINAL, REPORTS, MEANINGS.values()):
        if verdict(a_job(at, reported), meaning) is Verdict.TAKE:
            assert (at, reported, meaning.event) == (S.HOLDING, None, Event.REPORTED)


FENCES = [
    # of a pilot that tells its attempt: attempt and batch id
    ({}, {}, None),
    ({}, {"attempt_nr": 0}, Fence.ATTEMPT),
    ({}, {"attempt_nr": 2}, Fence.ATTEMPT),
    ({"batch_id": "a.ce"}, {"batch_id": "b.ce"}, Fence.BATCH),
    ({"batch_id": "a.ce"}, {"batch_id": "b.ce", "attempt_nr": 2}, Fence.ATTEMPT),
    ({"batch_id": "a.ce"}, {"batch_id": "a.ce"}, None),
    ({"pilot_id": "p1", "node": "n1", "holder": ALICE}, {"pilot_id": "p2", "node": "n2"}, None),
    # of one that does not: all that it says
    ({}, {"attempt_nr": None}, None),
    ({"attempt_nr": 2}, {"attempt_nr": None}, None),
    ({"holder": ALICE}, {"attempt_nr": None}, Fence.HOLDER),
    ({"holder": None}, {"attempt_nr": None}, Fence.HOLDER),
    ({"batch_id": "a.ce"}, {"attempt_nr": None, "batch_id": "b.ce"}, Fence.BATCH),
    ({"pilot_id": "p1"}, {"attempt_nr": None, "pilot_id": "p2"}, Fence.PILOT),
    ({"pilot_id": "p1", "batch_id": "a.ce"}, {"attempt_nr": None, "pilot_id": "p2", "batch_id": "a.ce"}, Fence.PILOT),
    ({"node": "n1"}, {"attempt_nr": None, "node": "n2"}, Fence.NODE),
    ({"holder": ALICE, "batch_id": "a.ce"}, {"attempt_nr": None, "batch_id": "a.ce"}, None),
    ({"holder": ALICE, "pilot_id": "p1"}, {"attempt_nr": None, "pilot_id": "p1"}, None),
    ({"holder": ALICE, "node": "n1"}, {"attempt_nr": None, "node": "n1"}, Fence.HOLDER),
]


@pytest.mark.parametrize(("has", "says", "expected"), FENCES)
def test_fences(has: dict[str, Any], says: dict[str, Any], expected: Fence | None) -> None:
    """What tells a stranger, in every state and for every word alike."""
    for at, word in product(JobStatus, MEANINGS):
        assert fence(a_job(at, **has), said(word, **says), Caller(PILOT)) is expected


def test_one_holder_with_two_credentials() -> None:
    """Who took a job with one identity is its holder with another one of the same account too."""
    caller = Caller(PILOT, account=7, others=frozenset({ALICE}))
    assert fence(a_job(holder=ALICE), said("running", attempt_nr=None), caller) is None


def test_nobodys_job() -> None:
    """A job that does not exist is nobody's."""
    assert fence(None, said("running"), Caller(PILOT)) is Fence.JOB


@pytest.mark.parametrize(
    ("ours", "theirs", "differ"),
    [
        ("a.1", "b.2", True),
        ("a.1", "a.1", False),
        ("a.1", "7", False),
        ("7", "b.2", False),
        ("7", "8", False),
        ("1234.0", "1235.0", False),
        ("1234.0.1", "1235.0", False),
        ("1234.ce", "1235.ce", True),
        (None, "b.2", False),
        ("a.1", None, False),
        ("", "b.2", False),
        ("a.1", "", False),
    ],
)
def test_two_batch_jobs(ours: str | None, theirs: str | None, differ: bool) -> None:
    """Two batch ids are those of two batch jobs; mere numbers, which batch systems use again, tell nothing."""
    assert other_batch(ours, theirs) == differ


names = st.sampled_from([None, "", "x", "y", "1"])


@given(
    st.builds(
        Dispatched, status=st.sampled_from(sorted(JobStatus)), attempt_nr=st.integers(0, 2),
        holder=st.sampled_from([None, PILOT]), batch_id=names, pilot_id=names, node=names),
    st.builds(
        JobUpdate, job_id=st.just(1), job_status=st.sampled_from(sorted(MEANINGS)), attempt_nr=st.none() | st.integers(0, 2),
        batch_id=names, pilot_id=names, node=names),
)
def test_whose_word_counts(job: Dispatched, update: JobUpdate) -> None:
    """No word gets past the fence from another attempt, from another batch job, or, without an attempt, from an unknown hand."""
    if fence(job, update, Caller(PILOT)) is not None:
        return
    assert update.attempt_nr in (None, job.attempt_nr)
    assert not other_batch(update.batch_id, job.batch_id)
    if update.attempt_nr is None:
        assert job.holder == PILOT or job.batch_id == update.batch_id or job.pilot_id == update.pilot_id
        assert not job.node or update.node in (None, "", job.node)
