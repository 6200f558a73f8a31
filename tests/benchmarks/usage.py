"""What a process and its descendants use, from /proc."""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Usage:
    """``cpu_s``: since the start of each. ``pss_mb`` counts shared pages by share, ``rss_mb`` in every process anew."""

    cpu_s: float
    pss_mb: float
    rss_mb: float
    processes: int


def usage(root: int) -> Usage:
    """Of that process and all below it, with those of its children that have ended."""
    pids = _tree(root)
    rollups = [_rollup_kb(pid) for pid in pids]
    return Usage(
        cpu_s=sum(_cpu_s(pid) for pid in pids), pss_mb=round(sum(r["Pss"] for r in rollups) / 1024, 1),
        rss_mb=round(sum(r["Rss"] for r in rollups) / 1024, 1), processes=len(pids))


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the third on; none if it is gone (proc(5))."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _tree(root: int) -> list[int]:
    children: dict[int, list[int]] = defaultdict(list)
    for pid in (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()):
        stat = _stat(pid)
        if stat:
            children[int(stat[1])].append(pid)
    found = [root]
    for pid in found:  # grows on the way
        found += children[pid]
    return found


def _cpu_s(pid: int) -> float:
    stat = _stat(pid)
    return sum(int(ticks) for ticks in stat[11:15]) / TICKS_PER_S if stat else 0.0


def _rollup_kb(pid: int) -> dict[str, int]:
    figures = {"Pss": 0, "Rss": 0}
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    except (FileNotFoundError, ProcessLookupError):
        return figures
    for name, _, rest in (line.partition(":") for line in lines):
        if name in figures:
            figures[name] = int(rest.split()[0])
    return figures
