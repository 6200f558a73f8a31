"""Storage endpoints as their CRIC descriptions say."""

from __future__ import annotations

from typing import Any

import pytest

from pandad.spec.errors import BadRequest
from pandad.spec.facts import Space
from pandad.spec.storage import ENDPOINT_KEYS, GB, Endpoint, Medium, endpoint_from_description


def read(**but: Any) -> Endpoint:
    """The endpoint DISK."""
    return endpoint_from_description(but, "DISK")


def test_the_least_description() -> None:
    """Disk, at a site of its own name, open, of unknown space."""
    found = read()
    assert (found.site, found.medium, found.readable, found.writable, found.space) == ("DISK", Medium.DISK, True, True, None)


def test_tape() -> None:
    """By its flag, else by its type."""
    assert read(type="DATATAPE").medium is read(is_tape=True).medium is Medium.TAPE
    assert read(type="DATATAPE", is_tape=False).medium is read(type="DATADISK", is_tape=None).medium is Medium.DISK


@pytest.mark.parametrize(
    ("description", "readable", "writable"),
    [
        ({"state": "DISABLED"}, False, False),
        ({"blacklisted": "Y"}, False, False),
        ({"blacklisted_read": "Y"}, False, True),
        ({"blacklisted_write": True}, True, False),
        ({"blacklisted_write": "N", "blacklisted_read": None}, True, True),
        ({"detailed_status": {"write_lan": "OFF", "write_wan": "OFF"}}, True, False),
        ({"detailed_status": {"read_lan": "OFF"}}, True, True),
    ],
)
def test_what_may_be_done(description: dict[str, Any], readable: bool, writable: bool) -> None:
    """Blacklists close a way in or out, or both."""
    found = read(**description)
    assert (found.readable, found.writable) == (readable, writable)


def test_an_activity() -> None:
    """Ways are told apart."""
    found = read(detailed_status={"read_wan": "OFF"})
    assert (found.may("read_lan"), found.may("read_wan")) == (True, False)


def test_space() -> None:
    """In GB, if both are there."""
    assert read(space_total=10, space_free="2.5").space == Space(10 * GB, 5 * GB // 2)
    assert read(space_total=10, space_free="").space is None


@pytest.mark.parametrize(
    ("key", "description"),
    [("name", {"name": "TAPE"}), ("detailed_status", {"detailed_status": ["x"]}),
     ("space_total", {"space_total": "x", "space_free": 1}), ("space_total", {"space_total": 1, "space_free": -1})],
)
def test_mistakes(key: str, description: dict[str, Any]) -> None:
    """The key is named."""
    with pytest.raises(BadRequest) as caught:
        read(**description)
    assert caught.value.key == key


OTHER: dict[str, Any] = {
    "site": "S", "rc_site": "S", "type": "X", "is_tape": True, "token": "T", "state": "DISABLED", "blacklisted": "Y",
    "blacklisted_read": "Y", "blacklisted_write": "Y", "detailed_status": {"write_wan": "OFF"}}


@pytest.mark.parametrize("key", OTHER)
def test_every_key_of_the_table_decides(key: str) -> None:
    """Each is read; the table is the whole of it."""
    assert {**vars_of(read(**{key: OTHER[key]})), "description": 0} != {**vars_of(read()), "description": 0}
    assert set(OTHER) | {"name", "space_total", "space_free"} == set(ENDPOINT_KEYS)


def vars_of(found: Endpoint) -> dict[str, Any]:
    """Its fields."""
    return {name: getattr(found, name) for name in Endpoint.__slots__}
