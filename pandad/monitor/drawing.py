"""Drawings, as inline SVG without any library. Pure: figures in, markup out.

Colours are classes, which pages/style.css fills for light and dark. Words stand beside a drawing, not in it: it is scaled to the
width that there is, and its text would be too small on a phone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from markupsafe import Markup, escape

WIDTH, HEIGHT = 1000, 300
MOST_TICKS = 6
STEPS = (1, 2, 2.5, 5, 10)  # of an axis, times a power of ten


@dataclass(frozen=True, slots=True)
class Series:
    """``kind``: the class that says its colour."""

    name: str
    kind: str
    values: Sequence[float]


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a timeline."""

    begin: datetime
    end: datetime
    kind: str
    says: str


def bar(parts: Sequence[tuple[str, float]], most: float) -> Markup:
    """A bar of parts (kind, value) beside each other; `most` fills the width. For a cell of a table that has the figures too."""
    rects, x = [], 0.0
    for kind, value in parts:
        width = 100 * value / most if most > 0 else 0.0
        if width:
            rects.append(Markup('<rect class="{}" x="{}" y="0" width="{}" height="10"/>').format(kind, _n(x), _n(width)))
        x += width
    return Markup('<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true" focusable="false">{}</svg>'
                  ).format(Markup("").join(rects))


def top_of(values: Iterable[float]) -> float:
    """A round number that is not below any of these; at least 1."""
    highest = max((1.0, *values))
    power = 1.0
    while power * 10 <= highest:
        power *= 10
    return next(step * power for step in STEPS if step * power >= highest)


def sums(series: Sequence[Series]) -> list[float]:
    """Of all of them, by place."""
    return [sum(values) for values in zip(*(each.values for each in series), strict=True)]


def stacked(times: Sequence[datetime], series: Sequence[Series], says: str) -> Markup:
    """Areas on top of each other, over time. Needs two points at least."""
    begin, end = times[0], times[-1]
    xs = [_x(at, begin, end) for at in times]
    top, below, areas = top_of(sums(series)), [0.0] * len(xs), []
    for each in series:
        above = [low + value for low, value in zip(below, each.values, strict=True)]
        there = zip(xs, above, strict=True)
        back = zip(reversed(xs), reversed(below), strict=True)
        points = " ".join(f"{_n(x)},{_n(HEIGHT - HEIGHT * y / top)}" for x, y in (*there, *back))
        areas.append(Markup('<polygon class="{}" points="{}"><title>{}</title></polygon>').format(each.kind, points, each.name))
        below = above
    return _plot(areas, says)


def columns(times: Sequence[datetime], width_s: float, series: Sequence[Series], begin: datetime, end: datetime,
            says: str) -> Markup:
    """Columns on top of each other; each begins at its time."""
    top, shapes = top_of(sums(series)), []
    width = WIDTH * width_s / max((end - begin).total_seconds(), width_s)
    for place, at in enumerate(times):
        y = float(HEIGHT)
        for each in series:
            height = HEIGHT * each.values[place] / top
            y -= height
            if height:
                shapes.append(Markup('<rect class="{}" x="{}" y="{}" width="{}" height="{}"/>').format(
                    each.kind, _n(_x(at, begin, end)), _n(y), _n(width * 0.85), _n(height)))
    return _plot(shapes, says)


def timeline(spans: Sequence[Span], says: str) -> Markup:
    """Parts beside each other, each as long as it lasted; what was too short to be seen is a hair's breadth."""
    begin, end = spans[0].begin, spans[-1].end
    shapes = []
    for span in spans:
        x = _x(span.begin, begin, end)
        width = max(_x(span.end, begin, end) - x, 2.0)
        shapes.append(Markup('<rect class="{}" x="{}" y="0" width="{}" height="40"><title>{}</title></rect>').format(
            span.kind, _n(min(x, WIDTH - 2.0)), _n(width), span.says))
    return _svg(shapes, says, 40, "timeline")


def ticks(begin: datetime, end: datetime) -> list[datetime]:
    """Times to be written below a drawing: at equal distances, the first and the last among them."""
    step = (end - begin) / (MOST_TICKS - 1)
    return [begin + step * number for number in range(MOST_TICKS)] if step > timedelta() else [begin]


def _plot(shapes: Sequence[Markup], says: str) -> Markup:
    lines = [Markup('<line class="grid" x1="0" x2="{}" y1="{}" y2="{}"/>').format(WIDTH, y, y) for y in (0, HEIGHT // 2, HEIGHT)]
    return _svg([*lines, *shapes], says, HEIGHT, "plot")


def _svg(shapes: Sequence[Markup], says: str, height: int, kind: str) -> Markup:
    return Markup('<svg class="{}" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>').format(
        kind, WIDTH, height, escape(says), Markup("").join(shapes))


def _x(at: datetime, begin: datetime, end: datetime) -> float:
    whole = (end - begin).total_seconds()
    return WIDTH * (at - begin).total_seconds() / whole if whole > 0 else 0.0


def _n(number: float) -> str:
    return f"{number:.2f}".rstrip("0").rstrip(".")
