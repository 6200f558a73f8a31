"""``pandad link``: two credentials of one person. Ask for a code with the one, bring it back with the other."""

from __future__ import annotations

import argparse

from pandad.cli.client import connect
from pandad.cli.output import add_json, show


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options."""
    parser.add_argument("code", nargs="?", metavar="CODE", help="from `pandad link` with the other credential; else ask for one")
    parser.add_argument("--with", dest="subject", metavar="SUBJECT", help="of the other credential, to confirm that it is yours")
    parser.add_argument("--undo", nargs=2, metavar=("SUBJECT", "ANCHOR"), help="part from an identity of your account")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Ask, link or part."""
    client = connect()
    if args.undo:
        client.post("account/unlink", subject=args.undo[0], anchor=args.undo[1])
        show(args, {}, f"{args.undo[0]} is no longer of your account")
    elif args.code:
        found = client.post("account/link", code=args.code, subject=args.subject)
        show(args, found, f"both are account {found['account']} now")
    else:
        found = client.post("account/get_link_code")
        show(args, found, f"with your other credential, until {found['expires']}, run: pandad link {found['code']}")
    return 0
