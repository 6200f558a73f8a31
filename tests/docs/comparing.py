"""Whether a command said what its page shows.

As shown, but: ``...`` stands for anything, within a line or for any number of lines; a number for any other number; a run of
blanks for any other. Blank lines at the end do not count.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_PIECE = re.compile(r"(?P<any>\.\.\.)|(?P<number>\d+)|(?P<blank>[ \t]+)|(?P<text>(?:(?!\.\.\.)[^\d \t])+)")


@dataclass(frozen=True, slots=True)
class Exchange:
    """A command as a page shows it, and what it is shown to say."""

    command: str
    expected: str


def exchanges(text: str) -> list[Exchange]:
    """Of a ```console block: lines with "$ " or "# " (as root) are commands, what follows them is what they say."""
    found: list[tuple[list[str], list[str]]] = []
    continued = False
    for line in text.splitlines():
        if continued:
            found[-1][0].append(line.removeprefix("> "))
        elif line.startswith(("$ ", "# ")):
            found.append(([line[2:]], []))
        elif found:
            found[-1][1].append(line)
        continued = (continued or line.startswith(("$ ", "# "))) and line.endswith("\\")
    return [Exchange("\n".join(command), "\n".join(said)) for command, said in found]


def fits(expected: str, said: str) -> bool:
    """Whether that is what was expected, by the rule above."""
    return re.fullmatch(_pattern(_trimmed(expected)), "\n".join(_trimmed(said)), re.DOTALL) is not None


def _trimmed(text: str) -> Sequence[str]:
    return [line.rstrip() for line in text.strip("\n").splitlines()]


def _pattern(lines: Sequence[str]) -> str:
    """A line of nothing but ``...`` stands for any lines, none among them."""
    parts: list[str] = []
    for place, line in enumerate(lines):
        last = place == len(lines) - 1
        if line == "...":
            parts.append(r"(?:.*\n)?" if not last else r".*")
        else:
            parts.append("".join(map(_of_piece, _PIECE.finditer(line))) + ("" if last else r"\n"))
    pattern = "".join(parts)
    return pattern.removesuffix(r"\n.*") + r"(?:\n.*)?" if lines and lines[-1] == "..." and len(lines) > 1 else pattern


def _of_piece(piece: re.Match[str]) -> str:
    if piece["any"]:
        return r"[^\n]*"
    if piece["number"]:
        return r"\d+"
    return r"[ \t]+" if piece["blank"] else re.escape(piece["text"])
