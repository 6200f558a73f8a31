"""Counters and timings of this process: plain dicts, because a label object per call costs more than the call."""

from __future__ import annotations

from collections import defaultdict

COUNTS: dict[str, int] = defaultdict(int)
SECONDS: dict[str, float] = defaultdict(float)
GAUGES: dict[str, float] = {}


def count(name: str, n: int = 1) -> None:
    """Add to a counter."""
    COUNTS[name] += n


def timing(name: str, seconds: float) -> None:
    """One more event of that name took so long."""
    COUNTS[name] += 1
    SECONDS[name] += seconds


def gauge(name: str, value: float) -> None:
    """How much of it there is now."""
    GAUGES[name] = value


def text() -> str:
    """All of it as Prometheus exposition text, one series per name."""
    lines = ["# TYPE pandad_events_total counter"]
    lines += [f'pandad_events_total{{name="{name}"}} {n}' for name, n in sorted(COUNTS.items())]
    lines += ["# TYPE pandad_seconds_total counter"]
    lines += [f'pandad_seconds_total{{name="{name}"}} {s:.6f}' for name, s in sorted(SECONDS.items())]
    lines += ["# TYPE pandad_gauge gauge"]
    lines += [f'pandad_gauge{{name="{name}"}} {value:.6g}' for name, value in sorted(GAUGES.items())]
    return "\n".join(lines) + "\n"
