"""`pandad demo` as a user starts it: a process of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from pandad.embedded.daemon import environment_of_pandad

IN_VENV = sys.prefix != sys.base_prefix
PILOTS = Path(sys.prefix) / "pilot" if IN_VENV else Path.home() / ".cache" / "pandad"
"""Where the pilot's source is kept from run to run; `make demo` keeps it there too."""

ROOT = Path(__file__).parents[2]
END_LIMIT_S = 90.0


class Demo:
    """One run of the demo, its report as JSON."""

    def __init__(self, directory: Path, *arguments: str) -> None:
        self.directory = directory
        self._out, self._err = directory.with_suffix(".out"), directory.with_suffix(".err")
        command = [sys.executable, "-m", "pandad.cli", "demo", "--json", "--directory", str(directory), "--cache", str(PILOTS)]
        with open(self._out, "wb") as out, open(self._err, "wb") as err:
            self._process = subprocess.Popen([*command, *arguments], stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                             env=environment_of_pandad(), start_new_session=True)

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    @property
    def report(self) -> str:
        """What it printed to standard output."""
        return self._out.read_text("utf-8")

    @property
    def progress(self) -> str:
        """What it printed to standard error."""
        return self._err.read_text("utf-8")

    def end(self) -> None:
        """As Ctrl-C would, if it still runs; by force if it does not obey."""
        if self.exit_code is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(END_LIMIT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


def commands_of(directory: Path) -> list[str]:
    """The command lines of the processes that work in a directory: they name something of it, or stand in it."""
    found = [_command_of(process, directory) for process in Path("/proc").glob("[0-9]*")]
    return [command for command in found if command]


def _command_of(process: Path, directory: Path) -> str | None:
    try:
        command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        return command if f"{directory}/" in command or (process / "cwd").readlink().is_relative_to(directory) else None
    except OSError:
        return None  # gone meanwhile
