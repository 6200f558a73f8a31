"""The blocks that are not run, by page and reason: nobody leaves one out by accident."""

from __future__ import annotations

from collections.abc import Mapping

NOT_RUN: Mapping[str, Mapping[str, int]] = {
    "docs/explanation/faults.md": {"takes long": 2},
    "docs/explanation/simulation.md": {"takes long": 1},
    "docs/reference/preplacement.md": {"needs Rucio": 2},
}
