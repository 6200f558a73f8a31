"""What a daemon must not do while its database is in trouble."""

from __future__ import annotations

from pathlib import Path

from .history import History
from .manners import TRACEBACK, dropped, tracebacks


def test_calls_without_an_answer_are_told() -> None:
    """"Later" is an answer; silence is none."""
    history = History()
    history.outcomes.update({("submit", "HTTP 503"): 5, ("kill", "HTTP 200"): 1})
    assert list(dropped(history)) == []
    history.outcomes["submit", "no answer"] += 2
    assert list(dropped(history)) == ["submit got no answer 2 times"]


def test_tracebacks_are_told(tmp_path: Path) -> None:
    """By log."""
    good, bad = tmp_path / "good.log", tmp_path / "bad.log"
    good.write_text("the database cannot do this now\n")
    bad.write_text(f"Unhandled Error\n\t{TRACEBACK}:\n" * 2)
    assert list(tracebacks([good, bad])) == ["bad.log has 2 tracebacks"]
