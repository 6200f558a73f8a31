"""A TOML or JSON text and the line on which each of its keys stands, so that a mistake can be pointed at."""

from __future__ import annotations

import bisect
import json
import re
import tomllib
from collections.abc import Callable, Iterable
from copy import copy, deepcopy
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pandad.tomlmistakes import mistakes

Where = tuple[str | int, ...]  # keys and list positions from the top of the text down to a value


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a text: where it is, and what is wrong; what to write instead."""

    name: str
    line: int
    key: str
    text: str
    path: Where = ()

    def __str__(self) -> str:
        return ": ".join(part for part in (f"{self.name}:{self.line}", self.key, self.text) if part)


class SourceError(Exception):
    """A text cannot be used; `problems` lists every mistake that was found, str() has one line for each.

    ``rest``: the text without the statements that cannot be read, if some can.
    """

    def __init__(self, *problems: Problem, rest: Source | None = None) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems, self.rest = problems, rest


class Source:
    """A parsed text. JSON if its name ends in .json or it begins with a brace, TOML otherwise.

    :param text: the whole text.
    :param name: what to call it in messages, usually the path of the file.
    :raise SourceError: the text is neither TOML nor a JSON object.
    """

    def __init__(self, text: str, name: str) -> None:
        self.name, self._text = name, text
        self.is_json = name.endswith(".json") or text.lstrip().startswith("{")
        self.data: dict[str, Any] = _parse_json(text, name) if self.is_json else _parse_toml(text, name)

    @cached_property
    def _lines(self) -> dict[Where, int]:
        """Found out only for who has a mistake to point at: it takes longer than all the rest."""
        scanner = _Scanner(self._text, json.loads if self.is_json else _toml_key)
        scanner.value(()) if self.is_json else scanner.document()
        return scanner.lines

    def line(self, path: Where) -> int:
        """The line, from 1, of the key at `path`; of what is around it when there is no such key."""
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 1)

    def problem(self, path: Where, text: str) -> Problem:
        """A mistake at `path`: `text` says what is wrong; what to write instead."""
        return Problem(self.name, self.line(path), spell(path), text, path)

    def without(self, paths: Iterable[Where]) -> Source:
        """The same, as if these keys were not written."""
        left = copy(self)
        left.data = deepcopy(self.data)
        for path in paths:
            table: Any = left.data
            for step in path[:-1]:
                table = table.get(step, {}) if isinstance(table, dict) else {}
            if isinstance(table, dict):
                table.pop(path[-1], None)
        return left


def read(path: Path) -> Source:
    """The text in a file.

    :raise SourceError: the file cannot be read, or its text not be parsed.
    """
    try:
        return Source(path.read_text(encoding="utf-8-sig"), str(path))
    except OSError as e:
        reason = f"cannot be read ({e.strerror}); name a file that this user may read"
    except UnicodeDecodeError as e:
        reason = f"is not UTF-8 text (byte {e.start}); save it as UTF-8"
    raise SourceError(Problem(str(path), 1, "", reason))


def spell(path: Where) -> str:
    """A path as a person would write it: ``log.level``, ``jobs[2].cores`` (positions count from 1)."""
    text = ""
    for step in path:
        text += f"[{step + 1}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def _parse_toml(text: str, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        found, rest = mistakes(text)
    problems = (Problem(name, each.line, ".".join(each.key), f"{each.what}; {each.remedy}", each.key) for each in found)
    raise SourceError(*problems, rest=Source(rest, name) if rest.strip() else None)


def _parse_json(text: str, name: str) -> dict[str, Any]:
    data = json_in(text, name)
    if not isinstance(data, dict):
        raise SourceError(Problem(name, 1, "", 'is not a JSON object; put braces around: {"key": value}'))
    return data


def json_in(text: str, name: str) -> Any:
    """Any JSON value.

    :raise SourceError: it is none, or one that is not to be kept: NaN, infinite, a number of thousands of digits.
    """
    try:
        return json.loads(text, parse_constant=_refuse)
    except json.JSONDecodeError as e:
        raise SourceError(Problem(name, e.lineno, "", f"{e.msg}; see this line and the one before")) from None
    except ValueError as e:
        raise SourceError(Problem(name, 1, "", f"has a number that is none in JSON ({e}); leave it out")) from None
    except RecursionError:
        raise SourceError(Problem(name, 1, "", "is nested too deeply; nobody can read that")) from None


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _toml_key(token: str) -> Any:
    return tomllib.loads(f"key = {token}")["key"]


_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_BARE_VALUE = re.compile(r"[^,\]}\n#]*")
_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}' r"|'''.*?'{3,5}" r'|"(?:\\.|[^"\\])*"' r"|'[^']*'",
    re.DOTALL,
)


class _Scanner:
    """Walks over a text that its parser has already accepted and notes where the keys are."""

    def __init__(self, text: str, key_of: Callable[[str], Any]) -> None:
        self.lines: dict[Where, int] = {}
        self._text, self._at, self._key_of = text, 0, key_of
        self._ends = [m.start() for m in re.finditer("\n", text)]
        self._arrays: dict[Where, int] = {}  # how many [[tables]] of a name there were so far

    def document(self) -> None:
        """The statements of a TOML text."""
        here: Where = ()
        while self._peek():
            if self._peek() == "[":
                here = self._header()
            else:
                self._pair(here)

    def value(self, path: Where) -> None:
        """One value of either language, whatever is inside it."""
        start = self._peek()
        if start == "{":
            self._list("}", lambda i: self._pair(path))
        elif start == "[":
            self._list("]", lambda i: self._item((*path, i)))
        elif start in ("'", '"'):
            self._take(_STRING)
        else:
            self._take(_BARE_VALUE)

    def _peek(self) -> str:
        """The next character that means something, "" at the end."""
        self._take(_BLANK)
        return self._text[self._at : self._at + 1]

    def _take(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._at)
        assert found, f"the parser and the scanner disagree at offset {self._at}"
        self._at = found.end()
        return found[0]

    def _mark(self, path: Where, at: int) -> None:
        line = bisect.bisect_left(self._ends, at) + 1
        for depth in range(1, len(path) + 1):
            self.lines.setdefault(path[:depth], line)

    def _keys(self) -> list[str]:
        keys = []
        while True:
            self._take(_SPACE)
            quoted = self._text[self._at] in "'\""
            keys.append(self._key_of(self._take(_STRING)) if quoted else self._take(_BARE_KEY))
            self._take(_SPACE)
            if self._text[self._at] != ".":
                return keys
            self._at += 1

    def _header(self) -> Where:
        """``[a.b]`` or ``[[a.b]]``: the place that the keys below it belong to."""
        start = self._at
        brackets = 2 if self._text.startswith("[[", start) else 1
        self._at += brackets
        *parents, last = self._keys()
        self._at += brackets
        path: Where = ()
        for key in parents:  # a list on the way stands for its last table so far
            path = (*path, key)
            if path in self._arrays:
                path = (*path, self._arrays[path] - 1)
        path = (*path, last)
        if brackets == 2:
            count = self._arrays.get(path, 0)
            self._arrays[path] = count + 1
            path = (*path, count)
        self._mark(path, start)
        return path

    def _pair(self, here: Where) -> None:
        start = self._at
        path = (*here, *self._keys())
        self._mark(path, start)
        self._peek()
        self._at += 1  # the = or :
        self.value(path)

    def _item(self, path: Where) -> None:
        self._mark(path, self._at)
        self.value(path)

    def _list(self, closing: str, one: Callable[[int], None]) -> None:
        self._at += 1
        count = 0
        while self._peek() != closing:
            one(count)
            count += 1
            if self._peek() == ",":
                self._at += 1
        self._at += 1
