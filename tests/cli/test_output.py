"""Tables and JSON."""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pandad.cli.output import cell, facts, show, table

ROWS = st.lists(st.tuples(st.text(), st.integers(), st.none() | st.text()), max_size=4)


@given(ROWS)
def test_a_table_has_one_line_for_each_row(rows: list[tuple[object, ...]]) -> None:
    """Whatever is in the cells, a row stays one line, without blanks at its end."""
    lines = table(("a", "b", "c"), rows).split("\n")
    assert len(lines) == 1 + len(rows)
    assert all(line == line.rstrip() for line in lines)


def test_columns_are_aligned_and_numbers_to_the_right() -> None:
    """Text begins where its heading does, numbers end where it does."""
    text = table(("name", "count", "note"), [("a", 5, None), ("long name", 1234567, "x")])
    assert text.split("\n") == ["name         count  note", "a                5  -", "long name  1234567  x"]


@given(st.text())
def test_no_cell_can_steer_a_terminal(text: str) -> None:
    """Escape sequences and other control characters of foreign texts do not reach the terminal."""
    assert all(c.isprintable() or c in " \u00a0" or not c.isascii() for c in cell(text))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        ("", "-"),
        (0, "0"),
        ([], "-"),
        (["a", "b"], "a, b"),
        ("a\n b\t", "a b"),
        ("\x1b[31mred", "?[31mred"),
        (datetime(2025, 1, 2, 4, 4, 5, tzinfo=timezone(timedelta(hours=1))), "2025-01-02 03:04:05"),
    ],
)
def test_cells(value: object, text: str) -> None:
    """None is a dash, times are UTC, lists are joined, blanks are single."""
    assert cell(value) == text


def test_facts_leave_out_what_is_not_known() -> None:
    """Only what has a value is shown; zero is a value."""
    assert facts([("a", 0), ("long", None), ("bc", "x")]) == "a   0\nbc  x"


def test_json_is_for_scripts(capsys: pytest.CaptureFixture[str]) -> None:
    """With --json the data are printed, times in ISO form; without, the text."""
    data = [{"at": datetime(2025, 1, 2, tzinfo=UTC)}]
    show(argparse.Namespace(json=True), data, "text")
    assert json.loads(capsys.readouterr().out) == [{"at": "2025-01-02T00:00:00+00:00"}]
    show(argparse.Namespace(json=False), data, "text")
    assert capsys.readouterr().out == "text\n"
