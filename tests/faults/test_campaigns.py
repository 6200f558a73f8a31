"""A share of the campaigns, as `make faults` runs them: real daemons, real PostgreSQL, processes of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pandad.embedded.daemon import environment_of_pandad

ROOT = Path(__file__).parents[2]
LIMIT_S = 300
BOUNDS = {"kill9": 2, "dbstop": 3, "cutreply": 150, "handover": 2, "diskfull": 2, "failover": 2, "clock": 1, "restarts": 4}


@pytest.mark.parametrize("campaign", sorted(BOUNDS))
def test_nothing_is_lost_and_nothing_doubled(campaign: str, tmp_path: Path, open_directory: Path) -> None:
    """A few cycles of the campaign find nothing."""
    words = [sys.executable, "-m", "tests.faults", campaign, "--cycles", str(BOUNDS[campaign]), "--seed", "1",
             "--resume", str(tmp_path), "--scratch", str(open_directory)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S, check=False,
                          env=environment_of_pandad())
    if "cannot be run here" in done.stderr:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr[-5000:]
    (line,) = done.stdout.splitlines()
    result = json.loads(line)
    assert result["cycles"] >= BOUNDS[campaign] and result["jobs"] > 0
    assert (result["lost"], result["doubled"], result["illegal"], result["missing"], result["failures"]) == (0, 0, 0, 0, 0)
