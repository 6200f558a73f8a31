"""How spec classes declare their attributes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

import pytest

from pandad.spec.attribute import Attribute, attributes_of, limited


class Colour(StrEnum):
    """A vocabulary."""

    RED = "red"


@dataclass
class Sample:
    """One attribute of each kind."""

    someNumber: int = 0
    maybe: int | None = None
    share: float | None = None
    when: datetime | None = None
    colour: Colour = Colour.RED
    free: str | None = None
    short: str | None = limited(7)
    parts: list[str] = field(default_factory=list)


def test_kinds_limits_and_order() -> None:
    """Kind, limit and nullability are read off the declaration, in its order; lists are no attributes."""
    assert attributes_of(Sample) == (
        Attribute("someNumber", int, None, False),
        Attribute("maybe", int, None, True),
        Attribute("share", float, None, True),
        Attribute("when", datetime, None, True),
        Attribute("colour", Colour, None, False),
        Attribute("free", str, None, True),
        Attribute("short", str, 7, True),
    )


def test_columns_are_lower_case() -> None:
    """A column is the attribute's name as PostgreSQL folds it."""
    assert attributes_of(Sample)[0].column == "somenumber"


def test_limited_text_is_unset_by_default() -> None:
    """An attribute with a limit starts as NULL."""
    assert Sample().short is None


def test_two_kinds_are_refused() -> None:
    """An attribute that could be two things has no kind, and is refused when its class is read."""

    @dataclass
    class Bad:
        both: int | str = 0

    with pytest.raises(AssertionError, match="not one plain kind"):
        attributes_of(Bad)
