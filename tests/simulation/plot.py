"""The plot of the documentation: how much of the grid works, over time, under each policy. Plain SVG, of lines and words only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from math import ceil

from .results import Result

WIDTH, HEIGHT = 860, 420
LEFT, RIGHT, TOP, BOTTOM = 60, 170, 40, 50
COLOURS = ("#0b6e4f", "#c1440e", "#7a5195", "#d99e0b", "#33658a", "#555555")
STEPS_H = (1, 2, 5, 10, 20, 50, 100, 200, 500)
TICKS = 10


def plot(results: Sequence[Result]) -> str:
    """One curve for each result; runs of one size of grid and one seed."""
    longest_h = max(len(r.figures["curve"]) * r.figures["curve_step_h"] for r in results)
    lines = [*_axes(longest_h), *(part for number, r in enumerate(results) for part in _curve(r, number, longest_h))]
    setup = results[0].setup
    title = f"Cores in use: {setup.jobs:,} jobs, {setup.queues} queues, seed {setup.seed}".replace(",", " ")
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>', _text(LEFT, TOP - 16, title), *lines, "</svg>", ""])


def _axes(longest_h: float) -> Iterator[str]:
    for percent in range(0, 101, 20):
        y = _y(percent / 100)
        yield _line(LEFT, y, WIDTH - RIGHT, y)
        yield _text(LEFT - 8, y + 4, f"{percent} %", "end")
    step = next((step for step in STEPS_H if longest_h / step <= TICKS), ceil(longest_h / TICKS))
    for hour in range(0, int(longest_h) + 1, step):
        x = _x(hour, longest_h)
        yield _line(x, TOP, x, HEIGHT - BOTTOM)
        yield _text(x, HEIGHT - BOTTOM + 18, str(hour), "middle")
    yield _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, "hours", "middle")


def _curve(result: Result, number: int, longest_h: float) -> Iterator[str]:
    colour = COLOURS[number % len(COLOURS)]
    step_h = result.figures["curve_step_h"]
    points = " ".join(f"{_x((at + 0.5) * step_h, longest_h):.1f},{_y(part):.1f}"
                      for at, part in enumerate(result.figures["curve"]))
    y = TOP + 10 + 22 * number
    yield f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="{2.5 if number == 0 else 1.5}"/>'
    yield f'<line x1="{WIDTH - RIGHT + 14}" y1="{y}" x2="{WIDTH - RIGHT + 38}" y2="{y}" stroke="{colour}" stroke-width="3"/>'
    yield _text(WIDTH - RIGHT + 44, y + 4, result.setup.policy.replace("_", " "))


def _x(hours: float, longest_h: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * hours / longest_h


def _y(part: float) -> float:
    return TOP + (HEIGHT - TOP - BOTTOM) * (1 - part)


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="#dddddd"/>'


def _text(x: float, y: float, words: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'
