"""Loose values from the wire into exact ones. Clients send numbers as text, text as numbers, and times in three notations.

Every function here takes what JSON or a form can hold and raises Unfit with a readable problem if it does not fit.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from math import isfinite
from typing import Any

import orjson  # four times faster than the standard library on a getJob body

INT64 = range(-(2**63), 2**63)  # what a database column can hold
EXACT_FLOAT = 2**53  # above, a float stands for several integers
MAX_ITEMS = 10_000  # in one list, of any call
MAX_DEPTH = 64  # of JSON, of any call


class Unfit(ValueError):
    """The value cannot become what is wanted; str() says why."""


def json_value(text: bytes | str, depth: int = MAX_DEPTH) -> Any:
    """Parse JSON. What the strict parser refuses gets a second chance: Python clients send NaN and lone surrogates, of
    which the fields that they stand in make what they can.

    :raise Unfit: not JSON, or JSON that two parsers could read in two ways, or that is nested deeper than `depth`.
    """
    raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if raw.startswith(MARKS):
        raise Unfit("begins with a byte order mark; send UTF-8 without one")
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        value = _lenient(raw, depth)
    flat = type(value) is dict and _NESTING.isdisjoint(map(type, value.values()))  # as nearly all that pilots send
    keys = len(value) if flat else count_keys(value, depth)
    # Each key ends in one of these ways: as many colons as keys are left mean that no key is gone.
    if raw.count(b'":') != keys or b'" ' in raw or b"\n" in raw or b"\r" in raw or b"\t" in raw:
        _refuse_repeated(raw, keys, depth)
    return value


_NESTING = frozenset({dict, list})
MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"(?:[ \t\r\n]*+(:))?', re.DOTALL)


def _lenient(raw: bytes, depth: int) -> Any:
    try:
        return json.loads(raw.decode("utf-8", "surrogatepass"))
    except RecursionError:
        raise Unfit(f"is nested deeper than {depth} levels") from None
    except ValueError as problem:  # bad JSON, bad UTF-8, numbers with thousands of digits
        raise Unfit(f"is not JSON ({problem})") from None


def count_keys(value: Any, depth: int = MAX_DEPTH) -> int:
    """How many keys there are, on all levels.

    :raise Unfit: there are too many levels.
    """
    count, reached, level = 0, 0, [value]
    while level:
        reached += 1
        if reached > depth + 1:
            raise Unfit(f"is nested deeper than {depth} levels")
        below: list[Any] = []
        for each in level:
            if type(each) is dict:
                count += len(each)
                below += [v for v in each.values() if type(v) is dict or type(v) is list]
            elif type(each) is list:
                below += [v for v in each if type(v) is dict or type(v) is list]
        level = below
    return count


def _refuse_repeated(raw: bytes, keys: int, depth: int) -> None:
    """Parsers differ on which of two equal keys counts. Only a text that may have some comes here: finding out takes longer."""
    if _STRING.findall(raw).count(b":") == keys:
        return
    try:
        json.loads(raw.decode("utf-8", "surrogatepass"), object_pairs_hook=_unrepeated)
    except RecursionError:
        raise Unfit(f"is nested deeper than {depth} levels") from None


def _unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    seen: dict[str, Any] = {}
    for key, value in pairs:
        if key in seen:
            raise Unfit(f"has the key {_shown(key)} twice in one object")
        seen[key] = value
    return seen


def integer(value: object) -> int:
    """From 5, 5.0, "5" or "5.0"; within 64 bits."""
    number = value if type(value) is int else _integer_of(value)
    if number not in INT64:
        raise Unfit(f"{number} does not fit 64 bits")
    return number


def truncated(value: object) -> int:
    """As integer, but cuts a fraction off: for measurements, which pilots may send as floats."""
    try:
        return integer(value)
    except Unfit:
        return integer(int(number(value)))


def _integer_of(value: object) -> int:
    if type(value) is str and "_" not in value and value.isascii():
        try:
            return int(value)
        except ValueError:
            pass
    whole = number(value)
    if not whole.is_integer():
        raise Unfit(f"{_shown(value)} is not a whole number")
    if abs(whole) > EXACT_FLOAT:
        raise Unfit(f"{_shown(value)} is too large to be exact, or does not fit 64 bits")
    return int(whole)


def number(value: object) -> float:
    """A finite float; text is parsed, True and False are refused."""
    # Python reads 1_2 as 12, and the digits of all scripts.
    if type(value) not in (int, float, str) or (type(value) is str and ("_" in value or not value.isascii())):
        raise Unfit(f"{_shown(value)} is not a number")
    try:
        result = float(value)  # type: ignore[arg-type]  # the line above narrowed it
    except (ValueError, OverflowError):
        raise Unfit(f"{_shown(value)} is not a number") from None
    if not isfinite(result):
        raise Unfit(f"{_shown(value)} is not a finite number")
    return result


_FLAGS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}


def flag(value: object) -> bool:
    """From true, "True", 1, "1", "yes", "on" and their opposites."""
    known = _FLAGS.get(str(value).strip().lower())
    if known is None:
        raise Unfit(f"{_shown(value)} is neither true nor false")
    return known


def text(value: object) -> str:
    """A text that a database can hold: NUL characters and lone surrogates are refused. Structures become JSON text, and must not
    hold what JSON does not know."""
    try:
        words = _text_of(value, allow_nan=False)
    except ValueError:
        raise Unfit("holds a number that is not finite") from None
    if "\0" in words:
        raise Unfit("holds a NUL character")
    if not words.isascii() and any("\ud800" <= c <= "\udfff" for c in words):
        raise Unfit("is not valid Unicode (it holds a lone surrogate)")
    return words


def cleaned_text(value: object) -> str:
    """As text, but takes out what a database cannot hold: for free text such as a payload's output."""
    words = _text_of(value, allow_nan=True).replace("\0", "")
    return words if words.isascii() else words.encode("utf-8", "replace").decode()


def _text_of(value: object, *, allow_nan: bool) -> str:
    if type(value) is str:
        return value
    if isinstance(value, (dict, list)) or (type(value) is float and not isfinite(value)):
        return json.dumps(value, allow_nan=allow_nan)  # not orjson, which refuses integers beyond 64 bits
    return str(value)


def moment(value: object) -> datetime:
    """An aware time in UTC, from ISO 8601, "YYYY-mm-dd HH:MM:SS[.f]" (taken as UTC), seconds since 1970, or PanDA's
    {"_datetime_object": text} and {"__datetime__": text}."""
    if isinstance(value, dict) and len(value) == 1:
        value = value.get("_datetime_object", value.get("__datetime__"))
    try:
        return _from_seconds(number(value))
    except Unfit:
        pass
    try:
        time = datetime.fromisoformat(str(value).strip())
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Unfit(f"{_shown(value)} is not a time such as 2026-01-31 23:59:59 (UTC)") from None


def _from_seconds(seconds: float) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        raise Unfit(f"{seconds} s since 1970 is not a time") from None


def listed(value: object, most: int = MAX_ITEMS) -> list[Any]:
    """A list of at most so many items, from a JSON list, repeated keys, a comma list, JSON text of a list, or one lone value."""
    if isinstance(value, str):
        value = json_value(value) if value.lstrip().startswith("[") else value.split(",")
    items = value if isinstance(value, list) else [value]
    if len(items) > most:
        raise Unfit(f"{len(items)} items are too many; send at most {most} in one call")
    return items


def list_of(item: Callable[[object], Any], most: int = MAX_ITEMS) -> Callable[[object], list[Any]]:
    """A converter of lists from a converter of items."""
    return lambda value: [item(each) for each in listed(value, most)]


def table(value: object) -> dict[str, Any]:
    """A JSON object, or text of one."""
    if isinstance(value, str):
        value = json_value(value)
    if not isinstance(value, dict):
        raise Unfit(f"{_shown(value)} is not a JSON object")
    return value


def anything(value: Any) -> Any:
    """As it came: the handler knows better."""
    return value


def _shown(value: object) -> str:
    shown = ascii(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."
