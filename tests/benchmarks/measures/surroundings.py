"""The machine, and what the processes hold of its memory."""

from __future__ import annotations

import os
import platform
import tempfile
import time
from pathlib import Path

from tests.benchmarks import usage
from tests.benchmarks.stand import Stand

SETTINGS = ("server_version", "fsync", "synchronous_commit", "full_page_writes", "shared_buffers", "max_wal_size")
SYNCS = 200


def host(stand: Stand) -> None:
    """What the figures depend on."""
    settings = stand.database.settings(*SETTINGS)
    stand.report.emit(
        "host", cpus=os.cpu_count(), load_average=round(os.getloadavg()[0], 2), python=platform.python_version(),
        fdatasync_mean_ms=_fdatasync_mean_ms(stand.sandbox.directory), seconds_per_measurement=stand.seconds,
        **{f"postgres_{name}": value for name, value in settings.items()})


def memory(stand: Stand, when: str) -> None:
    """Of each process tree."""
    for name, root in stand.processes():
        used = usage.memory(root)
        stand.report.emit("memory", of=name, when=when, pss_mb=used.pss_mb, rss_mb=used.rss_mb, processes=used.processes)


def _fdatasync_mean_ms(directory: Path) -> float:
    """What a commit waits for, at the least: a page written and synchronised."""
    with tempfile.TemporaryFile(dir=directory) as file:
        began = time.perf_counter()
        for _ in range(SYNCS):
            os.pwrite(file.fileno(), bytes(8192), 0)
            os.fdatasync(file.fileno())
        return round((time.perf_counter() - began) * 1000 / SYNCS, 3)
