"""What the real prun makes of its options: task_parameters, which it writes down instead of submitting."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

NOWHERE = "http://127.0.0.1:1/server/panda"  # nothing listens there, and nothing is asked
PRUN = "from pandaclient.PrunScript import main; main()"
LIMIT_S = 120


class PrunRefused(Exception):
    """prun itself did not take these options; the message is what it said."""


def task_parameters(*options: str) -> dict[str, Any]:
    """Of a prun with these options beside --exec, --outDS and --vo, unless they are among them.

    :raise PrunRefused: there is no such task.
    """
    given: dict[str, Any] = json.loads(_dumped(options))
    return given


@cache
def _dumped(options: tuple[str, ...]) -> str:
    usual = {"--exec": "./run.sh %IN", "--outDS": "user.ann.real", "--vo": "wlcg"}
    more = [part for option, value in usual.items() if option not in options for part in (option, value)]
    with TemporaryDirectory() as place:
        dumped = Path(place) / "task.json"
        (Path(place) / "run.sh").write_text("#!/bin/sh\n")
        (Path(place) / "names.txt").write_text("a.root\n")
        own = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "PANDA_CONFIG_ROOT": place, "PANDA_SYS": sys.prefix,
               "PANDA_AUTH": "x509_no_grid", "PANDA_NICKNAME": "ann", "PANDA_BEHIND_REAL_LB": "1", "PANDA_URL": NOWHERE,
               "PANDA_URL_SSL": NOWHERE, "PANDACACHE_URL": NOWHERE}
        done = subprocess.run([sys.executable, "-c", PRUN, *more, *options, "--noSubmit", "--dumpTaskParams", str(dumped)],
                              cwd=place, env=own, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, timeout=LIMIT_S, check=False)
        if done.returncode != 0 or not dumped.exists():
            raise PrunRefused(done.stdout)
        return dumped.read_text()
