"""Somebody at a shell who has read a file of the sandbox: prun and pbook themselves, as he types them."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from clients.user import LIMIT_S
from pandad.embedded.sandbox import Sandbox

TYPED = 'file=$1; shift; . "$file"; "$@"'
TASK = re.compile(r"jediTaskID=(\d+)")


@dataclass(frozen=True)
class Typed:
    """What a command printed, and how it ended."""

    exit_code: int
    said: str

    @property
    def task(self) -> int:
        """The task that it is about."""
        found = TASK.search(self.said)
        assert found is not None, self.said
        return int(found[1])


@dataclass(frozen=True)
class Shell:
    """``way``: how he says who he is: oidc or voms. ``folder``: where he stands; all that is in it is his sandbox."""

    sandbox: Sandbox
    way: str
    folder: Path
    user: str = "alice"

    def type(self, *command: str) -> Typed:
        """One command, behind the file. Blocks."""
        return self._bash(TYPED, str(self.sandbox.directory / f"env-{self.way}.sh"), *command)

    def lines(self, text: str) -> Typed:
        """Some lines; the first that fails is the last. Blocks."""
        return self._bash(f"set -e\n{text}")

    def _bash(self, text: str, *arguments: str) -> Typed:
        own = {"PATH": f"{Path(sys.prefix) / 'bin'}:/usr/bin:/bin", "HOME": str(self.folder.parent), "PANDAD_USER": self.user}
        done = subprocess.run(["/bin/bash", "-c", text, "bash", *arguments], cwd=self.folder, env=own, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=LIMIT_S, check=False)
        return Typed(done.returncode, done.stdout)
