"""``pandad metrics``: what /metrics tells, and what it means."""

from __future__ import annotations

import argparse
from pathlib import Path

from pandad.cli.options import add_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options."""
    add_json(parser)
    parser.add_argument("--renew", type=Path, metavar="FILE", help="write the table into that page of the documentation")


def run(args: argparse.Namespace) -> int:
    """Print the table."""
    from pandad.cli import metrics

    return metrics.run(args)
