"""Values of CRIC descriptions, in which numbers come as texts, flags as words, and nothing as null or "".

Each of these raises BadRequest, with the key, for what cannot be read.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TypeVar

from pandad.spec.errors import BadRequest

Word = TypeVar("Word", bound=StrEnum)


def one_of(words: type[Word], key: str, value: object) -> Word:
    """The word of a vocabulary, in whatever case."""
    try:
        return words(str(value).lower())
    except ValueError:
        raise BadRequest(key, f"{value!r} is none of {', '.join(filter(None, words))}") from None


def text(description: Mapping[str, Any], key: str) -> str:
    """A text; "" where there is none."""
    value = description.get(key)
    if isinstance(value, Mapping | list | tuple):
        raise BadRequest(key, f"{value!r} is not a text")
    return "" if value is None else str(value).strip()


def flag(description: Mapping[str, Any], key: str, default: bool) -> bool:
    """True or false."""
    value = description.get(key)
    match str(value).strip().lower():
        case "true" | "1" | "1.0" | "yes" | "y":
            return True
        case "false" | "0" | "0.0" | "no" | "n":
            return False
        case "" | "none" | "null":
            return default
    raise BadRequest(key, f"{value!r} is neither true nor false")


def names(description: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """A list, or a text with commas; empty names are left out."""
    value = description.get(key)
    if value is not None and not isinstance(value, str | list | tuple):
        raise BadRequest(key, f"{value!r} is not a list of names")
    listed = value.split(",") if isinstance(value, str) else value or ()
    return tuple(filter(None, (str(name).strip() for name in listed)))


def whole(description: Mapping[str, Any], key: str, least: int = 0) -> int:
    """A whole number; 0 where there is none."""
    value = description.get(key)
    return 0 if value in (None, "") else as_whole(key, value, least)


def as_whole(key: str, value: object, least: int = 0) -> int:
    """A whole number from `least`."""
    found = as_number(key, value, "a whole number")
    if found != int(found):
        raise BadRequest(key, f"{value!r} is not a whole number")
    if found < least:
        raise BadRequest(key, f"{value} is negative; 0 means no limit")
    return int(found)


def number(description: Mapping[str, Any], key: str) -> float:
    """A number from 0, which it is where there is none."""
    value = description.get(key)
    found = 0.0 if value in (None, "") else float(as_number(key, value, "a number"))
    if found < 0:
        raise BadRequest(key, f"{value} is negative")
    return found


def as_number(key: str, value: object, what: str) -> int | float:
    """A number, or a text that is one. ``what``: it should be, in words."""
    for kind in (int, float):
        if isinstance(value, kind | str) and not isinstance(value, bool):
            try:
                found = kind(value)
            except ValueError:
                continue
            if found - found == 0:  # neither infinite nor no number at all
                return found
    raise BadRequest(key, f"{value!r} is not {what}")
