"""``pandad sandbox``: a whole PanDA to play with, below one folder."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of this verb."""
    parser.add_argument("directory", type=Path, metavar="DIR", help="where everything lies; it may exist already")
    parser.add_argument("--stop", action="store_true", help="stop the sandbox that runs on DIR")
    parser.add_argument("--rucio", action="store_true",
                        help="with a Rucio that moves the files; the first time it is installed, which takes minutes")
    parser.add_argument("--cache", type=Path, metavar="DIR", default=Path.home() / ".cache" / "pandad",
                        help="where Rucio is installed")
    parser.add_argument("--tls-port", type=int, metavar="PORT", help="wished, else 25443; if it is taken, another is used")
    parser.add_argument("--http-port", type=int, metavar="PORT", help="likewise, else 25080")


def run(args: argparse.Namespace) -> int:
    """Run or stop a sandbox; returns when it is stopped."""
    from pandad.cli import sandbox

    return sandbox.run(args)
