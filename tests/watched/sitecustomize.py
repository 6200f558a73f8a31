"""Python runs this at the start of every program that has this folder on its path: has those that are pandad watched."""

from __future__ import annotations

import os
import sys
from pathlib import Path

PANDAD = {"pandad", "pandad.cli"}  # words of the command lines of the daemon and the command

if "PANDAD_CODEWATCH" in os.environ and not PANDAD.isdisjoint(sys.orig_argv):
    sys.path.insert(0, str(Path(__file__).parents[1]))
    import codewatch

    del sys.path[0]
    codewatch.watch_this_process(Path(os.environ["PANDAD_CODEWATCH"]))
