"""``pandad credential``: put, list and remove what pilots are lent."""

from __future__ import annotations

import argparse
from pathlib import Path

from pandad.cli.options import add_command, add_config, add_json, moment
from pandad.spec.pilotcredential import Kind


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The sub-commands."""
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    put = add_command(commands, "put", "lend one from now on, in the place of the one before")
    rm = add_command(commands, "rm", "lend it no more")
    ls = add_command(commands, "ls", "list what is lent, without what it holds")
    for command in (put, rm):
        command.add_argument("kind", type=_kind, metavar="KIND", help=", ".join(map(_word, Kind)))
        command.add_argument("name", metavar="NAME", help="DN of a proxy, name of a key, client of a token")
        command.add_argument("--role", default="", help="of a proxy, as pilots ask for it: atlas:/atlas/Role=production")
    put.add_argument("file", type=Path, metavar="FILE", help="what it holds; - is standard input")
    put.add_argument("--until", type=moment, metavar="DATE", help="not lent from then on; in UTC")
    for command in (put, rm, ls):
        add_json(command)
        add_config(command)


def _word(kind: Kind) -> str:
    return kind.value.replace(" ", "-")


def _kind(text: str) -> Kind:
    return Kind(text.replace("-", " "))


def run(args: argparse.Namespace) -> int:
    """Do what was asked; 0 only on success."""
    from pandad.cli import credential

    return credential.run(args)
