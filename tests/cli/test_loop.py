"""The table of loops. (The command on a real store is tested with the queues'.)"""

from __future__ import annotations

from datetime import UTC, datetime

from pandad.cli.loop import overview
from pandad.taskbuffer.loops import LoopState


def test_each_loop_is_a_line() -> None:
    """The last error and the failures since the last good run are in sight."""
    at = datetime(2025, 1, 2, tzinfo=UTC)
    loop = LoopState("watcher", "host:7", 1, at, at, None, runs=5, failures=2, error="no\nroute")
    [_, line] = overview([loop]).split("\n")
    assert line.split()[0] == "watcher" and line.endswith("5         2  no route")
