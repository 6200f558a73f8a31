"""A PanDA queue: what a site offers, read from its CRIC schedconfig description, which pilots get back unchanged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pandad.spec.errors import BadRequest


class QueueStatus(StrEnum):
    """Whether a queue takes work (CRIC vocabulary)."""

    ONLINE = "online"
    TEST = "test"            # test jobs only
    BROKEROFF = "brokeroff"  # pinned jobs only
    OFFLINE = "offline"
    PAUSED = "paused"        # nothing for now; its pilots may go on


@dataclass(frozen=True, slots=True)
class Queue:
    """The part of a description that decides. 0 means no limit, as in CRIC."""

    name: str
    site: str
    status: QueueStatus
    maxrss_mb: int
    maxwdir_mb: int
    maxtime_s: int
    corecount: int
    platforms: frozenset[str]
    endpoint_in: str | None
    endpoint_out: str | None
    description: Mapping[str, Any]


def queue_from_description(description: Mapping[str, Any]) -> Queue:
    """Read a schedconfig description.

    :raise BadRequest: names the key that is missing or wrong.
    """
    name = description.get("nickname")
    if not isinstance(name, str) or not name:
        raise BadRequest("nickname", "the queue's name is missing; set it to a text such as \"MY_QUEUE\"")
    return Queue(
        name=name,
        site=str(description.get("atlas_site") or description.get("gstat") or name),
        status=_status(description.get("status", QueueStatus.ONLINE)),
        maxrss_mb=_whole(description, "maxrss"),
        maxwdir_mb=_whole(description, "maxwdir"),
        maxtime_s=_whole(description, "maxtime"),
        corecount=_whole(description, "corecount") or 1,
        platforms=frozenset(p for p in str(description.get("cmtconfig") or "").split(",") if p),
        endpoint_in=_endpoint(description, "pr"),
        endpoint_out=_endpoint(description, "pw"),
        description=description,
    )


def _status(value: object) -> QueueStatus:
    try:
        return QueueStatus(str(value))
    except ValueError:
        raise BadRequest("status", f"{value!r} is none of {', '.join(QueueStatus)}") from None


def _whole(description: Mapping[str, Any], key: str) -> int:
    value = description.get(key)
    if value in (None, ""):
        return 0
    try:
        number = int(value)
    except (TypeError, ValueError):
        raise BadRequest(key, f"{value!r} is not a whole number") from None
    if number < 0:
        raise BadRequest(key, f"{number} is negative; 0 means no limit")
    return number


def _endpoint(description: Mapping[str, Any], activity: str) -> str | None:
    """The first storage endpoint of an activity: pr = production read, pw = production write (CRIC astorages)."""
    storages = description.get("astorages") or {}
    if not isinstance(storages, Mapping):
        raise BadRequest("astorages", "is not a table of activity = [endpoints]")
    names = storages.get(activity) or storages.get("pr") or []
    return str(names[0]) if names else None
