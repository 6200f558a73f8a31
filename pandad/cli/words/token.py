"""``pandad token``: deny bearer tokens, allow them again, and see what is in one."""

from __future__ import annotations

import argparse
from pathlib import Path

from pandad.cli.options import add_command, add_config, add_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The sub-commands."""
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    text = "refuse tokens from now on, in all daemons within seconds"
    deny = add_command(commands, "deny", text, _add_what, add_config, add_json)
    deny.add_argument("--reason", required=True, metavar="TEXT", help="their bearers are told")
    add_command(commands, "allow", "take a denial back", _add_what, add_config, add_json)
    add_command(commands, "ls", "list what is denied", add_config, add_json)
    look = add_command(commands, "show", "what a token says, without verifying it; never its signature", add_json)
    look.add_argument("file", type=Path, metavar="FILE", help="a file with nothing else in it")


def _add_what(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("issuer", metavar="ISSUER", help="as in the claim iss; alone: all of its tokens")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--subject", metavar="SUB", help="all tokens of this subject")
    what.add_argument("--jti", metavar="ID", help="the one token with this id")


def run(args: argparse.Namespace) -> int:
    """Do what was asked; 0 only on success."""
    from pandad.cli import token

    return token.run(args)
