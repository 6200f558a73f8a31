"""What an import changes, in words and as data."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from pandad.spec.difference import LONGEST_VALUE, MOST_KEYS, Difference, KeyChange, key_changes

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3), max_leaves=5)
descriptions = st.dictionaries(st.text(max_size=3), values, max_size=4)


@given(descriptions, descriptions)
def test_changes_lead_from_one_to_the_other(old: dict[str, object], new: dict[str, object]) -> None:
    """Nothing that differs is missed, and nothing else is told."""
    made = dict(old)
    for change in key_changes(old, new):
        assert change.old == (json.dumps(old[change.key], sort_keys=True, ensure_ascii=False) if change.key in old else None)
        if change.new is None:
            del made[change.key]
        else:
            made[change.key] = json.loads(change.new)
    assert made == new and key_changes(old, dict(reversed(old.items()))) == []


def test_kinds_of_numbers_differ() -> None:
    """1 is neither 1.0 nor true."""
    assert [str(change) for change in key_changes({"a": 1, "b": [1]}, {"a": 1.0, "b": [True]})] == [
        "a: 1 -> 1.0", "b: [1] -> [true]"]


def test_lines() -> None:
    """A line for each thing, of a length that can be read; the first of them, if there are many."""
    long = KeyChange("key", json.dumps("x" * 1000), None)
    found = Difference(added=["A"], changed={"B": [long] * 30}, gone=["C"], back=["B"], removed=["D"], same=2)
    lines = list(found.lines())
    assert [line[0] for line in lines] == ["+", "~", "<", ">", "-"]
    assert lines[1].endswith(f"; and {30 - MOST_KEYS} keys more") and len(lines[1]) < MOST_KEYS * (LONGEST_VALUE + 30)
    assert list(found.lines(2)) == [*lines[:2], "... and 3 more"] and list(found.lines(5)) == lines
    assert found.summary == "1 added, 1 changed, 1 gone, 1 back, 1 removed, 2 unchanged"
    assert found.as_data["changed"]["B"][0] == {"key": "key", "old": "x" * 1000, "new": None}
    assert Difference(same=3, unread=["X"]).is_empty and not found.is_empty
