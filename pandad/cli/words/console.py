"""``pandad console``: talk to a running daemon on this host."""

from __future__ import annotations

import argparse
from pathlib import Path

from pandad.cli.options import add_config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options."""
    add_config(parser)
    parser.add_argument("--socket", type=Path, metavar="PATH", help="of the daemon's console; else [console] socket says it")
    parser.add_argument("--json", action="store_true", help="with words: print JSON instead of text")
    parser.add_argument("--markdown", action="store_true", help="only print the page of the documentation that lists the verbs")
    parser.add_argument("words", nargs=argparse.REMAINDER, metavar="VERB ...",
                        help="say this and end; without, ask for lines. `help` lists the verbs")


def run(args: argparse.Namespace) -> int:
    """0 only if what was said was done."""
    from pandad.cli import console

    return console.run(args)
