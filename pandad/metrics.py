"""Counters and timings of this process: plain dicts, because a label object per call costs more than the call."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

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


def labelled(series: Mapping[str, Sequence[tuple[Mapping[str, str], float]]]) -> str:
    """Gauges with labels as the same kind of text: by name, the labels and the value of each sample."""
    lines = []
    for name, samples in series.items():
        lines.append(f"# TYPE {name} gauge")
        lines += [f"{name}{{{','.join(f'{key}={_quoted(value)}' for key, value in labels.items())}}} {number:g}"
                  for labels, number in samples]
    return "\n".join(lines) + "\n"


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
