"""Figures and times as pages write them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86400


def number(value: float | None) -> str:
    """With thin spaces between thousands."""
    return "–" if value is None else f"{value:,.0f}".replace(",", "\u202f")


def duration(seconds: float | None) -> str:
    """In the two largest units that say something: 3 d 4 h."""
    if seconds is None:
        return "–"
    whole = int(max(seconds, 0))
    for unit_s, unit, below_s, below in ((DAY_S, "d", HOUR_S, "h"), (HOUR_S, "h", MINUTE_S, "min"), (MINUTE_S, "min", 1, "s")):
        if whole >= unit_s:
            rest = whole % unit_s // below_s
            return f"{whole // unit_s} {unit} {rest} {below}" if rest else f"{whole // unit_s} {unit}"
    return f"{whole} s"


def moment(at: datetime | None) -> str:
    """In UTC, to the second."""
    return "–" if at is None else at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def clock(at: datetime, window_s: float = 0) -> str:
    """For an axis: with the day where it spans several."""
    return at.astimezone(UTC).strftime("%d %b %H:%M" if window_s > DAY_S else "%H:%M")


def percent(part: float, whole: float) -> str:
    """Without decimals, and never 0 or 100 where it is not."""
    if not whole:
        return "–"
    found = 100 * part / whole
    return "<1 %" if 0 < found < 1 else ">99 %" if 99 < found < 100 else f"{found:.0f} %"


def plain(value: Any) -> str:
    """Whatever stands in a description or a request."""
    if value is None or value == "":
        return "–"
    if isinstance(value, (list, tuple, set, frozenset)):
        return ", ".join(map(str, value)) or "–"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {plain(each)}" for key, each in value.items()) or "–"
    return moment(value) if isinstance(value, datetime) else str(value)
