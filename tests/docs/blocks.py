"""The fenced blocks of a page, and what the page says of how they are tried.

A page is one session: its command blocks run in their order, in one shell. How pages say what a block is stands in docs/index.md,
"How these pages are tried".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]

REASONS: Mapping[str, str] = {
    "make runs it": "make and the CI run it, or what it is made of",
    "takes long": "a campaign of minutes or hours, of which the suite runs a share",
    "needs a grid": "needs the authorities, the sites or the services of a real grid",
    "needs a real pilot": "tests/clients runs one, locked up",
    "needs a package mirror": "takes packages from the network",
    "needs Rucio": "`make test-rucio` has one",
    "needs a browser": "tests/monitor has one",
}
"""Why a block is not run: the words in its comment, and what stands behind them."""

COMMANDS = ("sh", "console")
OF_PAGE = ("tried on", "tried with")
MEANT = ("not run", "file", "stays", "exits", "tried")  # a comment that begins so says something of this kind, or is a slip
LANGUAGES = (*COMMANDS, "toml", "json", "yaml", "ini", "text", "sql", "mermaid")

_FENCE = re.compile(r"(?P<indent> *)(?P<fence>```+)(?P<language>[\w-]*) *$")
_NOTE = re.compile(r"<!-- *(?P<word>not run|file|stays until|exits|tried on|tried with): *(?P<said>.*?) *-->$")
_OWN_LINE = re.compile(r" *<!--.*-->$")


class PageError(Exception):
    """A page that cannot be tried: says where and what to write."""


@dataclass(frozen=True, slots=True)
class Block:
    """``language``: "" if it has none. ``notes``: what the comments right above it say, by their word."""

    page: str
    line: int
    language: str
    text: str
    notes: Mapping[str, str] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """For a person."""
        return f"{self.page}:{self.line}"

    @property
    def is_run(self) -> bool:
        """Whether it has commands that are run."""
        return self.language in COMMANDS and "not run" not in self.notes


@dataclass(frozen=True, slots=True)
class Page:
    """``name``: its path in the repository. ``words``: what stands for the placeholders in its commands."""

    name: str
    blocks: Sequence[Block]
    machine: str
    words: Mapping[str, str]

    @property
    def commands(self) -> list[Block]:
        """Those that are run, and the files that they need, in order."""
        return [block for block in self.blocks if block.is_run or "file" in block.notes]


def paths() -> list[Path]:
    """All pages there are."""
    return [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]


def read(path: Path) -> Page:
    """A page of the repository.

    :raise PageError: a fence has no end, or a comment is not understood.
    """
    return parse(str(path.relative_to(REPOSITORY)), path.read_text("utf-8"))


def of(machine: str) -> list[Page]:
    """The pages with commands that are tried there, those left out that a test of their own tries."""
    return [page for page in map(read, paths()) if page.commands and page.machine == machine]


def parse(name: str, text: str) -> Page:
    """See `read`."""
    lines = text.splitlines()
    blocks = list(_blocks(name, lines))
    of_page = {note["word"]: note["said"] for note in map(_NOTE.match, lines) if note is not None}
    pairs = [pair.partition("=") for pair in of_page.get("tried with", "").split()]
    return Page(name, blocks, of_page.get("tried on", "desk"), {word: meant for word, _, meant in pairs})


def _blocks(name: str, lines: Sequence[str]) -> Iterator[Block]:
    place = 0
    while place < len(lines):
        opened = _FENCE.match(lines[place])
        if opened is None:
            place += 1
            continue
        end = next((n for n in range(place + 1, len(lines)) if lines[n].strip() == opened["fence"]), None)
        if end is None:
            raise PageError(f"{name}:{place + 1}: this fence has no end")
        indent = len(opened["indent"])
        text = "".join(f"{line[indent:]}\n" for line in lines[place + 1:end])
        yield Block(name, place + 1, opened["language"], text, dict(_notes_above(name, lines, place)))
        place = end + 1


def _notes_above(name: str, lines: Sequence[str], place: int) -> Iterator[tuple[str, str]]:
    above = place - 1
    while above >= 0 and (not lines[above].strip() or _OWN_LINE.match(lines[above])):
        found = _NOTE.match(lines[above].strip())
        if found is not None and found["word"] not in OF_PAGE:
            yield found["word"], found["said"]
        elif found is None and lines[above].strip().startswith(tuple(f"<!-- {word}" for word in MEANT)):
            raise PageError(f"{name}:{above + 1}: a comment that is not understood: {lines[above].strip()}")
        above -= 1
