"""What is wrong with a text that is no TOML: where the mistake is, whose key it belongs to, and what to write instead.

A parser stops at the first mistake, and often far behind it. Here the statement that holds it is found and taken out, so that the
rest can be looked at too.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

MOST = 20  # mistakes in one text; behind so many the text is something else

Where = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mistake:
    """``line``: from 1. ``key``: as far as it can be told, with its section. ``what``: is wrong. ``remedy``: what to write."""

    line: int
    key: Where
    what: str
    remedy: str


@dataclass(frozen=True, slots=True)
class _Statement:
    """The lines (from 0, end not included) that hold a mistake, and the section that they stand in."""

    first: int
    end: int
    section: Where


def mistakes(text: str) -> tuple[list[Mistake], str]:
    """All mistakes that can be told apart, in order; and the text without them, its lines at their places."""
    found: list[Mistake] = []
    lines = text.split("\n")
    while len(found) < MOST:
        try:
            tomllib.loads("\n".join(lines))
        except tomllib.TOMLDecodeError as error:
            said, line = _position(str(error), len(lines))
            found.append(_take_out(lines, said, line))
        else:
            break
    else:
        return found, ""
    return sorted(found, key=lambda each: each.line), "\n".join(lines)


_POSITION = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


def _position(message: str, last: int) -> tuple[str, int]:
    found = _POSITION.search(message)
    line = found[1] if found else None
    return _POSITION.sub("", message), int(line) if line else last


def _take_out(lines: list[str], said: str, line: int) -> Mistake:
    """Describe the mistake at that line (from 1), and empty the lines of its statement."""
    first = _beginning(lines, line - 1)
    behind = lines[line - 1]
    goes_on = first < line - 1 or (line == len(lines) and _OPEN.search(behind))
    unclosed = goes_on and (not behind.strip() or line == len(lines) or _KEY.match(behind) or _HEADER.match(behind))
    at = first if unclosed or _is_string(said, lines[first]) else line - 1
    statement = _Statement(first, _end(lines, first), _section(lines, first))
    found = _described(lines, statement, at, said, bool(unclosed))
    lines[statement.first : statement.end] = [""] * (statement.end - statement.first)
    return found


def _is_string(said: str, opening: str) -> bool:
    """What is not closed is told far behind where it begins."""
    return said.startswith(("Expected \"'\"", "Unterminated", "Illegal character")) and "=" in opening


def _beginning(lines: Sequence[str], line: int) -> int:
    """The first line of the statement that reaches to `line`: all before it can be read."""
    for first in range(line, 0, -1):
        try:
            tomllib.loads("\n".join(lines[:first]))
        except tomllib.TOMLDecodeError:
            continue
        return first
    return 0


_KEY = re.compile(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")
_HEADER = re.compile(r"\s*\[+([^\[\]=#]+?)\]*\s*(?:#.*)?$")


def _end(lines: Sequence[str], first: int) -> int:
    """Behind the statement; behind the whole section if it is a header: its keys belong nowhere then."""
    is_header = _HEADER.match(lines[first]) is not None
    for number in range(first + 1, len(lines)):
        if _HEADER.match(lines[number]) or (not is_header and _KEY.match(lines[number])):
            return number
    return len(lines)


def _section(lines: Sequence[str], first: int) -> Where:
    for line in reversed(lines[:first]):
        if found := _HEADER.match(line):
            return _steps(found[1])
    return ()


def _steps(dotted: str) -> Where:
    return tuple(step.strip().strip("\"'") for step in dotted.split("."))


_SECRET = re.compile(r"passw|secret|://[^/\s]*:[^/\s]*@", re.IGNORECASE)
_OPEN = re.compile(r"=\s*\[[^\]]*$")
_WORD = re.compile(r"\s*([\w.-]+)")
QUOTES = ('"', "'")


def _described(lines: Sequence[str], statement: _Statement, at: int, said: str, unclosed: bool) -> Mistake:
    opening = lines[statement.first]
    word = _KEY.match(opening) or _WORD.match(opening)
    header = _HEADER.match(opening)
    key = _steps(header[1]) if header else (*statement.section, *(_steps(word[1]) if word else ()))
    earlier = _earlier(lines, statement, key, header is not None)
    what = (said[:1].lower() + said[1:]).replace("\n", "\\n")
    guesses = [_twice(said, key, earlier), _left_open(said, opening, unclosed)]
    if any(_SECRET.search(line) for line in lines[statement.first : statement.end]):
        # Nothing of the line: this goes to logs.
        guesses.append("look at this line: one key = value on a line, texts in quotes")
    guesses += [*_in_the_line(lines[at], said), f"look at {lines[at].strip()!r}: one key = value on a line, texts in quotes"]
    return Mistake(at + 1, key, what, next(guess for guess in guesses if guess))


def _earlier(lines: Sequence[str], statement: _Statement, key: Where, is_header: bool) -> int | None:
    """The line, from 1, on which the same key or section stands before."""
    section: Where = ()
    for number, line in enumerate(lines[: statement.first], 1):
        if found := _HEADER.match(line):
            section = _steps(found[1])
            if is_header and section == key:
                return number
        elif not is_header and (found := _KEY.match(line)) and (*section, *_steps(found[1])) == key:
            return number
    return None


def _twice(said: str, key: Where, earlier: int | None) -> str | None:
    if "twice" not in said and "overwrite" not in said:
        return None
    where = f"it is on line {earlier} already" if earlier else "it is there already"
    return f"{'.'.join(key)} may stand once, and {where}: make one of the two"


def _left_open(said: str, opening: str, unclosed: bool) -> str | None:
    value = opening.partition("=")[2].lstrip()
    if said.startswith("Unterminated"):
        return f"close the text with {value[:3]}"
    if said.startswith(("Illegal character '\\n'", "Expected \"'\"")):
        return f"close the text on its line with {value[:1] if value[:1] in QUOTES else chr(34)}"
    if value.startswith("{") and (unclosed or not value.rstrip().endswith("}")):
        return "close the table with } on the same line"
    return "close the list with ], and part its items by commas" if unclosed or said.startswith("Unclosed") else None


_PAIR = re.compile(r"\s*([\w.-]+)\s*=\s*(.*?)\s*$")
_QUANTITY = re.compile(r"([\d_]*\.?\d+)\s*([a-zA-Z%]+)$")
_COLON = re.compile(r"\s*([\w.-]+)\s*:\s*(\S.*)$")
_NO_SIGN = re.compile(r"\s*([\w.-]+)\s+([\"'\d\[].*)$")
_SECONDS = {"s": 1, "sec": 1, "secs": 1, "second": 1, "seconds": 1, "m": 60, "min": 60, "mins": 60, "minute": 60, "minutes": 60,
            "h": 3600, "hour": 3600, "hours": 3600, "d": 86400, "day": 86400, "days": 86400, "w": 604800, "week": 604800,
            "weeks": 604800, "ms": 0.001}
TRUE, FALSE = ("true", "yes", "on", "enabled"), ("false", "no", "off", "disabled")


def plain_number(key: str, written: str) -> str | None:
    """A number for a key of that name, from one with a unit or a per cent sign: ``wait_s`` and ``10 min`` give 600."""
    found = _QUANTITY.match(written.strip())
    if found is None:
        return None
    factor = _SECONDS.get(found[2].lower(), 1) if key.endswith("_s") else 1
    return f"{float(found[1].replace('_', '')) * factor:.15g}"


def truth(written: str) -> str | None:
    """``true`` or ``false`` for a word that means it elsewhere."""
    word = written.strip().lower()
    return "true" if word in TRUE else "false" if word in FALSE else None


def _in_the_line(line: str, said: str) -> Iterator[str | None]:
    """Guesses from the line that the parser stumbled over, the surest first."""
    if "\r" in line.rstrip("\r"):
        yield "end the lines with line feeds (LF), not with carriage returns alone"
    if "\0" in line:
        yield "save the file as UTF-8: it has zero bytes, as UTF-16 has"
    if set(line) & set("“”„‘’"):
        yield f"use straight quotes: {re.sub('[“”„]', chr(34), re.sub('[‘’]', chr(39), line)).strip()}"
    if "Unescaped '\\'" in said:
        yield "write each backslash twice, or the text in single quotes"
    if line.lstrip().startswith("["):
        yield f"close the header: [{line.strip().strip('[]')}]"
    if line.lstrip().startswith(("//", ";", "--")) or re.search(r"\s(?:;|//)", line):
        yield "begin comments with #"
    if found := _PAIR.match(line):
        yield _better_value(found[1], found[2])
    yield from (f"a key is followed by an equals sign: {m[1]} = {m[2]}" for m in (_COLON.match(line), _NO_SIGN.match(line)) if m)


def _better_value(key: str, written: str) -> str | None:
    value = re.sub(r"\s+#.*$", "", written)
    guesses: tuple[tuple[bool, Callable[[], str]], ...] = (
        (not value, lambda: f"write a value behind {key} =, or leave the line out"),
        (value.lower() in ("true", "false"), lambda: f"small letters: {key} = {value.lower()}"),
        (truth(value) is not None, lambda: f"write {key} = {truth(value)}"),
        (plain_number(key, value) is not None, lambda: f"numbers have no unit here: {key} = {plain_number(key, value)}"),
        (re.fullmatch(r"0+\d+", value) is not None, lambda: f"numbers have no leading zeros: {key} = {value.lstrip('0')}"),
        (value[:1].isalpha() or value[:1] in "/.", lambda: f"texts stand in quotes: {key} = {json.dumps(value)}"))
    return next((say() for fits, say in guesses if fits), None)
