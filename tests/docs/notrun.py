"""The blocks that are not run, by page and reason: nobody leaves one out by accident."""

from __future__ import annotations

from collections.abc import Mapping

NOT_RUN: Mapping[str, Mapping[str, int]] = {
    "README.md": {"make runs it": 1},
    "docs/explanation/faults.md": {"takes long": 2},
    "docs/explanation/simulation.md": {"takes long": 1},
    "docs/how-to/add-a-site.md": {"needs a grid": 1},
    "docs/how-to/move-from-panda-server.md": {"needs a grid": 1},
    "docs/how-to/pilot-factory.md": {"needs a real pilot": 1},
    "docs/how-to/prun.md": {"needs Rucio": 1},
    "docs/reference/preplacement.md": {"needs Rucio": 2},
    "docs/tutorial/sandbox.md": {"make runs it": 1},
}
