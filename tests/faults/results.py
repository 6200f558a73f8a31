"""Results: a line per sitting of a campaign, added up over sittings."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from .checker import Verdict

FILE = "results.jsonl"


@dataclass(frozen=True, slots=True)
class Result:
    """One sitting, or several added up.

    ``seeds``: first and last, each made a round. ``cycles``: faults, or cases. ``failures``: violations of every kind but
    doubled submits, findings of `pandad fsck`, incidents, and rounds that broke off. ``figures``: the largest of each is kept.
    """

    campaign: str
    commit: str
    seeds: tuple[int, int]
    cycles: int = 0
    jobs: int = 0
    calls: int = 0
    unanswered: int = 0
    lost: int = 0
    doubled: int = 0
    doubled_submits: int = 0
    illegal: int = 0
    missing: int = 0
    fsck: str = "not run"
    failures: int = 0
    seconds: float = 0.0
    figures: dict[str, float] = field(default_factory=dict)

    def __add__(self, other: Result) -> Result:
        sums = {name: getattr(self, name) + getattr(other, name) for name in SUMMED}
        names = self.figures.keys() | other.figures.keys()
        return replace(
            self, **sums, seeds=(min(self.seeds[0], other.seeds[0]), max(self.seeds[1], other.seeds[1])),
            commit=" ".join(dict.fromkeys([*self.commit.split(), *other.commit.split()])),
            fsck="; ".join(dict.fromkeys([*self.fsck.split("; "), *other.fsck.split("; ")])),
            figures={n: max(self.figures.get(n, 0), other.figures.get(n, 0)) for n in sorted(names)})

    def judged(self, verdict: Verdict) -> Result:
        """With the counts of a verdict."""
        return replace(self, **verdict.counts)  # type: ignore[arg-type]

    def line(self) -> str:
        """As JSON."""
        return json.dumps(asdict(replace(self, seconds=round(self.seconds, 1))))


SUMMED = ("cycles", "jobs", "calls", "unanswered", "lost", "doubled", "doubled_submits", "illegal", "missing", "failures",
          "seconds")


def read(directory: Path) -> list[Result]:
    """All sittings so far."""
    file = directory / FILE
    lines = file.read_text("utf-8").splitlines() if file.exists() else []
    return [_result(json.loads(line)) for line in lines]


def _result(values: dict[str, Any]) -> Result:
    return Result(**{**values, "seeds": tuple(values["seeds"])})


def append(directory: Path, result: Result) -> None:
    """Keep one."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / FILE).open("a", encoding="utf-8") as file:
        file.write(result.line() + "\n")


def added_up(results: Iterable[Result]) -> list[Result]:
    """One for each campaign, in the order of their first sittings."""
    sums: dict[str, Result] = {}
    for result in results:
        sums[result.campaign] = sums[result.campaign] + result if result.campaign in sums else result
    return list(sums.values())


HEADINGS = ("campaign", "seeds", "cycles", "jobs", "calls", "unanswered", "lost", "doubled", "doubled submits", "illegal moves",
            "acknowledged but missing", "fsck", "failures", "minutes", "commit", "figures")


def table(results: Sequence[Result]) -> str:
    """For the documentation."""
    rows = [HEADINGS, ("---",) * len(HEADINGS), *(_row(result) for result in results)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _row(r: Result) -> tuple[str, ...]:
    figures = ", ".join(f"{name} {value:g}" for name, value in r.figures.items())
    counts = (r.cycles, r.jobs, r.calls, r.unanswered, r.lost, r.doubled, r.doubled_submits, r.illegal, r.missing)
    return (r.campaign, f"{r.seeds[0]}-{r.seeds[1]}", *map(str, counts), r.fsck, str(r.failures), f"{r.seconds / 60:.1f}",
            r.commit, figures)


DOCUMENT = Path(__file__).parents[2] / "docs" / "explanation" / "faults.md"
KEPT = DOCUMENT.with_suffix("")
"""Where the results are that the documentation shows."""
_SHOWN = re.compile(r"(<!-- results: [^\n]*-->\n).*(<!-- end of results -->)", re.DOTALL)


def documented(page: str, sums: Sequence[Result]) -> str:
    """The page, with this table in it."""
    return _SHOWN.sub(lambda found: found[1] + table(sums) + found[2], page)


def commit() -> str:
    """What is tested; with a plus if the working tree differs."""
    where = Path(__file__).parent

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=where, capture_output=True, text=True, check=False).stdout.strip()

    return (git("rev-parse", "--short", "HEAD") or "unknown") + ("+" if git("status", "--porcelain", "-uno") else "")
