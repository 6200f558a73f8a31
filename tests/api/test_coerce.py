"""Loose values into exact ones."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pandad.api import coerce
from pandad.api.coerce import Unfit

NOON = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("convert", "value", "wanted"),
    [
        (coerce.integer, 5, 5),
        (coerce.integer, 5.0, 5),
        (coerce.integer, "5", 5),
        (coerce.integer, "5.0", 5),
        (coerce.integer, "-3", -3),
        (coerce.integer, 2**63 - 1, 2**63 - 1),
        (coerce.integer, str(-(2**63)), -(2**63)),
        (coerce.truncated, "12.7", 12),
        (coerce.truncated, -0.5, 0),
        (coerce.truncated, 2**60 + 1, 2**60 + 1),
        (coerce.number, "24105.56", 24105.56),
        (coerce.number, 3, 3.0),
        (coerce.flag, "True", True),
        (coerce.flag, True, True),
        (coerce.flag, "false", False),
        (coerce.flag, 0, False),
        (coerce.text, "a", "a"),
        (coerce.text, 5, "5"),
        (coerce.text, True, "True"),
        (coerce.text, {"a": [1]}, '{"a": [1]}'),
        (coerce.cleaned_text, "a\0b\ud800", "ab?"),
        (coerce.listed, "1,2", ["1", "2"]),
        (coerce.listed, [1, 2], [1, 2]),
        (coerce.listed, "[1, 2]", [1, 2]),
        (coerce.listed, 1, [1]),
        (coerce.table, '{"a": 1}', {"a": 1}),
        (coerce.table, {"a": 1}, {"a": 1}),
        (coerce.moment, "2026-11-23 12:00:00", NOON),
        (coerce.moment, "2026-11-23T13:00:00+01:00", NOON),
        (coerce.moment, "2026-11-23T12:00:00Z", NOON),
        (coerce.moment, NOON.timestamp(), NOON),
        (coerce.moment, str(NOON.timestamp()), NOON),
        (coerce.moment, "2026-11-23 12:00:00.5", NOON.replace(microsecond=500000)),
        (coerce.moment, {"_datetime_object": "2026-11-23 12:00:00.000000"}, NOON),
        (coerce.moment, {"__datetime__": "2026-11-23T12:00:00"}, NOON),
    ],
)
def test_fits(convert: Callable[[Any], Any], value: object, wanted: object) -> None:
    """What clients send for a value becomes that value."""
    assert convert(value) == wanted


@pytest.mark.parametrize(
    ("convert", "value"),
    [
        (coerce.integer, "5.5"),
        (coerce.integer, "five"),
        (coerce.integer, True),
        (coerce.integer, 2**63),
        (coerce.integer, -(2**63) - 1),
        (coerce.integer, 1e30),
        (coerce.integer, "1_2"),
        (coerce.integer, [1]),
        (coerce.integer, "9" * 5000),
        (coerce.truncated, "nan"),
        (coerce.number, float("nan")),
        (coerce.number, "inf"),
        (coerce.number, "1_2"),
        (coerce.number, {}),
        (coerce.number, 10**400),
        (coerce.flag, "maybe"),
        (coerce.text, "a\0b"),
        (coerce.text, "\ud800"),
        (coerce.listed, [0] * 10_001),
        (coerce.listed, "[1, 2"),
        (coerce.table, "[]"),
        (coerce.table, 5),
        (coerce.moment, "yesterday"),
        (coerce.moment, 1e30),
        (coerce.moment, "0001-01-01T00:00:00+14:00"),
        (coerce.moment, {}),
        (coerce.json_value, "{"),
        (coerce.json_value, b"[" * 100_000),
        (coerce.json_value, b"\xff"),
    ],
)
def test_unfit(convert: Callable[[Any], Any], value: object) -> None:
    """What cannot be that value is refused with a reason of readable length, never with another error."""
    with pytest.raises(Unfit) as refused:
        convert(value)
    assert 0 < len(str(refused.value)) < 200


def test_python_json() -> None:
    """What Python's json writes and strict parsers refuse is still read."""
    assert str(coerce.json_value('{"a": NaN}')["a"]) == "nan"
    assert coerce.json_value('"\\udc80"') == "\udc80"


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(ANYTHING)
def test_nothing_but_unfit(value: object) -> None:
    """Whatever comes, a converter gives a value of its kind or refuses; what it gives fits a database."""
    kinds: dict[Callable[[Any], Any], type] = {
        coerce.integer: int,
        coerce.truncated: int,
        coerce.number: float,
        coerce.flag: bool,
        coerce.text: str,
        coerce.cleaned_text: str,
        coerce.moment: datetime,
        coerce.listed: list,
        coerce.table: dict,
    }
    for convert, kind in kinds.items():
        try:
            result = convert(value)
        except Unfit:
            continue
        assert isinstance(result, kind)
        if isinstance(result, str):
            assert "\0" not in result.encode().decode()
