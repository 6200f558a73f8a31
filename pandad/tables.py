"""Texts for a person at a terminal: aligned tables, and nothing in them that steers the terminal."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime


def cell(value: object) -> str:
    """A value in one line of a table: "-" for none, UTC for times, lists by comma.

    Control and formatting characters become "?": texts come from pilots and must not steer a terminal.
    """
    if value is None or value == "":
        return "-"
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(cell(item) for item in value) or "-"
    text = " ".join(str(value).split())
    return "".join("?" if unicodedata.category(c).startswith("C") else c for c in text)


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Columns aligned by blanks, numbers to the right, no blanks at the ends of lines."""
    rows = [tuple(row) for row in rows]
    lines = [tuple(header), *(tuple(map(cell, row)) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    right = [bool(rows) and all(isinstance(v, int | float) for v in c) for c in zip(*rows, strict=True)]
    right += [False] * (len(widths) - len(right))
    return "\n".join(
        "  ".join(
            text.rjust(w) if r else text.ljust(w) for text, w, r in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in lines
    )


def facts(pairs: Iterable[tuple[str, object]]) -> str:
    """One `name  value` on a line; pairs without a value are left out."""
    shown = [(name, cell(value)) for name, value in pairs if value not in (None, "", [])]
    width = max((len(name) for name, _ in shown), default=0)
    return "\n".join(f"{name.ljust(width)}  {text}" for name, text in shown)
