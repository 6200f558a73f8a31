"""Dataclasses read from tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pandad.settings import Reader, nearest, render, setting
from pandad.tomlsource import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner:
    """An inner one."""

    share: float = setting("A share", 0.5, low=0, high=1)
    on: bool = setting("A switch", False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outer:
    """An outer one."""

    name: str = setting("A name", example='"x"', longest=5)
    count: int = setting("A count", 1, low=1)
    place: Path | None = setting("A place", None)
    words: tuple[str, ...] = setting("Words", (), choices=("here", "there"))
    places: Mapping[str, Path] = setting("Places", dict)
    inner: Inner = field(default_factory=Inner)


def problems(text: str) -> list[str]:
    """What a reader says about a text, without the name of the text."""
    reader = Reader(Source(text, "f.toml"), Path("/base"))
    reader.table(Outer, reader._source.data, ())
    return [str(p).removeprefix("f.toml:") for p in reader.problems]


def test_a_right_text_gives_the_dataclass() -> None:
    """Values land in their types: whole numbers in floats, texts in paths below the folder, empty ones in None."""
    text = 'name="x"\nplace="p"\nwords=["here"]\nplaces={a="/b"}\ninner={share=1, on=true}'
    reader = Reader(Source(text, "f.toml"), Path("/base"))
    got = reader.table(Outer, Source(text, "f.toml").data, ())
    assert got == Outer(
        name="x", place=Path("/base/p"), words=("here",), places={"a": Path("/b")}, inner=Inner(share=1.0, on=True)
    )
    assert not reader.problems and isinstance(got.inner.share, float)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("count=1", '1: name: is missing; write name = "x"'),
        ('name="x"\nconut=1', "2: conut: is not a known key; did you mean count?"),
        ('name="x"\nzzz=1', "2: zzz: is not a known key; write one of count, inner, name, place, places, words"),
        ('name="x"\ncount="3"', '2: count: is the text "3"; write a whole number, without quotes'),
        ('name="x"\ncount=true', "2: count: is true; write a whole number"),
        ('name="x"\ncount=1.5', "2: count: is 1.5; write a whole number"),
        ('name="x"\ncount=0', "2: count: is 0; write a number from 1"),
        ('name="x"\ninner.share=nan', "2: inner.share: is nan; write a number 0 to 1"),
        ('name="x"\ninner.on=1', "2: inner.on: is 1; write true"),
        ('name="x"\ninner=1', "2: inner: is 1; write a table of key = value"),
        ('name="x"\nplaces=[]', "2: places: is a list; write a table of name = value"),
        ('name="x"\nplaces={a=""}', '2: places.a: is the text ""; write a path in quotes'),
        ('name="x"\nwords="here"', '2: words: is the text "here"; write a list: ["here"]'),
        ('name="x"\nwords=["here",\n"ther"]', "3: words[2]: is 'ther'; did you mean there?"),
        ('name="abcdef"', "1: name: has 6 characters; write at most 5"),
        ("name={}", "1: name: is a table; write a text in quotes"),
    ],
)
def test_each_mistake_says_what_to_write(text: str, expected: str) -> None:
    """One mistake makes one problem: line, key, what is wrong; what to write instead."""
    assert problems(text) == [expected]


def test_all_mistakes_are_told_at_once() -> None:
    """A mistake does not hide the others."""
    assert len(problems("count=0\nwords=1\nzzz=1\ninner={share=2, on=3}")) == 5


def test_written_settings_read_back() -> None:
    """What is rendered reads back as the same settings, awkward texts included."""
    given = Outer(name='"\\\x7f', count=7, words=("here", "there"), places={'a "b"': Path("/c d")}, inner=Inner(on=True))
    reader = Reader(Source(render(given), "f.toml"))
    assert reader.table(Outer, Source(render(given), "f.toml").data, ()) == given


def test_a_word_that_begins_a_known_one_is_understood() -> None:
    """A key without its unit is a usual mistake."""
    assert nearest("size", ["lfn", "size_bytes"]) == "did you mean size_bytes?"
