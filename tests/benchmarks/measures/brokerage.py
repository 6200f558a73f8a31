"""A round of brokerage: ten thousand waiting jobs over two hundred queues."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.benchmarks.daemons import ROOT
from tests.benchmarks.stand import Stand


def brokerage_round(stand: Stand) -> None:
    """How long it takes, and how long it keeps calls waiting at most. No daemon may be running."""
    with stand.database.another("brokerage") as database:
        command = [sys.executable, "-m", "tests.benchmarks.brokerround", database.dsn]
        said = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    stand.report.emit("brokerage_round", **json.loads(said.splitlines()[-1]))
