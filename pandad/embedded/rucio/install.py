"""The Rucio server, as PyPI has it, in a virtual environment of its own: what it needs does not go with what pandad needs."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from pandad.spec.errors import PandadError

RUCIO_VERSION = "41.5.1"
REQUIREMENTS = (f"rucio[postgresql]=={RUCIO_VERSION}", "gunicorn>=25,<28")
INSTALL_LIMIT_S = 600


class RucioUnavailable(PandadError):
    """Rucio could not be installed; `output` is what the installer said."""

    def __init__(self, reason: str, output: str) -> None:
        super().__init__(f"{reason}\n{output}".rstrip())
        self.reason, self.output = reason, output


def prepare_rucio(cache_dir: Path) -> Path:
    """The Python that has Rucio, below `cache_dir`; the first call installs it, which takes minutes. Blocks.

    :raise RucioUnavailable: it is not to be had.
    """
    environment = cache_dir.absolute() / f"rucio-{RUCIO_VERSION}"
    complete = environment / "complete"
    python = environment / "bin" / "python"
    if not complete.exists():
        shutil.rmtree(environment, ignore_errors=True)  # the rest of an attempt that was cut short
        _run("the virtual environment for Rucio could not be made", sys.executable, "-m", "venv", str(environment))
        _run(f"Rucio {RUCIO_VERSION} could not be installed", str(python), "-m", "pip", "install", "--quiet", "--no-input",
             "--disable-pip-version-check", *REQUIREMENTS)
        complete.touch()
    return python


def _run(failure: str, *command: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=INSTALL_LIMIT_S, check=False,
                              stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        raise RucioUnavailable(f"{failure} within {INSTALL_LIMIT_S} s", "") from None
    if done.returncode != 0:
        raise RucioUnavailable(failure, done.stdout + done.stderr)
