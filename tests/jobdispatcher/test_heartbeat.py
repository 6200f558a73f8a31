"""A pilot's word: what it means for its job in each state, and that it counts once."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from factories import ALICE, PILOT
from hypothesis import given
from hypothesis import strategies as st

from pandad.jobdispatcher.heartbeat import MEANINGS, answer_to, change_of
from pandad.spec.jobstatus import AFTER_PILOT, BEFORE_PILOT, FINAL, IN_SLOT, JobStatus
from pandad.spec.pilotcommand import ALREADY_DONE, KILL, NOTHING
from pandad.taskbuffer.jobs import JobState

from .words import LAST_WORDS, SIGNS_OF_LIFE, S, said


def state(status: JobStatus, reported: JobStatus | None = None, **but: Any) -> JobState:
    return JobState(
        **{
            "panda_id": 1,
            "status": status,
            "attempt_nr": 1,
            "command": None,
            "batch_id": None,
            "holder": PILOT,
            "owner": ALICE,
            "reported": reported,
            **but,
        }
    )


def answer(word: str, at: JobState | None, **but: Any) -> str | None:
    return answer_to(at, MEANINGS[word], said(word, **but))


# (state, stored report) to the answers to a sign of life, "holding", "finished" and "failed"; None: the update is for the job.
TABLE: dict[tuple[JobStatus, JobStatus | None], tuple[str | None, str | None, str | None, str | None]] = {
    **{(status, None): (KILL, KILL, KILL, KILL) for status in BEFORE_PILOT},
    **{(status, None): (None, None, None, None) for status in IN_SLOT},
    (S.HOLDING, None): (NOTHING, NOTHING, None, None),
    (S.HOLDING, S.FINISHED): (NOTHING, NOTHING, NOTHING, ALREADY_DONE),
    (S.HOLDING, S.FAILED): (NOTHING, NOTHING, ALREADY_DONE, NOTHING),
    (S.MERGING, S.FINISHED): (NOTHING, NOTHING, NOTHING, ALREADY_DONE),
    (S.TRANSFERRING, S.FINISHED): (NOTHING, NOTHING, NOTHING, ALREADY_DONE),
    (S.FINISHED, S.FINISHED): (NOTHING, NOTHING, NOTHING, ALREADY_DONE),
    (S.FAILED, S.FAILED): (ALREADY_DONE, ALREADY_DONE, ALREADY_DONE, NOTHING),
    (S.FAILED, S.FINISHED): (ALREADY_DONE, ALREADY_DONE, NOTHING, ALREADY_DONE),  # its outputs were not what it said
    (S.FAILED, None): (ALREADY_DONE, ALREADY_DONE, ALREADY_DONE, NOTHING),  # lost its heartbeat
    (S.CANCELLED, S.FAILED): (KILL, KILL, ALREADY_DONE, NOTHING),
    (S.CANCELLED, None): (KILL, KILL, ALREADY_DONE, ALREADY_DONE),
    (S.CLOSED, None): (KILL, KILL, ALREADY_DONE, ALREADY_DONE),
}


def test_the_table_is_whole() -> None:
    """Every state stands in the table, and every word in one of its columns."""
    assert {status for status, _ in TABLE} == set(JobStatus)
    assert set(MEANINGS) == {*SIGNS_OF_LIFE, "holding", *LAST_WORDS}


@pytest.mark.parametrize(("at", "reported"), sorted(TABLE, key=str))
def test_answers_by_state(at: JobStatus, reported: JobStatus | None) -> None:
    """What each word is answered in each state, of the job's own attempt and of one that did not say its attempt."""
    life, holding, *last = TABLE[at, reported]
    expected = {**dict.fromkeys(SIGNS_OF_LIFE, life), "holding": holding, **dict(zip(LAST_WORDS, last, strict=True))}
    for attempt_nr in (1, None):
        assert {word: answer(word, state(at, reported), attempt_nr=attempt_nr) for word in MEANINGS} == expected


@pytest.mark.parametrize("word", MEANINGS)
def test_strangers_to_the_job_are_to_stop(word: str) -> None:
    """A pilot of another attempt, or of a job that nobody knows, is told to stop whatever it says and wherever the job is."""
    assert answer(word, None) == KILL
    for (at, reported), attempt_nr in product(TABLE, (0, 2)):
        assert answer(word, state(at, reported), attempt_nr=attempt_nr) == KILL


@pytest.mark.parametrize(
    ("ours", "theirs", "stop"),
    [
        ("a.1", "b.2", True),
        ("a.1", "a.1", False),
        ("a.1", "7", False),
        ("7", "b.2", False),
        ("7", "8", False),
        (None, "b.2", False),
        ("a.1", None, False),
        ("", "b.2", False),
        ("a.1", "", False),
    ],
)
def test_two_batch_jobs(ours: str | None, theirs: str | None, stop: bool) -> None:
    """A second batch job with the same job stops; mere numbers, which batch systems use again, tell nothing."""
    assert answer("running", state(S.RUNNING, batch_id=theirs), batch_id=ours) == (KILL if stop else None)


words = st.sampled_from(sorted(MEANINGS))


@given(
    words,
    st.sampled_from(sorted(JobStatus)),
    st.none() | st.sampled_from([S.FINISHED, S.FAILED]),
    st.sampled_from([None, 0, 1, 2]),
)
def test_an_answer_or_a_change(word: str, at: JobStatus, reported: JobStatus | None, attempt_nr: int | None) -> None:
    """An answer is always one of PanDA's texts; only a job in a slot, or one that owes its report, may be changed."""
    got = answer(word, state(at, reported), attempt_nr=attempt_nr)
    assert got in (None, NOTHING, KILL, ALREADY_DONE)
    if got is None:
        assert at in IN_SLOT or (at is S.HOLDING and reported is None and word in LAST_WORDS)
        assert attempt_nr in (None, 1)
    assert at not in FINAL | AFTER_PILOT or word not in SIGNS_OF_LIFE or got is not None


@pytest.mark.parametrize(
    ("word", "sub_status"),
    [("running", None), ("stagein", "stagein"), ("stageout", "stageout"), ("transferring", "transferring")],
)
def test_finer_words_are_kept(word: str, sub_status: str | None) -> None:
    """A finer word than PanDA's states becomes the sub-status, unless the pilot says that itself."""
    assert change_of(MEANINGS[word], said(word)).values.get("jobSubStatus") == sub_status
    own = said(word, job_sub_status="waiting for tape")
    assert change_of(MEANINGS[word], own).values["jobSubStatus"] == "waiting for tape"


@given(words, st.text(max_size=3000), st.text(max_size=3000), st.text(max_size=3000))
def test_only_last_words_report(word: str, report: str, metadata: str, stdout: str) -> None:
    """The output report and the outcome are kept with the last word only; of the output the tail; metadata whenever it comes."""
    change = change_of(MEANINGS[word], said(word, job_output_report=report, meta_data=metadata, stdout=stdout))
    is_last = word in LAST_WORDS
    assert change.report == (report if is_last else None)
    assert change.values.get("reportedstatus") == (word if is_last else None)
    assert change.metadata == (metadata or None)
    assert change.stdout == (stdout[-2048:] or None)
