"""Whole dumps of CRIC: queues, storage endpoints, links; each is read as far as it can be, with all that is wrong in it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from pandad.spec.errors import BadRequest
from pandad.spec.facts import Link
from pandad.spec.site import ACTIVE, Queue, QueueStatus, queue_from_description
from pandad.spec.storage import Endpoint, endpoint_from_description

Thing = TypeVar("Thing")
Pair = tuple[str, str]

SIGNS_OF_ONE = frozenset({"nickname", "panda_resource", "status"})  # keys of a queue's description, and no names of queues
DISTANCE_KEYS = ("distance", "closeness", "ranking")
BLOCKED = -1  # AGIS' closeness of a link that must not be used


SCRATCH_MB = 20_000  # maxwdir must be there for pilots


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong with one thing of a dump."""

    name: str
    key: str
    problem: str

    def __str__(self) -> str:
        return ": ".join(filter(None, (self.name, self.key, self.problem)))


@dataclass(frozen=True, slots=True)
class Dump(Generic[Thing]):
    """By name the things of a dump and the text that each is served as; and what could not be read."""

    things: Mapping[str, Thing]
    texts: Mapping[str, str]
    mistakes: Sequence[Mistake] = field(default=())

    @property
    def names(self) -> frozenset[str]:
        """Of all, the bad ones too."""
        return frozenset(self.things) | {mistake.name for mistake in self.mistakes}


def as_it_is(description: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """For what is served as it came."""
    return description


def completed(description: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A description with those keys that a pilot demands and a short text leaves out."""
    return {
        "nickname": name,
        "panda_resource": name,
        "siteid": name,
        "atlas_site": description.get("gstat") or name,
        "status": QueueStatus.ONLINE.value,
        "state": ACTIVE,
        "maxwdir": SCRATCH_MB,
        **description,
    }


Made = Callable[[Mapping[str, Any], str], Mapping[str, Any]]


def queues_in(data: object, made: Made = as_it_is) -> Dump[Queue]:
    """The queues of a dump: {name: {...}}, a list of descriptions, or a single one.

    :param made: what to make of each description first.
    :raise BadRequest: it is none of these.
    """
    single = isinstance(data, Mapping) and SIGNS_OF_ONE & data.keys() and not isinstance(data.get("nickname"), Mapping)
    return _read([data] if single else data, "nickname", queue_from_description, made)


def endpoints_in(data: object) -> Dump[Endpoint]:
    """The storage endpoints of a dump: {name: {...}} or a list of descriptions.

    :raise BadRequest: it is neither.
    """
    return _read(data, "name", endpoint_from_description, as_it_is)


def _read(data: object, name_key: str, read: Callable[[Mapping[str, Any], str], Thing], made: Made) -> Dump[Thing]:
    things: dict[str, Thing] = {}
    texts: dict[str, str] = {}
    mistakes: list[Mistake] = []
    for place, (name, description) in enumerate(_named(data, name_key), 1):
        try:
            if not isinstance(description, Mapping):
                raise BadRequest("", "is not a table of keys")
            if not name or name in things:
                raise BadRequest(name_key, "is there twice" if name else f"is missing; write {name_key} = \"NAME\"")
            whole = made(description, name)
            things[name], texts[name] = read(whole, name), text_of(whole)
        except BadRequest as error:
            things.pop(name, None)
            mistakes.append(Mistake(name or f"number {place}", error.key, error.problem))
    return Dump(things, texts, tuple(mistakes))


def _named(data: object, name_key: str) -> Iterator[tuple[str, Any]]:
    if isinstance(data, Mapping):
        yield from ((str(name), description) for name, description in data.items())
    elif isinstance(data, Sequence) and not isinstance(data, str):
        for description in data:
            name = description.get(name_key) if isinstance(description, Mapping) else None
            yield name if isinstance(name, str) else "", description
    else:
        raise BadRequest("", "is neither a table {name: {...}} nor a list")


_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


def text_of(description: Mapping[str, Any]) -> str:
    """The JSON text in which a description is kept and served: the same keys in the same order, equal values.

    :raise BadRequest: names the key that has no such text.
    """
    text = _text(description)
    if text is None:
        key = next((key for key, value in description.items() if _text({key: value}) is None), "")
        raise BadRequest(str(key), "has a value that cannot be kept as JSON: a date, NaN, a NUL or half of a character")
    return text


def _text(description: Mapping[str, Any]) -> str | None:
    try:
        text = json.dumps(description, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        text.encode()
    except (TypeError, ValueError):  # of a kind that JSON does not know, not finite, or half of a surrogate pair
        return None
    return None if "\\u0000" in text and _NUL.search(text) else text


@dataclass(frozen=True, slots=True)
class Links:
    """Distances by (from, to), and what could not be read."""

    links: Mapping[Pair, Link]
    mistakes: Sequence[Mistake] = field(default=())


def links_in(data: object) -> Links:
    """The links of a dump: {from: {to: ...}}, {"from:to": ...}, or a list of tables with src, dst and the rest.

    What stands for ... is a number, or a table with distance or closeness in it, or one such table more (as of AGIS). A
    closeness of -1 is a link that must not be used.
    """
    found: dict[Pair, Link] = {}
    mistakes = []
    for source, destination, value in _pairs(data):
        try:
            if not (source and destination and (source + destination).isprintable()):
                raise BadRequest("", "names no two places; write {from: {to: {\"distance\": 3}}}")
            found[source, destination] = _link(value)
        except BadRequest as error:
            mistakes.append(Mistake(f"{source} to {destination}", error.key, error.problem))
    return Links(found, tuple(mistakes))


def _pairs(data: object) -> Iterator[tuple[str, str, object]]:
    if isinstance(data, Mapping):
        for name, value in data.items():
            source, _, destination = str(name).partition(":")
            if destination:
                yield source, destination, value
            elif isinstance(value, Mapping):
                yield from ((source, str(to), inner) for to, inner in value.items())
            else:
                yield source, "", value
    elif isinstance(data, Sequence) and not isinstance(data, str):
        for each in data:
            value = each if isinstance(each, Mapping) else {}
            yield str(value.get("src") or ""), str(value.get("dst") or ""), value
    else:
        raise BadRequest("", "is neither a table {from: {to: ...}} nor a list")


def _link(value: object) -> Link:
    told = _distance(value)
    if told is None:
        raise BadRequest("distance", f"{value!r} says none; write a whole number from 0, the smaller the nearer")
    if isinstance(told, bool) or not isinstance(told, int | float | str):
        raise BadRequest("distance", f"{told!r} is not a whole number")
    try:
        distance = int(told)
    except (ValueError, OverflowError):
        raise BadRequest("distance", f"{told!r} is not a whole number") from None
    if distance < BLOCKED or distance > 10**6:
        raise BadRequest("distance", f"{told!r} is none; write a whole number from 0, the smaller the nearer")
    return Link(distance=None, blocked=True) if distance == BLOCKED else Link(distance=distance)


def _distance(value: object) -> object:
    if not isinstance(value, Mapping):
        return value
    inner = (value, *(each for each in value.values() if isinstance(each, Mapping)))
    return next((_latest(table[key]) for table in inner for key in DISTANCE_KEYS if key in table), None)


def _latest(value: object) -> object:
    """PanDA's network metrics have {"latest": n}."""
    return value.get("latest") if isinstance(value, Mapping) else value
