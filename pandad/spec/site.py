"""A PanDA queue: what a site offers, read from its CRIC schedconfig description, which pilots get back unchanged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from pandad.spec.errors import BadRequest
from pandad.spec.platform import Hardware, hardware_of

Word = TypeVar("Word", bound=StrEnum)


class QueueStatus(StrEnum):
    """Whether a queue takes work (CRIC vocabulary)."""

    ONLINE = "online"
    TEST = "test"            # test jobs only
    BROKEROFF = "brokeroff"  # pinned jobs only
    OFFLINE = "offline"
    PAUSED = "paused"        # nothing for now; its pilots may go on


class QueueType(StrEnum):
    """Whose work a queue takes (CRIC vocabulary)."""

    PRODUCTION = "production"
    ANALYSIS = "analysis"
    UNIFIED = "unified"  # both
    SPECIAL = "special"  # both, on machines of its own kind


class Slots(StrEnum):
    """What jobs a queue's slots are for (CRIC: capability)."""

    ANY = ""         # up to its cores; a queue that does not say
    SCORE = "score"  # of one core
    MCORE = "mcore"  # of several
    UCORE = "ucore"  # up to its cores


@dataclass(frozen=True, slots=True)
class Queue:
    """The part of a description that decides. 0 means no limit, as in CRIC; empty sets leave everything open.

    ``releases``: software, as ``AtlasRelease`` and ``homepackage`` of jobs name it. ``transferring_limit``: jobs whose outputs
    are on their way.
    """

    name: str
    site: str
    status: QueueStatus
    type: QueueType
    slots: Slots
    maxrss_mb: int
    minrss_mb: int
    maxwdir_mb: int
    maxinput_mb: int
    maxtime_s: int
    mintime_s: int
    corecount: int
    transferring_limit: int
    platforms: frozenset[str]
    releases: frozenset[str]
    hardware: tuple[Hardware, ...]
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
        status=_one_of(QueueStatus, "status", description.get("status", QueueStatus.ONLINE)),
        type=_one_of(QueueType, "type", description.get("type") or QueueType.UNIFIED),
        slots=_one_of(Slots, "capability", description.get("capability") or Slots.ANY),
        maxrss_mb=_whole(description, "maxrss"),
        minrss_mb=_whole(description, "minrss"),
        maxwdir_mb=_whole(description, "maxwdir"),
        maxinput_mb=_whole(description, "maxinputsize"),
        maxtime_s=_whole(description, "maxtime"),
        mintime_s=_whole(description, "mintime"),
        corecount=_whole(description, "corecount") or 1,
        transferring_limit=_whole(description, "transferringlimit"),
        platforms=frozenset(p for p in str(description.get("cmtconfig") or "").split(",") if p),
        releases=_releases(description.get("releases")),
        hardware=hardware_of(description.get("architectures")),
        endpoint_in=_endpoint(description, "pr"),
        endpoint_out=_endpoint(description, "pw"),
        description=description,
    )


def _one_of(words: type[Word], key: str, value: object) -> Word:
    try:
        return words(str(value))
    except ValueError:
        raise BadRequest(key, f"{value!r} is none of {', '.join(filter(None, words))}") from None


def _releases(value: object) -> frozenset[str]:
    """A list of names; AUTO, ANY or nothing is any software, as on sites that mount all of it."""
    named = value.split(",") if isinstance(value, str) else value if isinstance(value, list | tuple) else ()
    names = frozenset(str(name).strip() for name in named) - {""}
    return frozenset() if names & {"AUTO", "ANY"} else names


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
