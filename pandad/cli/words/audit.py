"""``pandad audit``: show the acts of persons and admins, and verify their record."""

from __future__ import annotations

import argparse

from pandad.cli.options import add_command, add_config, add_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The sub-commands."""
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    shows = add_command(commands, "show", "list acts, the newest first")
    for name in ("who", "target"):
        shows.add_argument(f"--{name}", metavar="TEXT", help="only those with this text there")
    shows.add_argument("--act", metavar="KIND", help="only this kind: kill, ban, link, ...")
    shows.add_argument("--days", type=int, default=30, metavar="N", help="how far back; 30 by default")
    shows.add_argument("--most", type=int, default=200, metavar="N", help="how many; 200 by default")
    verify = add_command(commands, "verify", "look for acts that were changed, removed, moved or put in later")
    for command in (shows, verify):
        add_json(command)
        add_config(command)


def run(args: argparse.Namespace) -> int:
    """Do what was asked; 0 only if the chain is whole."""
    from pandad.cli import audit

    return audit.run(args)
