"""The lines of keys, and the mistakes of texts that are neither TOML nor JSON."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pandad.tomlsource import Source, SourceError, Where, read, spell

NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\r"), min_size=1, max_size=8)
SCALARS = st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=8)
TREES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=12
)


def paths(value: Any, path: Where = ()) -> Iterator[Where]:
    """Every path in a tree."""
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in steps:
        yield (*path, step)
        yield from paths(inner, (*path, step))


@given(st.dictionaries(NAMES, TREES, max_size=4))
def test_every_json_key_is_on_its_line(tree: dict[str, Any]) -> None:
    """In JSON with one key or item on each line, the lines of keys and items, taken in order, never go back."""
    source = Source(json.dumps(tree, indent=1), "x.json")
    lines = [source.line(path) for path in paths(tree)]
    assert source.data == tree
    assert lines == sorted(set(lines))


def quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


TEXTS = st.text(st.characters(codec="utf-8"), max_size=8)
TABLES = st.dictionaries(TEXTS, TEXTS | st.lists(TEXTS, max_size=3), max_size=4)


@given(st.dictionaries(TEXTS, TABLES, max_size=3), st.lists(TABLES, max_size=3))
def test_every_toml_key_is_on_its_line(tables: dict[str, dict[str, Any]], items: list[dict[str, Any]]) -> None:
    """Whatever strings, comments, lists and headers are around it, a key is found on the line it was written on."""
    lines, expected = ["# a = [ ' \""], {}
    parts: list[tuple[Where, str, dict[str, Any]]] = [(("t", k), f"[t.{quoted(k)}]", v) for k, v in tables.items()]
    parts += [(("items", i), "[[ items ]] # \" [", v) for i, v in enumerate(items)]
    for path, header, table in parts:
        lines.append(header)
        expected[path] = len(lines)
        for key, value in table.items():
            lines.append("")
            expected[(*path, key)] = len(lines) + 1
            written = quoted(value) if isinstance(value, str) else "[ # ]\n" + ",\n".join(map(quoted, value)) + "]"
            lines += f"{quoted(key)} = {written} # x = '".split("\n")
    source = Source("\n".join(lines), "x.toml")
    assert {path: source.line(path) for path in expected} == expected


ODD = '''
a.b."c d" = 1   # dotted
x = """
y = 2
"""
z = \'\'\'a\'\'\'\'
p = {q = "}", r.s = [1, {t = 2}]}
[[jobs]]
[[jobs.outputs]]
lfn = 1
[[jobs.outputs]]
lfn = 2
[[jobs]]
[jobs.more]
when = 1979-05-27 07:32:00
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("a", "b", "c d"), 2),
        (("x",), 3),
        (("z",), 6),
        (("p", "r", "s", 1, "t"), 7),
        (("jobs", 0, "outputs", 0, "lfn"), 10),
        (("jobs", 0, "outputs", 1, "lfn"), 12),
        (("jobs", 1), 13),
        (("jobs", 1, "more", "when"), 15),
        (("jobs", 1, "nothing", "here"), 13),
        (("nothing",), 1),
    ],
)
def test_odd_ways_of_writing(path: Where, line: int) -> None:
    """Dotted keys, long strings, inline tables and lists of tables are followed; what is not there is near its parent."""
    assert tomllib.loads(ODD)
    assert Source(ODD, "x.toml").line(path) == line


@pytest.mark.parametrize(
    ("text", "line", "hint"),
    [
        ("a = 1\nqueue = MY_Q", 2, 'queue = "MY_Q"'),
        ("log = True", 1, "log = true"),
        ("a = 1\n\nname: x", 3, "name = x"),
        ("a = 1\na = 2", 2, "a may stand once, and it is on line 1 already"),
        ("a = [1,", 1, "close the list with ]"),
        ('{"a": 1,\n "b": }', 2, "see this line"),
        ("{} []", 1, "see this line"),
    ],
)
def test_syntax_errors_have_a_line_and_a_hint(text: str, line: int, hint: str) -> None:
    """A text that cannot be parsed is refused with its name, the line and what to write instead."""
    with pytest.raises(SourceError) as caught:
        Source(text, "f")
    [problem] = caught.value.problems
    assert (problem.name, problem.line) == ("f", line)
    assert hint in problem.text
    assert str(caught.value).startswith(f"f:{line}: ")


@given(st.text(max_size=60))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    """No text, however odd, makes anything but a Source or a SourceError."""
    try:
        Source(text, "f")
    except SourceError as e:
        assert all("; " in problem.text for problem in e.problems)


def test_unreadable_files_are_refused(tmp_path: Path) -> None:
    """A file that is missing, or not UTF-8, is refused with its name; a byte order mark does not matter."""
    file = tmp_path / "x.toml"
    with pytest.raises(SourceError, match="No such file"):
        read(file)
    file.write_bytes(b"a = '\xff'")
    with pytest.raises(SourceError, match="not UTF-8"):
        read(file)
    file.write_bytes(b"\xef\xbb\xbfa = 1")
    assert read(file).data == {"a": 1}


def test_paths_are_spelled_for_people() -> None:
    """Positions count from 1."""
    assert spell(("jobs", 0, "outputs", 1, "lfn")) == "jobs[1].outputs[2].lfn"
