"""What a process and its descendants use, from /proc."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Memory:
    """``pss_mb`` counts shared pages by share, ``rss_mb`` in every process anew."""

    pss_mb: float
    rss_mb: float
    processes: int


def memory(root: int) -> Memory:
    """Of that process and all below it, now."""
    rollups = [_rollup_kb(pid) for pid in _tree(root)]
    return Memory(round(sum(r["Pss"] for r in rollups) / 1024, 1), round(sum(r["Rss"] for r in rollups) / 1024, 1), len(rollups))


def cpu_s(root: int) -> float:
    """Of that process and all below it since the start of each, with those of its children that have ended."""
    return sum(_cpu_s(pid) for pid in _tree(root))


def cpu_of(pids: Iterable[int]) -> float:
    """Of these processes alone, since the start of each."""
    return sum(_cpu_s(pid) for pid in pids)


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


@dataclass(frozen=True, slots=True)
class Machine:
    """Processor time of the whole machine since it was switched on, s."""

    all_s: float
    busy_s: float

    @classmethod
    def now(cls) -> Machine:
        """From /proc/stat: user, nice, system, idle, iowait, irq, softirq, steal; guests stand in user already."""
        ticks = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
        return cls(sum(ticks) / TICKS_PER_S, (sum(ticks) - ticks[3] - ticks[4]) / TICKS_PER_S)

    def others_share(self, since: Machine, ours_s: float) -> float:
        """Which part of the machine somebody else had. Where that is much, rates are lower than they could be."""
        all_s = self.all_s - since.all_s
        return round(max(self.busy_s - since.busy_s - ours_s, 0.0) / all_s, 2) if all_s else 0.0
