"""Where submitters want their jobs."""

from __future__ import annotations

import pytest
from factories import a_job

from pandad.spec import sitewish
from pandad.spec.errors import BadRequest
from pandad.spec.job import NOT_WANTED, NOTHING_BUT

# computingSite as it was sent; the pin; what the job is limited to; what is ruled out
CASES = [
    (None, None, [], []),
    ("", None, [], []),
    (" , ", None, [], []),
    ("A", "A", [], []),
    (" A ", "A", [], []),
    ("A,", "A", [], []),
    ("A,B", None, ["A", "B"], []),
    ("A, B_*", None, ["A", "B_*"], []),
    ("SITE*", None, ["SITE*"], []),
    ("-A", None, [], ["A"]),
    ("-A,-B*", None, [], ["A", "B*"]),
    ("SITE*,-SITE_1", None, ["SITE*"], ["SITE_1"]),
    ("A,A,B", None, ["A", "B"], []),
]


@pytest.mark.parametrize(("sent", "pin", "included", "excluded"), CASES)
def test_computing_site(sent: str | None, pin: str | None, included: list[str], excluded: list[str]) -> None:
    """One name pins, several or a pattern limit, a minus rules out."""
    job = a_job(computingSite=sent, relocationFlag=2)
    sitewish.apply(job)
    assert (job.computingSite, job.relocationFlag) == (pin, int(pin is not None))
    assert (job.included, job.excluded, job.failed_at) == (included, excluded, [])


def test_both_ways_add_up() -> None:
    """What a table of attributes says beside computingSite counts too."""
    job = a_job(computingSite="A,-C", avoided=[NOTHING_BUT + "B", NOT_WANTED + "D*"])
    sitewish.apply(job)
    assert (job.included, job.excluded) == (["B", "A"], ["D*", "C"])


@pytest.mark.parametrize(("sent", "words"), [
    ("A,B,-A,-B", "wants none but A, B, and rules them out too"),
    ("A,-", "is no name"),
    ("A,B\x00", "is no name"),
    (",".join(f"Q{number}" for number in range(101)), "names 101 queues"),
])
def test_nonsense(sent: str, words: str) -> None:
    """What cannot be meant is refused, with the attribute."""
    with pytest.raises(BadRequest, match=words) as refused:
        sitewish.apply(a_job(computingSite=sent), "jobs[3]")
    assert str(refused.value).startswith("jobs[3].computingSite")


def test_lists_and_texts() -> None:
    """Names come as a list, or with commas between; nothing else."""
    assert sitewish.named("A, B,", "!") == sitewish.named(["A", " B"], "!") == ["!A", "!B"]
    for nonsense in (7, {"A": 1}, ["A", 1]):
        with pytest.raises(ValueError, match="list of queues"):
            sitewish.named(nonsense, "!")


def test_unmatched() -> None:
    """Names and patterns that no queue fits, each once, whoever wrote them."""
    jobs = [a_job(avoided=["!A", "!SITE*", "-OLD", "LEFT"]), a_job(computingSite="GONE", relocationFlag=1),
            a_job(computingSite="NOT_PINNED"), a_job(avoided=["!B*", "-OLD"])]
    assert sitewish.unmatched(jobs, ["A", "SITE_1", "C"]) == ["B*", "GONE", "OLD"]
