"""The page on the simulation, brought up to date with the results that are kept beside it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from .plot import plot
from .policies import POLICIES
from .results import DOCUMENT, KEPT, Result, read, sizes, table

PLOT = KEPT.with_name("cores.svg")
_SHOWN = re.compile(r"(<!-- results: [^\n]*-->\n).*(<!-- end of results -->)", re.DOTALL)


def documented(page: str, results: Sequence[Result]) -> str:
    """The page, with these results in it."""
    return _SHOWN.sub(lambda found: found[1] + shown(results) + found[2], page)


def shown(results: Sequence[Result]) -> str:
    """A table for each size of grid, the largest first."""
    parts = []
    for jobs, queues in sizes(results):
        those = of_size(results, jobs, queues)
        commits = " ".join(dict.fromkeys(result.commit for result in those))
        parts.append(f"{jobs:,} jobs on {queues} queues (commit {commits}):\n\n".replace(",", " ") + table(those) + "\n")
    return "\n" + "".join(parts)


def of_size(results: Sequence[Result], jobs: int, queues: int) -> list[Result]:
    """In the order of the policies, then of the seeds."""
    order = list(POLICIES)
    those = [result for result in results if (result.setup.jobs, result.setup.queues) == (jobs, queues)]
    return sorted(those, key=lambda result: (order.index(result.setup.policy), result.setup.seed))


def drawn(results: Sequence[Result]) -> str:
    """The plot: of the grid on which most policies were tried, the largest such one, and its first seed."""
    jobs, queues = max(sizes(results), key=lambda size: len({result.setup.policy for result in of_size(results, *size)}))
    those = of_size(results, jobs, queues)
    first = min(result.setup.seed for result in those)
    return plot([result for result in those if result.setup.seed == first])


def renew(kept: Path = KEPT, document: Path = DOCUMENT, picture: Path = PLOT) -> None:
    """Write page and plot anew."""
    results = read(kept)
    document.write_text(documented(document.read_text("utf-8"), results), "utf-8")
    picture.write_text(drawn(results), "utf-8")
