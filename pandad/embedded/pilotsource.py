"""The source of the PanDA pilot, as PyPI has it. It is run from its source tree; installed, it has no
command."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from pandad.spec.errors import PandadError

PILOT_VERSION = "3.7.0.36"
SDIST_SHA256 = "8b5b754fa9fbea835b14215c2957a59a393988113c5209f5c826e6c67b46f03e"
"""Checked by pip before it does anything with the file (it runs the setup.py of what it downloads)."""

TREE = f"panda-pilot-{PILOT_VERSION}"
DOWNLOAD_DEADLINE_S = 300


class PilotUnavailable(PandadError):
    """The pilot's source could not be had; `output` is what pip said."""

    def __init__(self, reason: str, output: str) -> None:
        super().__init__(f"{reason}\n{output}".rstrip())
        self.reason = reason
        self.output = output


def prepare_pilot(cache_dir: Path) -> Path:
    """The pilot's source tree below `cache_dir`, downloaded by the first call. Blocks: run it in a thread.

    Calls at the same time may each download; the first to finish wins. Raises PilotUnavailable."""
    tree = cache_dir / TREE
    if not tree.is_dir():
        cache_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="unfinished-", dir=cache_dir) as scratch:
            _unpack(_download(Path(scratch)), Path(scratch))
            _move_into_place(Path(scratch) / TREE, tree)
    return tree


def _download(directory: Path) -> Path:
    requirements = directory / "requirements.txt"
    requirements.write_text(f"panda-pilot=={PILOT_VERSION} --hash=sha256:{SDIST_SHA256}\n")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary", ":all:", "--no-input"]
    command += [
        "--disable-pip-version-check",
        "--require-hashes",
        "--dest",
        str(directory),
        "-r",
        str(requirements),
    ]
    try:
        outcome = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=DOWNLOAD_DEADLINE_S,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired as error:
        raise PilotUnavailable(f"downloading the pilot took more than {DOWNLOAD_DEADLINE_S} s", "") from error
    if outcome.returncode != 0:
        raise PilotUnavailable("the pilot could not be downloaded", outcome.stdout + outcome.stderr)
    return directory / f"{TREE}.tar.gz"


def _unpack(archive: Path, directory: Path) -> None:
    """The filter came with bug fix releases (3.11.4); without it the checksum is what makes unpacking
    safe."""
    options: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
    with tarfile.open(archive) as tar:
        tar.extractall(directory, **options)


def _move_into_place(source: Path, target: Path) -> None:
    """A rename, so that a tree that exists is complete."""
    try:
        source.rename(target)
    except OSError:
        if not target.is_dir():
            raise
        shutil.rmtree(source)
