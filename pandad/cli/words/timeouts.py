"""``pandad timeouts``: how long jobs may stay where they are."""

from __future__ import annotations

import argparse
from pathlib import Path

from pandad.cli.options import add_config, add_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options."""
    add_config(parser)
    add_json(parser)
    parser.add_argument("--renew", type=Path, metavar="FILE", help="write the defaults into that page of the documentation")


def run(args: argparse.Namespace) -> int:
    """Print the table."""
    from pandad.cli import timeouts

    return timeouts.run(args)
