"""Figures as people read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from pandad.monitor import words

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(None, "–"), (-3, "0 s"), (0, "0 s"), (59.9, "59 s"), (60, "1 min"), (61, "1 min 1 s"), (3600, "1 h"), (3660, "1 h 1 min"),
     (90000, "1 d 1 h"), (86400 * 400, "400 d")])
def test_durations(seconds: float | None, said: str) -> None:
    """In the two largest units."""
    assert words.duration(seconds) == said


@pytest.mark.parametrize(
    ("part", "whole", "said"),
    [(0, 0, "–"), (0, 5, "0 %"), (5, 5, "100 %"), (1, 1000, "<1 %"), (999, 1000, ">99 %"), (1, 3, "33 %")])
def test_percents(part: float, whole: float, said: str) -> None:
    """Never 0 or 100 where it is not."""
    assert words.percent(part, whole) == said


def test_numbers_and_times() -> None:
    """Thousands apart; times in UTC, whatever zone they came in."""
    assert (words.number(1234567), words.number(None), words.number(0.4)) == ("1\u202f234\u202f567", "–", "0")
    assert words.moment(AT.astimezone(timezone(timedelta(hours=5)))) == "2026-01-02 03:04:05"
    assert (words.clock(AT), words.clock(AT, 3 * 86400)) == ("03:04", "02 Jan 03:04")


@pytest.mark.parametrize(
    ("value", "said"),
    [(None, "–"), ("", "–"), ([], "–"), (["a", 1], "a, 1"), ({"memory": 5, "tags": ["x"]}, "memory 5, tags x"),
     (AT, words.moment(AT)), (0, "0"), (False, "False")])
def test_anything(value: object, said: str) -> None:
    """Whatever a description or a request holds."""
    assert words.plain(value) == said
