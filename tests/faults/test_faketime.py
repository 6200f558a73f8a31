"""Clocks that jump in one process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from . import faketime

LIMIT_S = 60
ACCURACY_S = 30

STORY = """
import sys, time
for line in sys.stdin:
    print(time.time(), time.monotonic(), flush=True)
"""


def test_the_wall_clock_jumps_and_the_other_does_not(tmp_path: Path) -> None:
    """A running process sees each jump at once; its monotonic clock goes on."""
    if obstacle := faketime.obstacle():
        pytest.skip(obstacle)
    clock = tmp_path / "clock"
    faketime.set_clock(clock, 0)
    environment = {**os.environ, **faketime.environment(clock)}
    with subprocess.Popen([sys.executable, "-c", STORY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                          env=environment) as process:
        assert process.stdin and process.stdout
        seen = []
        for offset_s in (0, 86400, -86400):
            faketime.set_clock(clock, offset_s)
            process.stdin.write("now\n")
            process.stdin.flush()
            seen.append([float(word) for word in process.stdout.readline().split()])
        process.stdin.close()
    faketime.clear(process.pid)
    (wall, steady), *later = seen
    assert [round((w - wall) / ACCURACY_S) * ACCURACY_S for w, _ in later] == [86400, -86400]
    assert all(0 <= s - steady < ACCURACY_S for _, s in later)
