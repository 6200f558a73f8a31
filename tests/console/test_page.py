"""The page of the documentation."""

from __future__ import annotations

from pathlib import Path

from pandad.console.page import page

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "console.md"


def test_the_page_is_as_the_verbs_are() -> None:
    """Renewed by: pandad console --markdown > docs/reference/console.md."""
    assert PAGE.read_text("utf-8") == page()
