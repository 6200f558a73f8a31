"""What a pilot's word writes on its job."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pandad.jobdispatcher.guards import MEANINGS
from pandad.jobdispatcher.heartbeat import METADATA_LENGTH, STDOUT_LENGTH, change_of, corrupted

from .words import LAST_WORDS, said

words = st.sampled_from(sorted(MEANINGS))


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
    assert change.stdout == (stdout[-STDOUT_LENGTH:] or None)


def test_too_much_metadata() -> None:
    """A job report that is too large to be kept does not keep the pilot's word from counting, and the history says so."""
    change = change_of(MEANINGS["finished"], said("finished", meta_data="x" * (METADATA_LENGTH + 1)))
    assert change.metadata is None and change.values["reportedstatus"] == "finished"
    assert change.why == f"the pilot reports finished; its metadata was not kept, {METADATA_LENGTH + 1} characters are too many"


def test_corrupted_inputs() -> None:
    """The names of corrupted inputs come in a comma list; the history names the first of them."""
    update = said("failed", corrupted_files=" a, b,,c ,d", pilot_error_diag="bad checksum")
    assert corrupted(update) == ["a", "b", "c", "d"]
    why = "the pilot reports failed: bad checksum; corrupted input: a, b, c and 1 more"
    assert change_of(MEANINGS["failed"], update).why == why


def test_the_fence_is_as_long_as_what_it_is_compared_with() -> None:
    """A batch id that is cut when it is stored is cut in the fence too: or its pilot would be a stranger at its second word."""
    change = change_of(MEANINGS["running"], said("running", batch_id="b" * 100))
    assert change.batch_id == change.values["batchID"] == "b" * 80
