"""``pandad loop``: list the timed loops, or have one run now."""

from __future__ import annotations

import argparse
from pathlib import Path

from pandad.cli.options import add_command, add_config, add_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The sub-commands."""
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    add_command(commands, "ls", "list the loops and how they fare", add_json, add_config)
    go = add_command(commands, "run", "have the daemon of this host run a loop once, now", add_json, add_config)
    go.add_argument("loop", metavar="LOOP", help="its name, as `pandad loop ls` has it")
    go.add_argument("--socket", type=Path, metavar="PATH", help="of the daemon's console; else [console] socket says it")


def run(args: argparse.Namespace) -> int:
    """Do what was asked; 0 only on success."""
    from pandad.cli import loop

    return loop.run(args)
