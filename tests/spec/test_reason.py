"""The codes of why a job is where it is, and the page that lists them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pandad.spec import errorcodes
from pandad.spec.failure import SOURCES, Failure
from pandad.spec.jobstatus import FINAL, JobStatus
from pandad.spec.reason import REASONS, Reason, of_closed, of_failures

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "why.md"


def test_all_have_a_meaning() -> None:
    """Every code has one, and every state has a code; what a job waits for is open only while it can still go on."""
    assert set(REASONS) == set(Reason)
    assert frozenset[JobStatus]().union(*(meaning.states for meaning in REASONS.values())) == set(JobStatus)
    for meaning in REASONS.values():
        assert meaning.says and meaning.helps
        assert (meaning.waits_for is None) == (meaning.states <= FINAL)


@pytest.mark.parametrize("source", SOURCES)
def test_failures(source: str) -> None:
    """Every source of an error has a code of its own kind; a job without any error has one too."""
    assert JobStatus.FAILED in REASONS[of_failures([Failure(source, 1, "x")])].states
    assert of_failures([]) is Reason.FAILED_UNTOLD


def test_closed() -> None:
    """Who waited too long is told apart from who was withdrawn."""
    assert of_closed(errorcodes.TASKBUFFER_EXPIRED) is Reason.EXPIRED
    assert of_closed(0) is Reason.WITHDRAWN


def test_the_page_lists_them() -> None:
    """docs/reference/why.md has the table as it is."""
    rows = [f"| `{reason}` | {', '.join(sorted(m.states))} | {m.waits_for or '-'} | {m.says} | {m.helps} |"
            for reason, m in REASONS.items()]
    assert "\n".join(rows) in PAGE.read_text("utf-8")
