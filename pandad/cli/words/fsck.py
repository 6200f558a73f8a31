"""``pandad fsck``: look for what cannot be in the database."""

from __future__ import annotations

import argparse

from pandad.cli.options import add_config, add_json, number

DAYS = 31
GAP = 1_000_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options."""
    add_config(parser)
    add_json(parser)
    parser.add_argument("--check", nargs="+", metavar="NAME", help="look at these invariants only")
    parser.add_argument("--list", action="store_true", help="list the invariants and do nothing else")
    parser.add_argument("--markdown", action="store_true", help="with --list: as the page docs/reference/fsck.md")
    parser.add_argument("--days", type=number, default=DAYS, metavar="N",
                        help=f"how far back ended jobs in the history are looked at (default {DAYS})")
    text = "the database came from a backup: ids given out since may be in use, and must not be given out again"
    parser.add_argument("--after-restore", action="store_true", help=text)
    parser.add_argument("--gap", type=number, default=GAP, metavar="N",
                        help=f"with --after-restore: more ids than were given out since the backup (default {GAP})")
    text = "raise sequences and serials that are behind; nothing else is changed"
    parser.add_argument("--repair", action="store_true", help=text)


def run(args: argparse.Namespace) -> int:
    """Look; 0: all is well, 1: something was found, 2 and 3: not all of it could be looked at."""
    from pandad.cli import fsck

    return fsck.run(args)
