"""Results of runs: a line of JSON each, added up over seeds for the table of the documentation."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from .run import Setup

DOCUMENT = Path(__file__).parents[2] / "docs" / "explanation" / "simulation.md"
KEPT = DOCUMENT.with_suffix("") / "results.jsonl"
"""The runs that the documentation shows."""


@dataclass(frozen=True, slots=True)
class Result:
    """One run. ``figures``: see Measures. ``cpu_s``: what it took to simulate."""

    setup: Setup
    commit: str
    cpu_s: float
    figures: dict[str, Any]

    def line(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self) | {"cpu_s": round(self.cpu_s, 1), "figures": _rounded(self.figures)})


def _rounded(figures: dict[str, Any]) -> dict[str, Any]:
    return {name: round(value, 5) if isinstance(value, float) else value for name, value in figures.items()}


def read(file: Path) -> list[Result]:
    """All that are kept; of a run that was repeated the last."""
    lines = file.read_text("utf-8").splitlines() if file.exists() else []
    found = [Result(**{**values, "setup": Setup(**values["setup"])}) for values in map(json.loads, lines)]
    return list({result.setup: result for result in found}.values())


def append(file: Path, result: Result) -> None:
    """Keep one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a", encoding="utf-8") as out:
        out.write(result.line() + "\n")


def sizes(results: Iterable[Result]) -> list[tuple[int, int]]:
    """(jobs, queues) of the grids that were simulated, the largest first."""
    return sorted({(result.setup.jobs, result.setup.queues) for result in results}, reverse=True)


Column = tuple[str, Callable[[dict[str, Any]], float], str]  # heading, value, format
COLUMNS: Sequence[Column] = (
    ("makespan, h", lambda f: f["makespan_h"], ".1f"),
    ("99 % done, h", lambda f: f["most_done_h"], ".1f"),
    ("mean wait, h", lambda f: f["wait_mean_h"], ".2f"),
    ("95 % wait, h", lambda f: f["wait_95_h"], ".1f"),
    ("idle while work waits", lambda f: 100 * f["idle_with_work"], ".1f %"),
    ("moved, TB", lambda f: f["moved_tb"], ".0f"),
    ("failed attempts", lambda f: 100 * sum(f["attempts_failed"].values()) / f["attempts"], ".2f %"),
    ("core time lost", lambda f: 100 * f["core_time_lost"], ".2f %"),
    ("jobs eaten by a hole", lambda f: 100 * f["eaten"] / (f["finished"] + f["failed"]), ".3f %"),
    ("failed because of it", lambda f: 100 * f["failed_by_hole"] / (f["finished"] + f["failed"]), ".4f %"),
    ("fairness, users", lambda f: f["fairness_users"], ".3f"),
    ("fairness, shares", lambda f: f["fairness_shares"], ".3f"),
    ("imbalance", lambda f: f["imbalance"], ".2f"),
)


def table(results: Sequence[Result]) -> str:
    """Of one size of grid: a row for each policy, the mean over its seeds."""
    rows = [("policy", "seeds", *(heading for heading, _, _ in COLUMNS)), ("---",) * (len(COLUMNS) + 2)]
    for policy in dict.fromkeys(result.setup.policy for result in results):
        runs = [result for result in results if result.setup.policy == policy]
        rows.append((policy, ", ".join(str(seed) for seed in sorted(result.setup.seed for result in runs)), *_cells(runs)))
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _cells(runs: Sequence[Result]) -> Iterable[str]:
    for _, value, shape in COLUMNS:
        number, _, unit = shape.partition(" ")
        yield f"{fmean(value(run.figures) for run in runs):{number}}" + (f" {unit}" if unit else "")


def commit() -> str:
    """What is tried; with a plus if the working tree differs."""
    where = Path(__file__).parent

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=where, capture_output=True, text=True, check=False).stdout.strip()

    return (git("rev-parse", "--short", "HEAD") or "unknown") + ("+" if git("status", "--porcelain", "-uno") else "")
