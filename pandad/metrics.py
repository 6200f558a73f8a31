"""Counters and timings of this process: plain dicts, because a label object per call costs more than the call."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

COUNTS: dict[str, int] = defaultdict(int)
SECONDS: dict[str, float] = defaultdict(float)
GAUGES: dict[str, Callable[[], float]] = {}


def count(name: str, n: int = 1) -> None:
    """Add to a counter."""
    COUNTS[name] += n


def timing(name: str, seconds: float) -> None:
    """One more event of that name took so long."""
    COUNTS[name] += 1
    SECONDS[name] += seconds


def gauge(name: str, read: Callable[[], float]) -> None:
    """What is asked for whenever somebody looks; the last one of a name counts."""
    GAUGES[name] = read


def text() -> str:
    """All of it as Prometheus exposition text, one series per name."""
    lines = ["# TYPE pandad_events_total counter"]
    lines += [f'pandad_events_total{{name="{name}"}} {n}' for name, n in sorted(COUNTS.items())]
    lines += ["# TYPE pandad_seconds_total counter"]
    lines += [f'pandad_seconds_total{{name="{name}"}} {s:.6f}' for name, s in sorted(SECONDS.items())]
    lines += ["# TYPE pandad_now gauge"]
    lines += [f'pandad_now{{name="{name}"}} {read():g}' for name, read in sorted(GAUGES.items())]
    return "\n".join(lines) + "\n"
