"""The table of criteria, as docs/explanation/brokerage.md shows it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pandad.brokerage.criterion import Rule
from pandad.brokerage.datarules import DATA_RULES
from pandad.brokerage.loads import LOAD_RULES
from pandad.brokerage.rules import RULES
from pandad.brokerage.usagerules import USAGE_RULES

TABLES: Sequence[tuple[str, Sequence[Rule[Any]]]] = (
    ("The descriptions of the job and the queue", RULES),
    ("What the task's finished jobs used", USAGE_RULES),
    ("Where the job's input is", DATA_RULES),
    ("How the queue does", LOAD_RULES),
)


def table() -> str:
    """All criteria in the order in which they are asked; the first that a queue fails is its answer."""
    return "\n\n".join(f"**{title}**\n\n" + "\n".join(_rows(rules)) for title, rules in TABLES)


def _rows(rules: Sequence[Rule[Any]]) -> Iterator[str]:
    yield "| criterion | refused is | have | need |"
    yield "|---|---|---|---|"
    for rule in rules:
        yield f"| `{rule.criterion}` | {rule.what} | {rule.have} | {rule.need} |"
