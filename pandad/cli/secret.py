"""``pandad secret``: what users leave for their jobs, as panda-client's set_secret does."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from pandad.cli.client import Client, connect
from pandad.cli.failures import Unusable
from pandad.cli.options import add_command, add_json
from pandad.cli.output import show


class Unreadable(Unusable):
    """The file cannot be read."""

    def __init__(self, file: Path, error: OSError | UnicodeDecodeError) -> None:
        super().__init__(f"{file} cannot be read ({getattr(error, 'strerror', None) or 'it is no text'})")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The sub-commands."""
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    put = add_command(commands, "set", "keep a secret for your jobs, in the place of an older one of that name", add_json)
    rm = add_command(commands, "rm", "forget a secret", add_json)
    for command in (put, rm):
        command.add_argument("name", metavar="NAME", help="by which the job asks for it")
    put.add_argument("file", type=Path, metavar="FILE", help="what it is; - is standard input, so that no process list shows it")
    add_command(commands, "ls", "list the names of your secrets, never what they are", add_json)


def run(args: argparse.Namespace) -> int:
    """Do what was asked; 0 only on success."""
    client = connect()
    if args.command == "ls":
        return _ls(args, client)
    value = _text(args.file) if args.command == "set" else None
    said = client.post("creds/set_user_secrets", key=args.name, value=value)
    show(args, {"name": args.name, "kept": value is not None}, str(said))
    return 0


def _ls(args: argparse.Namespace, client: Client) -> int:
    names = sorted(json.loads(client.get("creds/get_user_secrets")))
    show(args, names, "\n".join(names) or "you have no secrets")
    return 0


def _text(file: Path) -> str:
    if str(file) == "-":
        return sys.stdin.read()
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Unreadable(file, error) from None
