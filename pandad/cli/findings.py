"""Findings of `pandad check` and `pandad doctor`, for a person or a script."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict

from pandad.cli.output import show
from pandad.doctor.finding import Finding, Level

CLEAN, FOUND = 0, 1
DOCS = "docs/"


def exit_code(args: argparse.Namespace, findings: Sequence[Finding]) -> int:
    """1 if there is an error; with --strict, if there is anything."""
    return FOUND if any(args.strict or finding.level is Level.ERROR for finding in findings) else CLEAN


def tell(args: argparse.Namespace, findings: Sequence[Finding], summary: str) -> None:
    """Print them, the worst first, as compilers do: tools that jump to ``file:line`` understand it."""
    errors = sum(finding.level is Level.ERROR for finding in findings)
    counted = f"{summary}: {errors} errors, {len(findings) - errors} warnings"
    data = {"clean": not findings, "errors": errors, "warnings": len(findings) - errors,
            "findings": [{**asdict(finding), "page": DOCS + finding.page} for finding in findings]}
    show(args, data, "\n".join([*map(_shown, findings), counted]))


def _shown(finding: Finding) -> str:
    place = ": ".join(part for part in (finding.place, finding.level, finding.key, finding.text) if part)
    return f"{place}\n    {finding.remedy}\n    [{finding.fault}] {DOCS}{finding.page}"
