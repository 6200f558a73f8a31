"""The real prun's answer to many lists of options, in one process: nothing is packed, and nobody is asked.

usage: manyprun.py < JSON list of lists of options
Prints one line of JSON: for each list task_parameters, or what prun said when it made none.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from typing import Any

from pandaclient import PrunScript

ARCHIVE = "sources.01234567-89ab-4def-8123-456789abcdef.tar.gz"  # as it would be called


def answered(options: list[str]) -> dict[str, Any] | str:
    """Of one."""
    said = io.StringIO()
    sys.argv = ["prun", *options]
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            parameters: dict[str, Any] = PrunScript.main(get_taskparams=True, ext_args=options, dry_mode=True)
    except SystemExit:
        return said.getvalue() or "prun ended"
    if "buildSpec" in parameters:
        parameters["buildSpec"]["archiveName"] = ARCHIVE
    return parameters


if __name__ == "__main__":
    out = os.dup(1)
    os.dup2(2, 1)
    os.write(out, json.dumps([answered(options) for options in json.load(sys.stdin)]).encode())
