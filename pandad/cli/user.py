"""``pandad user``: who is who and who may what, in the store, as the operator of this host."""

from __future__ import annotations

import argparse
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from pandad.cli.output import add_json, show, table
from pandad.cli.store import add_config, as_operator, on_store
from pandad.config import load
from pandad.spec.account import Account, Ban
from pandad.spec.caller import Role
from pandad.taskbuffer import accounts, vault
from pandad.taskbuffer.store import Store, Transaction
from pandad.userinterface import administration
from pandad.userinterface.administration import Whom

WHO = '"account NUMBER", "SUBJECT from ANCHOR", or a SUBJECT, whoever vouches for it'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The sub-commands."""
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    each = {name: _command(commands, name, text, act) for name, (text, act) in COMMANDS.items()}
    for name in ("show", "ban", "unban", "unlink", "grant", "revoke"):
        each[name].add_argument("who", type=Whom, metavar="WHO", nargs="?" if name == "show" else None, help=WHO)
    each["link"].add_argument("who", type=Whom, nargs=2, metavar="IDENTITY", help='"SUBJECT from ANCHOR"')
    for name in ("grant", "revoke"):
        each[name].add_argument("role", choices=[str(role) for role in Role])
    for name in ("ban", "unban", "link", "unlink", "grant", "revoke"):
        each[name].add_argument("--reason", default="", required=name == "ban", help="for the audit; who is banned is told")
    each["ban"].add_argument("--until", type=moment, metavar="DATE", help="2026-12-31, or with T18:00; in UTC; else for ever")
    each["ban"].add_argument("--identity-only", action="store_true", help="not the others of the same account")


def _command(commands: Any, name: str, text: str, act: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
    parser.set_defaults(act=act)
    add_json(parser)
    add_config(parser)
    return parser


def run(args: argparse.Namespace) -> int:
    """Do what was asked; 0 only on success."""
    code: int = args.act(args)
    return code


def moment(text: str) -> datetime:
    """A date or a time, in UTC unless it says otherwise.

    :raise ArgumentTypeError: it is neither.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no date; write 2026-12-31 or 2026-12-31T18:00") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


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


COMMANDS: dict[str, tuple[str, Callable[[argparse.Namespace], int]]] = {
    "show": ("show accounts and bans: all, or those of somebody", _show),
    "ban": ("keep somebody out", _ban),
    "unban": ("lift all bans on somebody", _unban),
    "link": ("make two identities one account, on your word", _link),
    "unlink": ("take an identity out of its account", _unlink),
    "grant": ("give an account a role", _grant),
    "revoke": ("take a role from an account; what [identity] gives stays", _grant),
}


