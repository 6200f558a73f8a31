"""``pandad upgrade``: what the installed version would change in the database, and the change."""

from __future__ import annotations

import argparse
from pathlib import Path

from pandad.cli.options import add_config, add_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options."""
    add_config(parser)
    add_json(parser)
    parser.add_argument("--now", action="store_true", help="make the upgrade; without this it is only said what would be done")
    backup = parser.add_mutually_exclusive_group()
    backup.add_argument("--backup", type=Path, metavar="FILE", help="the dump of this database that was made for this upgrade")
    backup.add_argument("--no-backup", action="store_true", help="there is another way back, as continuous archiving")


def run(args: argparse.Namespace) -> int:
    """0: nothing is left to do, or it was only asked; 1: it was refused, or fsck found something afterwards."""
    from pandad.cli import upgrade

    return upgrade.run(args)
