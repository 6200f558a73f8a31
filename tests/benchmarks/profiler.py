"""Where the daemon's time goes: py-spy looks at it from outside, so that the daemon under measurement is the ordinary one."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class NoProfiler(Exception):
    """py-spy is not there."""


class Profiler:
    """Writes a flame graph to `file`; with None it does nothing."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        if file is not None and shutil.which("py-spy") is None:
            raise NoProfiler("--profile needs py-spy on the PATH: pip install py-spy")

    @contextmanager
    def of(self, pid: int | None, seconds: int) -> Iterator[None]:
        """Look at that process so long, while the body runs."""
        if self._file is None or pid is None:
            yield
            return
        command = ["py-spy", "record", "--pid", str(pid), "--duration", str(seconds), "--output", str(self._file)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL):
            yield
