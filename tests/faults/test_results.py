"""Results outlive their sitting."""

from __future__ import annotations

from pathlib import Path

from . import results
from .results import Result


def test_sittings_add_up(tmp_path: Path) -> None:
    """Counts are summed, seeds and commits span all sittings, of a figure the largest is kept; campaigns stay apart."""
    first = Result("a", "c1", (1, 4), cycles=10, jobs=100, lost=1, failures=1, seconds=3, figures={"x": 1, "y": 5})
    second = Result("a", "c2", (5, 5), cycles=1, jobs=7, doubled=2, failures=2, seconds=4, figures={"x": 3})
    for result in (first, Result("b", "c1", (1, 1)), second):
        results.append(tmp_path, result)
    both, other = results.added_up(results.read(tmp_path))
    assert both == Result("a", "c1 c2", (1, 5), cycles=11, jobs=107, lost=1, doubled=2, failures=3, seconds=7,
                          figures={"x": 3, "y": 5})
    assert other.campaign == "b"


def test_nothing_was_run(tmp_path: Path) -> None:
    """A directory without results has none."""
    assert results.read(tmp_path / "nowhere") == []


def test_the_table_has_a_row_for_each(tmp_path: Path) -> None:
    """Headings, a rule, and the campaigns."""
    lines = results.table([Result("a", "c", (1, 1)), Result("b", "c", (1, 1))]).splitlines()
    assert len(lines) == 4 and len({line.count("|") for line in lines}) == 1


def test_the_documentation_shows_what_was_run() -> None:
    """Its table is the one of the results that are kept beside it."""
    page = results.DOCUMENT.read_text("utf-8")
    assert results.documented(page, results.added_up(results.read(results.KEPT))) == page
