"""Small disks: as large as they are said to be, seen by nobody else, and what was on them stays."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIMIT_S = 60

# A process of its own: who is set apart stays so.
STORY = """
import errno, sys
from pathlib import Path
from tests.faults.disks import PAGE_BYTES, Disk, set_apart

if obstacle := set_apart():
    sys.exit(f"cannot be run here: {obstacle}")
disk = Disk(Path(sys.argv[1]), 1 << 20)
disk.mount()
(disk.path / "kept").write_bytes(b"x" * 1000)
for _ in range(2):
    disk.fill()
    assert disk.free_bytes < PAGE_BYTES, disk.free_bytes
    try:
        (disk.path / "refused").write_bytes(b"x" * PAGE_BYTES)
    except OSError as error:
        assert error.errno == errno.ENOSPC
    else:
        raise AssertionError("there was room")
    disk.free()
    assert disk.free_bytes > 900_000, disk.free_bytes
assert not any(str(disk.path) in line for line in Path("/proc/1/mounts").read_text().splitlines())
disk.unmount()
"""


def test_a_disk_fills_and_is_freed(tmp_path: Path) -> None:
    """When it is full nothing can be written, when it was freed again everything, and in the end its files lie where it was."""
    disk = tmp_path / "disk"
    done = subprocess.run([sys.executable, "-c", STORY, str(disk)], cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S,
                          check=False)
    if "cannot be run here" in done.stderr:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    assert (disk / "kept").read_bytes() == b"x" * 1000
    assert sorted(path.name for path in disk.iterdir()) == ["kept", "refused"]
