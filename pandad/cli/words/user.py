"""``pandad user``: who is who and who may what."""

from __future__ import annotations

import argparse

from pandad.cli.options import add_command, add_config, add_json, moment
from pandad.spec.caller import Role

WHO = '"account NUMBER", "SUBJECT from ANCHOR", or a SUBJECT, whoever vouches for it'

TEXTS = {
    "show": "show accounts and bans: all, or those of somebody",
    "ban": "keep somebody out",
    "unban": "lift all bans on somebody",
    "link": "make two identities one account, on your word",
    "unlink": "take an identity out of its account",
    "grant": "give an account a role",
    "revoke": "take a role from an account; what [identity] gives stays",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The sub-commands."""
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    each = {name: add_command(commands, name, text, add_json, add_config) for name, text in TEXTS.items()}
    for name in ("show", "ban", "unban", "unlink", "grant", "revoke"):
        each[name].add_argument("who", metavar="WHO", nargs="?" if name == "show" else None, help=WHO)
    each["link"].add_argument("who", nargs=2, metavar="IDENTITY", help='"SUBJECT from ANCHOR"')
    for name in ("grant", "revoke"):
        each[name].add_argument("role", choices=[str(role) for role in Role], help="what each may: docs/reference/rights.md")
    for name in ("ban", "unban", "link", "unlink", "grant", "revoke"):
        each[name].add_argument("--reason", default="", required=name == "ban", metavar="TEXT",
                                help="for the audit; who is banned is told")
    each["ban"].add_argument("--until", type=moment, metavar="DATE", help="2026-12-31, or with T18:00; in UTC; else for ever")
    each["ban"].add_argument("--identity-only", action="store_true", help="not the others of the same account")


def run(args: argparse.Namespace) -> int:
    """Do what was asked; 0 only on success."""
    from pandad.cli import user

    return user.run(args)
