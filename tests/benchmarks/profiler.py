"""Where the daemon's time goes: py-spy looks at it from outside, so that the daemon under measurement is the ordinary one."""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

RATE_HZ = 200


class NoProfiler(Exception):
    """py-spy is not there."""


@dataclass(frozen=True, slots=True)
class Part:
    """Of all samples in which the process worked: those in the function itself, and those in what it called too."""

    function: str
    own_percent: float
    with_callees_percent: float


class Profiler:
    """Writes collapsed stacks to `file`, for speedscope and flame graphs; with None it does nothing."""

    def __init__(self, file: Path | None) -> None:
        self.file = file
        if file is not None and shutil.which("py-spy") is None:
            raise NoProfiler("--profile needs py-spy on the PATH: pip install py-spy")

    @contextmanager
    def of(self, pid: int, seconds: int) -> Iterator[None]:
        """Look at that process so long, while the body runs."""
        if self.file is None:
            yield
            return
        command = ["py-spy", "record", "--format", "raw", "--rate", str(RATE_HZ), "--pid", str(pid), "--duration", str(seconds),
                   "--output", str(self.file)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL):
            yield


def parts(stacks: Iterable[str]) -> list[Part]:
    """Of collapsed stacks ("outer;inner;innermost 7") the functions, the most expensive first."""
    own: Counter[str] = Counter()
    whole: Counter[str] = Counter()
    for line in stacks:
        stack, _, times = line.rpartition(" ")
        functions = [_without_line(frame) for frame in stack.split(";")]
        own[functions[-1]] += int(times)
        for function in set(functions):
            whole[function] += int(times)
    return _shares(own, whole)


def _shares(own: Mapping[str, int], whole: Mapping[str, int]) -> list[Part]:
    samples = sum(own.values()) or 1
    found = [Part(function, round(100 * own.get(function, 0) / samples, 1), round(100 * times / samples, 1))
             for function, times in whole.items()]
    return sorted(found, key=lambda part: (-part.own_percent, -part.with_callees_percent))


def _without_line(frame: str) -> str:
    """`name (path/file.py:17)` as `name (file.py)`."""
    name, _, place = frame.partition(" (")
    return f"{name} ({place.rpartition('/')[2].partition(':')[0].rstrip(')')})" if place else name
