"""Drawings say what the figures say, are well-formed whatever the figures are, and let nothing in that was not drawn."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pandad.monitor.drawing import HEIGHT, WIDTH, Series, Span, bar, columns, stacked, ticks, timeline, top_of

BEGIN = datetime(2026, 1, 2, tzinfo=UTC)
FIGURES = st.floats(min_value=0, max_value=1e9)


def shapes(markup: str, name: str) -> list[ElementTree.Element]:
    """Of that name, in an SVG that a strict parser reads."""
    return [each for each in ElementTree.fromstring(markup).iter() if each.tag == name]


@given(st.lists(FIGURES, max_size=30))
def test_a_round_number_above(values: list[float]) -> None:
    """The top of an axis is above all, and not far above."""
    top = top_of(values)
    assert max((1, *values)) <= top <= 2.5 * max((1, *values))


@given(st.lists(FIGURES, max_size=6), FIGURES)
def test_bars_are_as_long_as_their_figures(values: list[float], more: float) -> None:
    """Beside each other, to the share that all together have of the most."""
    most = sum(values) + more
    found = shapes(bar([("k-run", value) for value in values], most), "rect")
    widths = [float(each.attrib["width"]) for each in found]
    assert len(found) == len([value for value in values if 100 * value / most]) if most else found == []
    assert sum(widths) <= 100 + 0.01 * len(widths)
    assert sum(widths) == pytest.approx(100 * sum(values) / most, abs=0.05) if most else True


@given(st.lists(st.tuples(FIGURES, FIGURES), min_size=2, max_size=30))
def test_areas_lie_on_each_other(rows: list[tuple[float, float]]) -> None:
    """Nothing is outside of the drawing, and the second begins where the first ends."""
    times = [BEGIN + timedelta(minutes=10 * number) for number in range(len(rows))]
    series = [Series("a", "k-run", [row[0] for row in rows]), Series("b", "k-wait", [row[1] for row in rows])]
    first, second = ([tuple(map(float, point.split(","))) for point in each.attrib["points"].split()]
                     for each in shapes(stacked(times, series, "says"), "polygon"))
    assert all(-0.01 <= x <= WIDTH + 0.01 and -0.01 <= y <= HEIGHT + 0.01 for x, y in (*first, *second))
    assert first[: len(rows)] == list(reversed(second[len(rows):]))


def test_columns_stand_on_each_other() -> None:
    """As high as their figures, at their time."""
    series = [Series("a", "k-good", [30.0]), Series("b", "k-bad", [10.0])]
    drawn = columns([BEGIN], 300, series, BEGIN, BEGIN + timedelta(hours=1), "x")
    good, bad = shapes(drawn, "rect")
    assert float(good.attrib["height"]) == pytest.approx(3 * float(bad.attrib["height"]))
    assert float(bad.attrib["y"]) + float(bad.attrib["height"]) == pytest.approx(float(good.attrib["y"]))


def test_a_short_state_is_seen() -> None:
    """In a timeline each has some width, and none sticks out."""
    day = timedelta(days=1)
    spans = [Span(BEGIN, BEGIN + day, "k-wait", "long"), Span(BEGIN + day, BEGIN + day, "k-run", "no time at all")]
    found = shapes(timeline(spans, "life"), "rect")
    assert [float(each.attrib["width"]) > 0 for each in found] == [True, True]
    assert all(float(each.attrib["x"]) + float(each.attrib["width"]) <= WIDTH for each in found)
    assert len(shapes(timeline([Span(BEGIN, BEGIN, "k-wait", "just now")], "x"), "rect")) == 1


def test_words_are_escaped() -> None:
    """Nobody draws something by a name."""
    evil = '"><script>alert(1)</script>'
    for markup in (timeline([Span(BEGIN, BEGIN, evil, evil)], evil), bar([(evil, 1)], 1),
                   stacked([BEGIN, BEGIN], [Series(evil, evil, [1.0, 1.0])], evil)):
        assert "<script" not in markup and ElementTree.fromstring(markup) is not None


def test_ticks() -> None:
    """From the first to the last, or that one."""
    found = ticks(BEGIN, BEGIN + timedelta(hours=5))
    assert (found[0], found[-1], len(found)) == (BEGIN, BEGIN + timedelta(hours=5), 6)
    assert ticks(BEGIN, BEGIN) == [BEGIN]
