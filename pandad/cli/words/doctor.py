"""``pandad doctor``: what is wrong with an installation on this host."""

from __future__ import annotations

import argparse

from pandad.cli.options import add_config, add_json, add_strict


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options."""
    add_config(parser)
    add_json(parser)
    add_strict(parser)
    parser.add_argument("--list", action="store_true", help="list what may be found and do nothing else")
    parser.add_argument("--markdown", action="store_true", help="with --list: as the page docs/reference/checks.md")


def run(args: argparse.Namespace) -> int:
    """Look at everything; 0: no error, 1: at least one."""
    from pandad.cli import doctor

    return doctor.run(args)
