"""``pandad user``: who is who and who may what, in the store, as the operator of this host."""

from __future__ import annotations

import argparse
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from pandad.cli.output import show, table
from pandad.cli.store import as_operator, on_store
from pandad.config import load
from pandad.spec.account import Account, Ban
from pandad.spec.caller import Role
from pandad.taskbuffer import accounts, vault
from pandad.taskbuffer.store import Store, Transaction
from pandad.userinterface import administration
from pandad.userinterface.administration import Whom


def run(args: argparse.Namespace) -> int:
    """Do what was asked; 0 only on success."""
    args.who = [Whom(word) for word in args.who] if isinstance(args.who, list) else args.who and Whom(args.who)
    return _ACTS[args.command](args)


def _change(args: argparse.Namespace, name: str, body: Callable[[Transaction], Awaitable[Any]]) -> Any:
    async def change(store: Store) -> Any:
        return await store.transact(name, body)

    return on_store(args.config, change)


def _ban(args: argparse.Namespace) -> int:
    hit = _change(args, "user_ban", lambda txn: administration.ban(
        txn, args.who, args.reason, args.until, args.identity_only, as_operator()))
    show(args, {"banned": hit}, f"{hit} is banned; every process knows it within 10 s, and running jobs go on")
    return 0


def _unban(args: argparse.Namespace) -> int:
    count = _change(args, "user_unban", lambda txn: administration.unban(txn, args.who, args.reason, as_operator()))
    show(args, {"lifted": count}, f"{count} ban{'' if count == 1 else 's'} lifted")
    return 0


def _link(args: argparse.Namespace) -> int:
    key_file = load(args.config).secrets.key_file
    keys = vault.read(key_file) if key_file is not None else None
    number = _change(args, "user_link", lambda txn: administration.link(
        txn, args.who[0], args.who[1], args.reason, as_operator(), keys))
    show(args, {"account": number}, f"both are account {number} now")
    return 0


def _unlink(args: argparse.Namespace) -> int:
    number = _change(args, "user_unlink", lambda txn: administration.unlink(txn, args.who, args.reason, as_operator()))
    show(args, {"account": number}, f"it is no longer of account {number}; jobs stay whose they were, its secrets are forgotten")
    return 0


def _grant(args: argparse.Namespace) -> int:
    given = args.command == "grant"
    account: Account = _change(args, "user_role", lambda txn: administration.set_role(
        txn, args.who, Role(args.role), given, args.reason, as_operator()))
    show(args, row_of(account), table(HEADER, [tuple(row_of(account).values())]))
    return 0


HEADER = ("account", "label", "roles", "identities")
BANS = ("ban", "who", "since", "until", "by", "reason")


def _show(args: argparse.Namespace) -> int:
    async def look(txn: Transaction) -> tuple[list[Account], Sequence[Ban]]:
        if args.who is None:
            directory = await accounts.directory(txn)
            return sorted(set(directory.accounts.values()), key=lambda a: a.id), directory.bans
        found = await administration.account_of(txn, args.who)
        return [found] if found else [], await administration.bans_on(txn, args.who)

    async def read(store: Store) -> tuple[list[Account], Sequence[Ban]]:
        return await store.read("user_show", look)

    known, bans = on_store(args.config, read)
    rows, banned = [row_of(a) for a in known], [ban_row(b) for b in bans]
    text = "\n".join([
        table(HEADER, [tuple(row.values()) for row in rows]) if rows else "no account: nobody was linked or given a role",
        table(BANS, [tuple(row.values()) for row in banned]) if banned else "no ban"])
    show(args, {"accounts": rows, "bans": banned}, text)
    return 0


def row_of(account: Account) -> dict[str, Any]:
    """What is shown of an account."""
    identities = sorted(f"{i.subject} from {i.anchor}" for i in account.identities)
    return {"account": account.id, "label": account.label, "roles": sorted(account.roles), "identities": identities}


def ban_row(ban: Ban) -> dict[str, Any]:
    """What is shown of a ban."""
    subject = f"{ban.subject} from {ban.anchor}" if ban.anchor else ban.subject
    who = f"account {ban.account}" if ban.account is not None else subject
    return {"ban": ban.id, "who": who, "since": ban.since, "until": ban.until, "by": ban.by, "reason": ban.reason}


_ACTS = {"show": _show, "ban": _ban, "unban": _unban, "link": _link, "unlink": _unlink, "grant": _grant, "revoke": _grant}
