"""A wall clock of one's own for a process, which may jump: libfaketime, preloaded. Linux, and the package libfaketime."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

LIBRARY = "vendor/libfaketime/src/libfaketime.so.1"
TRY_LIMIT_S = 30
SHIFTED_S = 86400
SHARED = Path("/dev/shm")
PROBE = "import time; print(time.time())"


def obstacle() -> str | None:
    """Why clocks cannot be moved here; None if they can."""
    library = _library()
    if library is None:
        return "the package libfaketime is not installed"
    moved = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, timeout=TRY_LIMIT_S, check=False,
                           env={**os.environ, "LD_PRELOAD": str(library), "FAKETIME": f"+{SHIFTED_S}"})
    plain = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, timeout=TRY_LIMIT_S, check=True)
    if moved.returncode != 0 or float(moved.stdout) - float(plain.stdout) < SHIFTED_S - TRY_LIMIT_S:
        return f"{library.name} moves no clock on this machine: {moved.stderr.strip()}"
    return None


def environment(clock: Path) -> Mapping[str, str]:
    """For a process whose wall clock is off by what the file says (see `set_clock`). Its monotonic clock is the machine's."""
    return {"LD_PRELOAD": str(_library()), "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1"}


def set_clock(clock: Path, offset_s: int) -> None:
    """Let it jump, at once."""
    draft = clock.with_suffix(".new")
    draft.write_text(f"{offset_s:+d}\n", "ascii")
    draft.replace(clock)


def clear(pid: int) -> None:
    """Remove what the library left behind of a process that has ended."""
    for name in (f"faketime_shm_{pid}", f"sem.faketime_sem_{pid}"):
        (SHARED / name).unlink(missing_ok=True)


def _library() -> Path | None:
    found = find_spec("libfaketime")
    if found is None or found.origin is None:
        return None
    library = Path(found.origin).parent / LIBRARY
    return library if library.exists() else None
