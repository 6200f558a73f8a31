"""``pandad credential``: what pilots are lent, in the store, as the operator of this host or a program that renews them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pandad.cli.failures import Unusable
from pandad.cli.output import show, table
from pandad.cli.store import as_operator, on_store
from pandad.config import load
from pandad.jobdispatcher import lending
from pandad.spec.confidential import Confidential
from pandad.taskbuffer import pilotcredentials, vault
from pandad.taskbuffer.pilotcredentials import Lent
from pandad.taskbuffer.store import Store, Transaction

HEADER = ("kind", "name", "role", "good until", "changed", "by")


class NoKeyFile(Unusable):
    """There is nothing to seal it with."""

    def __init__(self) -> None:
        super().__init__("credentials are stored sealed, and [secrets] key_file is not set")


def run(args: argparse.Namespace) -> int:
    """Do what was asked; 0 only on success."""
    return _ACTS[args.command](args)


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


class Unreadable(Unusable):
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


_ACTS = {"put": _put, "rm": _rm, "ls": _ls}
