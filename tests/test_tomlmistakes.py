"""Where a text stops being TOML, and what is left of it."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pandad.tomlmistakes import MOST, mistakes, plain_number


@pytest.mark.parametrize(("text", "lines", "rest"), [
    ("a = \nb = 1", [1], {"b": 1}),
    ("a = [1,\nb = 2\nc = 'x\nd = 3", [1, 3], {"b": 2, "d": 3}),
    ("a = [\n1,\ny,\n]\nb = 2\n[t]\nc = q\n", [3, 7], {"b": 2, "t": {}}),
    ("[a\nb = 1\n[c]\nd = 2", [1], {"c": {"d": 2}}),
    ("[a]\nx = 1\n[b]\n[a]\ny = 1\n", [4], {"a": {"x": 1}, "b": {}}),
    ("x = '''abc\ny = 1", [1], {"y": 1}),
    ("p = {q = 1,\nr = 2}\ns = 3", [1, 2], {"s": 3}),
])
def test_each_mistake_has_its_line_and_takes_no_other_with_it(text: str, lines: list[int], rest: dict[str, object]) -> None:
    """All that can be read without them is still there."""
    found, left = mistakes(text)
    assert [each.line for each in found] == lines
    assert tomllib.loads(left) == rest


@given(st.text(st.sampled_from("ab=[]{}\"'\\\n#.,1 "), max_size=60))
def test_any_text_has_an_end(text: str) -> None:
    """What is left can be read, or the mistakes are too many; there are some if the text cannot be read, and only then."""
    found, left = mistakes(text)
    try:
        tomllib.loads(text)
        assert not found
    except tomllib.TOMLDecodeError:
        assert found
    assert len(found) <= MOST
    tomllib.loads(left)


@pytest.mark.parametrize("line", [
    'dsn = "dbname=x password=hush', 'dsn = dbname=x password=hush', 'dsn: "postgres://u:hush@h/d"', "password = hush",
    'dsn = “password=hush”', 'dsn = "password=hush" "x"'])
def test_a_secret_is_not_repeated(line: str) -> None:
    """What is wrong with a text goes to logs."""
    found, _ = mistakes(f"a = 1\n{line}\nb = 2")
    assert found
    assert not any("hush" in f"{each.what} {each.remedy} {each.key}" for each in found)


@pytest.mark.parametrize(("key", "written", "number"), [
    ("wait_s", "10 min", "600"), ("wait_s", "1.5h", "5400"), ("wait_s", "500ms", "0.5"), ("memory_mb", "2000 MB", "2000"),
    ("factor", "50%", "50"), ("wait_s", "soon", None), ("wait_s", "10", None),
])
def test_numbers_with_units(key: str, written: str, number: str | None) -> None:
    """Times become the seconds that the key wants."""
    assert plain_number(key, written) == number
