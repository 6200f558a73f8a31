"""``pandad check``: every mistake in a configuration and in the files it names."""

from __future__ import annotations

import argparse

from pandad.cli.options import add_config, add_json, add_strict


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options."""
    add_config(parser)
    add_json(parser)
    add_strict(parser)
    parser.add_argument("--sample", action="store_true", help="print a commented configuration and do nothing else")


def run(args: argparse.Namespace) -> int:
    """Print the findings; 0: no error, 1: at least one."""
    from pandad.cli import check

    return check.run(args)
