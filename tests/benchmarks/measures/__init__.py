"""The measurements: functions that take a Stand and emit lines of result. Units stand in the names of the figures."""

from __future__ import annotations

from collections.abc import Mapping

from tests.benchmarks.load import Found
from tests.benchmarks.stand import Stand

PERCENTS = (50, 95, 99)
READ_IDS = 1000


def waiting_ids(stand: Stand) -> list[int]:
    """Some jobs that wait, from all over the queue."""
    text = "SELECT pandaid FROM job WHERE jobstatus = 'activated' AND pandaid %% 997 = 0 LIMIT %(n)s"
    return [row[0] for row in stand.database.rows(text, {"n": READ_IDS})]


def percentiles(found: Found, *calls: str) -> dict[str, float | None]:
    """Of the latency of these calls."""
    return {f"{call}_p{percent}_ms": found.percentile_ms(call, percent) for call in calls for percent in PERCENTS}


def cpu_ms(cpu_s: Mapping[str, float], units: int, unit: str) -> dict[str, float | None]:
    """CPU milliseconds per unit, by process."""
    return {f"{name}_cpu_ms_per_{unit}": round(s * 1000 / units, 3) if units else None for name, s in cpu_s.items()}
