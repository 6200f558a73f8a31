"""Tags of jobs."""

from __future__ import annotations

import pytest

from pandad.spec.specialhandling import has_tag, with_tag, without_tag


@pytest.mark.parametrize(
    ("text", "on", "off"),
    [(None, "dm", None), ("", "dm", None), ("us", "us,dm", "us"), ("dm", "dm", None), ("a,dm,b", "a,dm,b", "a,b")],
)
def test_on_and_off(text: str | None, on: str, off: str | None) -> None:
    """A tag is added once and taken away whole; other tags stay, in their order."""
    assert (with_tag(text, "dm"), without_tag(text, "dm")) == (on, off)
    assert has_tag(on, "dm") and not has_tag(off, "dm")


def test_a_part_of_a_word_is_no_tag() -> None:
    """Tags are whole words of the list."""
    assert not has_tag("dmx,xdm", "dm")
