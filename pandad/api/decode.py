"""From a request to a request dataclass: body and query become parameters, parameters become typed fields.

Leniency is deliberate and comes from real clients: gzip without a header, forms without Content-Type, either spelling
of a name in either dialect, unknown parameters, numbers as text, "NULL" and "" for nothing.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, Field, dataclass, fields
from datetime import datetime
from functools import cache
from types import NoneType
from typing import Any, Generic, TypeVar, get_args, get_origin, get_type_hints
from urllib.parse import unquote_plus

from twisted.logger import Logger

from pandad.api import coerce
from pandad.api.coerce import MAX_DEPTH, MAX_ITEMS, Unfit
from pandad.spec.errors import BadRequest
from pandad.spec.job import JOB_ATTRIBUTES

T = TypeVar("T")
Convert = Callable[[Any], Any]

log = Logger()

GZIP_MAGIC = b"\x1f\x8b"
MAX_GZIP_RATIO = 100  # a job report shrinks 5 to 20 times
RATIO_FREE_BYTES = 1 << 20  # below this no ratio is suspicious
INFLATED_BYTES = 1 << 20  # at a time, before it is looked at
MAX_FORM_FIELDS = 1_000


def parameters(body: bytes, query: Mapping[bytes, list[bytes]], limit_bytes: int, depth: int = MAX_DEPTH) -> dict[str, Any]:
    """The parameters of a call, merged: what the body says wins over the query. Repeated keys become a list.

    The body is sniffed and its headers are not asked: pilots gzip without saying so, and clients post forms without a type.

    :param limit_bytes: the most a body may be once it is inflated. :param depth: the most levels of its JSON.
    :raise BadRequest: the body is neither JSON nor a form, or not the gzip it claims to be.
    """
    merged = _pairs((k.decode("utf-8", "replace"), v.decode("utf-8", "replace")) for k, vs in query.items() for v in vs)
    if body.startswith(GZIP_MAGIC):
        body = inflated(body, limit_bytes)
    if body.startswith(coerce.MARKS):
        raise BadRequest("body", "begins with a byte order mark; send UTF-8 without one")
    if body.lstrip()[:1] in (b"{", b"["):
        merged.update(_json_object(body, depth))
    elif body:
        merged.update(_form(body))
    return merged


def inflated(body: bytes, limit_bytes: int) -> bytes:
    """Gunzip, but no more than the limit, and at no point more than a plausible multiple of what was read until then."""
    stream, pieces, length, rest = zlib.decompressobj(wbits=31), [], 0, body
    try:
        while not stream.eof:
            piece = stream.decompress(rest, INFLATED_BYTES)
            rest = stream.unconsumed_tail
            length += len(piece)
            _check_inflated(length, len(body) - len(rest), limit_bytes)
            if not piece and not stream.eof:
                raise BadRequest("body", "its gzip data ends too early")
            pieces.append(piece)
    except zlib.error as problem:
        raise BadRequest("body", f"begins like gzip and is not ({problem})") from None
    if stream.unused_data.strip(b"\0\r\n"):
        raise BadRequest("body", "something follows its gzip data; send one gzip member")
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _check_inflated(length: int, read: int, limit_bytes: int) -> None:
    if length > limit_bytes:
        raise BadRequest("body", f"inflates to more than {limit_bytes} bytes, the most that this call takes")
    if length > max(RATIO_FREE_BYTES, MAX_GZIP_RATIO * read):
        raise BadRequest("body", f"inflates to more than {MAX_GZIP_RATIO} times its size")


def _json_object(body: bytes, depth: int) -> dict[str, Any]:
    try:
        value = coerce.json_value(body, depth)
    except Unfit as problem:
        raise BadRequest("body", str(problem)) from None
    if not isinstance(value, dict):
        raise BadRequest("body", "must be a JSON object")
    return value


def _form(body: bytes) -> dict[str, Any]:
    """As urllib.parse.parse_qsl with blank values kept, which takes twice as long as all the rest of decoding."""
    said = body.decode("utf-8", "replace").split("&")
    if len(said) > MAX_FORM_FIELDS:
        raise BadRequest("body", f"has more than {MAX_FORM_FIELDS} fields")
    halves = (each.partition("=") for each in said if each)
    return _pairs((_unquoted(key), _unquoted(value)) for key, _, value in halves)


def _unquoted(text: str) -> str:
    return unquote_plus(text, errors="replace") if "%" in text or "+" in text else text


def _pairs(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Pairs into a dict. Clients that know no null write the word None."""
    merged: dict[str, Any] = {}
    for key, value in pairs:
        if value == "None":
            continue
        before = merged.get(key)
        merged[key] = value if before is None else [*before, value] if isinstance(before, list) else [before, value]
    return merged


@dataclass(frozen=True, slots=True)
class _Slot:
    """How one field of a request dataclass is filled."""

    name: str
    shown: tuple[str, str]  # name in API v1, name in the legacy dialect
    convert: Convert
    many: bool
    required: bool
    droppable: bool
    limit: int | None  # characters; longer text is cut


# A wrong attempt number must not turn into "did not say": it is what fences a stale pilot off.
NEVER_DROPPED = frozenset({"attempt_nr"})


class Decoder(Generic[T]):
    """Makes one kind of request dataclass from parameters. Built once per kind, from its type hints.

    ``forgiving``: an optional value that makes no sense is dropped with a log line, and free text is cleaned rather than
    refused. For what pilots report: a heartbeat must not be lost for a bad clock. ``items``: the most in each of its lists.
    """

    def __init__(self, takes: Callable[..., T], *, forgiving: bool = False, legacy: bool = False, items: int = MAX_ITEMS) -> None:
        self._legacy = legacy
        hints = get_type_hints(takes)
        slots = [_slot(f, hints[f.name], forgiving, items) for f in fields(takes)]  # type: ignore[arg-type]  # a dataclass
        self._slots = {alias: slot for slot in slots for alias in (slot.name, camel_case(slot.name), slot.shown[1])}
        self._required = [slot for slot in slots if slot.required]
        self._make = _maker(takes)

    def __call__(self, given: Mapping[str, Any]) -> T:
        """:raise BadRequest: names the key as the caller wrote it."""
        values: dict[str, Any] = {}
        for key, raw in given.items():
            slot = self._slots.get(key)
            if slot is None or raw is None or raw == "" or raw == "NULL":
                continue
            if type(raw) is list and not slot.many and slot.convert is not coerce.anything:
                raw = raw[-1] if raw else None  # the last of repeated keys counts
            try:
                value = slot.convert(raw)
            except Unfit as problem:
                self._unfit(slot, key, problem)
                continue
            values[slot.name] = value[: slot.limit] if slot.limit else value
        for slot in self._required:
            if slot.name not in values:
                raise BadRequest(slot.shown[self._legacy], "is missing")
        return self._make(values)

    def _unfit(self, slot: _Slot, key: str, problem: Unfit) -> None:
        if not slot.droppable:
            raise BadRequest(coerce.cleaned_text(key), str(problem))
        log.warn("{key} ignored: {problem}", key=key, problem=str(problem))


def _maker(takes: Callable[..., T]) -> Callable[[dict[str, Any]], T]:
    """What makes such a dataclass of its values.

    The generated constructor sets all fields, one by one; that is most of the cost of decoding when there are fifty and ten were
    given. Where defaults are plain values of the class they need not be set: only what was given is.
    """
    plain = isinstance(takes, type) and not hasattr(takes, "__post_init__") and not hasattr(takes, "__slots__")
    if not plain or any(field.default_factory is not MISSING for field in fields(takes)):  # type: ignore[arg-type]
        return lambda values: takes(**values)

    def make(values: dict[str, Any]) -> T:
        made: T = object.__new__(takes)  # type: ignore[arg-type]
        made.__dict__.update(values)
        return made

    return make


@cache
def decoder_for(takes: Callable[..., T], forgiving: bool = False, legacy: bool = False, items: int = MAX_ITEMS) -> Decoder[T]:
    """The one decoder of that kind."""
    return Decoder(takes, forgiving=forgiving, legacy=legacy, items=items)


def camel_case(name: str) -> str:
    """site_name -> siteName: how the legacy dialect spells most names, and how some clients spell them in API v1."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


_CONVERTERS: Mapping[Any, Convert] = {
    int: coerce.integer, float: coerce.number, bool: coerce.flag, str: coerce.text, datetime: coerce.moment,
    dict: coerce.table, Any: coerce.anything,
}
_FORGIVING: Mapping[Any, Convert] = {int: coerce.truncated, str: coerce.cleaned_text}
_LIMITS = {a.name: a.limit for a in JOB_ATTRIBUTES}


def _slot(field: Field[Any], hint: Any, forgiving: bool, items: int) -> _Slot:
    kinds = [k for k in get_args(hint) if k is not NoneType] if NoneType in get_args(hint) else [hint]
    assert len(kinds) == 1, f"{field.name}: {hint} is not one kind"
    kind, required = kinds[0], field.default is MISSING and field.default_factory is MISSING
    lenient = forgiving and not required and field.name not in NEVER_DROPPED
    return _Slot(
        name=field.name,
        shown=(field.name, field.metadata.get("legacy", camel_case(field.name))),
        convert=_converter(kind, lenient, items),
        many=get_origin(kind) is list,
        required=required,
        droppable=lenient,
        limit=_LIMITS.get(field.metadata.get("attribute", "")) if kind is str else None,
    )


def _converter(kind: Any, lenient: bool, items: int) -> Convert:
    if get_origin(kind) is list:
        return coerce.list_of(_converter(get_args(kind)[0], lenient, items), items)
    plain = get_origin(kind) or kind
    return _FORGIVING.get(plain, _CONVERTERS[plain]) if lenient else _CONVERTERS[plain]
