"""What is said of error codes."""

from __future__ import annotations

from pandad.spec.erroradvice import ADVICE, ELSEWHERE, SOURCES, codes
from pandad.spec.failure import SOURCES as REPORTED


def test_every_code_has_its_advice() -> None:
    """And there is none about a code that does not exist; codes of a component are told apart."""
    known = [(code.source, code.number) for code in codes()]
    assert len(set(known)) == len(known) and set(known) == set(ADVICE)


def test_it_says_something() -> None:
    """A meaning and a thing to do, in one line each."""
    for advice in ADVICE.values():
        assert advice.meaning and advice.remedy and "\n" not in advice.meaning + advice.remedy


def test_no_component_is_forgotten() -> None:
    """Those that a job has codes of are either pandad's own, or said to be somebody else's."""
    assert set(REPORTED) <= {*SOURCES, *ELSEWHERE}
