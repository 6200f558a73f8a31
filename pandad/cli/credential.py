"""``pandad credential``: what pilots are lent, in the store, as the operator of this host or a program that renews them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pandad.cli.output import add_json, show, table
from pandad.cli.store import add_config, as_operator, on_store
from pandad.cli.user import moment
from pandad.config import load
from pandad.jobdispatcher import lending
from pandad.spec.confidential import Confidential
from pandad.spec.errors import PandadError
from pandad.spec.pilotcredential import Kind
from pandad.taskbuffer import pilotcredentials, vault
from pandad.taskbuffer.pilotcredentials import Lent
from pandad.taskbuffer.store import Store, Transaction

HEADER = ("kind", "name", "role", "good until", "changed", "by")


class NoKeyFile(PandadError):
    """There is nothing to seal it with."""

    def __init__(self) -> None:
        super().__init__("credentials are stored sealed, and [secrets] key_file is not set")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The sub-commands."""
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    put = commands.add_parser("put", help="lend one from now on, in the place of the one before")
    put.set_defaults(act=_put)
    rm = commands.add_parser("rm", help="lend it no more")
    rm.set_defaults(act=_rm)
    ls = commands.add_parser("ls", help="list what is lent, without what it holds")
    ls.set_defaults(act=_ls)
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
    code: int = args.act(args)
    return code


def _put(args: argparse.Namespace) -> int:
    key_file = load(args.config, on_this_host=False).secrets.key_file
    if key_file is None:
        raise NoKeyFile
    keys, text = vault.read(key_file), Confidential(_text(args.file))
    _change(args, "credential_put", lambda txn: lending.put(
        txn, keys, args.kind, args.name, args.role, text, args.until, as_operator()))
    show(args, {"put": args.name}, f"{args.kind} {args.name} is lent from now on")
    return 0


def _text(file: Path) -> str:
    """What is in it.

    :raise Unreadable: says why not.
    """
    if str(file) == "-":
        return sys.stdin.read()
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Unreadable(file, error) from None


class Unreadable(PandadError):
    """The file cannot be read."""

    def __init__(self, file: Path, error: Exception) -> None:
        super().__init__(f"{file} cannot be read ({type(error).__name__})")


def _rm(args: argparse.Namespace) -> int:
    _change(args, "credential_rm", lambda txn: lending.remove(txn, args.kind, args.name, args.role, as_operator()))
    show(args, {"removed": args.name}, f"{args.kind} {args.name} is lent no more")
    return 0


def _change(args: argparse.Namespace, name: str, body: Callable[[Transaction], Awaitable[None]]) -> None:
    async def change(store: Store) -> None:
        await store.transact(name, body)

    on_store(args.config, change)


def _ls(args: argparse.Namespace) -> int:
    async def find(store: Store) -> list[Lent]:
        return list(await store.read("credential_ls", pilotcredentials.find_all))

    rows: list[dict[str, Any]] = [asdict(each) for each in on_store(args.config, find)]
    show(args, rows, table(HEADER, [tuple(row.values()) for row in rows]) if rows else "nothing is lent")
    return 0
