"""As little Markdown as the reference needs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def made(title: str, introduction: str) -> str:
    """The head of a page."""
    return f"# {title}\n\n<!-- made by: python -m tests.reference -->\n\n{introduction.strip()}\n"


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table; "" if there are no rows."""
    lines = [_line(row) for row in rows]
    return "".join(["\n", _line(header), _line(["---"] * len(header)), *lines]) if lines else ""


def _line(cells: Sequence[object]) -> str:
    return "| " + " | ".join(cell(each) for each in cells) + " |\n"


def cell(value: object) -> str:
    """In one line; no bar of it is taken for a border, nor what stands in angles for a tag."""
    text = " ".join(str(value).split()).replace("|", "\\|")
    return text if text.startswith("`") else text.replace("<", "\\<")


def code(text: str) -> str:
    """As it is typed."""
    return f"`{text}`"


def lines(texts: Iterable[str]) -> str:
    """A block as it is typed; indented, for it is shown and not run."""
    return "\n" + "".join(f"    {text}\n" for text in texts)
