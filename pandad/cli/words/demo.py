"""``pandad demo``: ten jobs from submission to their end, run by real pilots in a sandbox."""

from __future__ import annotations

import argparse
from pathlib import Path

from pandad.cli.options import add_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of this verb."""
    parser.add_argument("--directory", type=Path, metavar="DIR",
                        help="where the sandbox will lie, new or empty; a new one below /var/tmp by default")
    parser.add_argument("--cache", type=Path, metavar="DIR", default=Path.home() / ".cache" / "pandad",
                        help="where the pilot is kept")
    parser.add_argument("--kill-daemon", action="store_true", help="kill -9 the daemon in the middle")
    parser.add_argument("--stop-database", type=float, metavar="SECONDS", default=0.0,
                        help="stop the database in the middle, so long")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """The whole demo: 0 if everything came out as promised, 1 if not."""
    from pandad.cli import demo

    return demo.run(args)
