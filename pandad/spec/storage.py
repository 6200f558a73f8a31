"""Storage endpoints (RSEs), from their CRIC ddmendpoint descriptions, which pilots get back unchanged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pandad.spec.errors import BadRequest
from pandad.spec.facts import Space

GB = 1024**3  # what PanDA counts space in
ACTIVE = "ACTIVE"

# By key of a description: what it says. Everything else is kept, and served to pilots, and not looked at.
ENDPOINT_KEYS: Mapping[str, str] = {
    "name": "the name; it must be the one that it stands under",
    "site": "the site that it is at; else rc_site",
    "rc_site": "the site of a description without site",
    "type": "DATADISK, SCRATCHDISK, DATATAPE, ...",
    "is_tape": "whether it is tape; else it is if TAPE is in the type",
    "token": "space token",
    "state": "ACTIVE; in any other state it is neither read nor written",
    "blacklisted": "Y or true: neither read nor written",
    "blacklisted_read": "Y or true: not read",
    "blacklisted_write": "Y or true: not written",
    "detailed_status": "by activity ON or OFF: read_lan, read_wan, write_lan, write_wan, delete",
    "space_total": "GB in all",
    "space_free": "GB that are free",
}


class Medium(StrEnum):
    """What files lie on."""

    DISK = "DISK"
    TAPE = "TAPE"  # a file must be staged before it can be read


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The part of a description that decides.

    :param type: CRIC's: DATADISK, SCRATCHDISK, DATATAPE, ... :param token: space token, "" if there is none.
    :param is_active: False: it may not be used at all. :param closed: activities that are off (read_lan, write_wan, ...).
    :param space: None where nobody said.
    """

    name: str
    site: str
    type: str
    medium: Medium
    token: str
    is_active: bool
    closed: frozenset[str]
    space: Space | None
    description: Mapping[str, Any]

    def may(self, activity: str) -> bool:
        """Whether it can be used for read_lan, read_wan, write_lan or write_wan."""
        return self.is_active and activity not in self.closed

    @property
    def readable(self) -> bool:
        """In some way."""
        return self.may("read_lan") or self.may("read_wan")

    @property
    def writable(self) -> bool:
        """In some way."""
        return self.may("write_lan") or self.may("write_wan")


_READS, _WRITES = frozenset({"read_lan", "read_wan"}), frozenset({"write_lan", "write_wan"})
_BLACKLISTS: Mapping[str, frozenset[str]] = {
    "blacklisted": _READS | _WRITES, "blacklisted_read": _READS, "blacklisted_write": _WRITES}
_TRUE = frozenset({"true", "y", "yes", "1", "on"})


def endpoint_from_description(description: Mapping[str, Any], name: str) -> Endpoint:
    """Read a ddmendpoint description.

    :param name: the name that it stands under.
    :raise BadRequest: names the key that is wrong.
    """
    told = description.get("name") or name
    if told != name:
        raise BadRequest("name", f"{told!r} stands under the name {name!r}; make them equal")
    if name != name.strip() or not name.isprintable() or not name:
        raise BadRequest("name", f"{name!r} is no name; write a text such as MY_DISK")
    type_, state = str(description.get("type") or ""), str(description.get("state") or ACTIVE)
    is_tape = _flag(description["is_tape"]) if description.get("is_tape") not in (None, "") else "TAPE" in type_
    return Endpoint(
        name, str(description.get("site") or description.get("rc_site") or name), type_,
        Medium.TAPE if is_tape else Medium.DISK, str(description.get("token") or ""),
        state.upper() == ACTIVE, _closed(description), _space(description), description)


def _closed(description: Mapping[str, Any]) -> frozenset[str]:
    listed = [activities for key, activities in _BLACKLISTS.items() if _flag(description.get(key))]
    detailed = description.get("detailed_status") or {}
    if not isinstance(detailed, Mapping):
        raise BadRequest("detailed_status", 'is not a table such as {"write_wan": "OFF"}')
    return frozenset().union(*listed, [activity for activity, status in detailed.items() if str(status).upper() == "OFF"])


def _flag(value: object) -> bool:
    return str(value).lower() in _TRUE


def _space(description: Mapping[str, Any]) -> Space | None:
    """None unless both are there."""
    values = [description.get(key) for key in ("space_total", "space_free")]
    if any(value in (None, "") for value in values):
        return None
    try:
        total, free = (int(float(str(value)) * GB) for value in values)
    except (ValueError, OverflowError):
        raise BadRequest("space_total", f"{values[0]!r} and space_free {values[1]!r} are not numbers of GB") from None
    if total < 0 or free < 0:
        raise BadRequest("space_total", f"{values[0]!r} or space_free {values[1]!r} is negative")
    return Space(total, free)
