"""``pandad token``: deny bearer tokens, in the store, as the operator of this host; and see what is in one."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from pandad.api.tokens.jose import Claims, opened
from pandad.cli.output import show, table
from pandad.cli.store import as_operator, on_store
from pandad.spec.errors import BadRequest
from pandad.spec.token import BadToken, Denial, DenialKind
from pandad.taskbuffer import denials
from pandad.taskbuffer.denials import Denied
from pandad.taskbuffer.store import Store
from pandad.userinterface import administration

SHOWN = ("iss", "sub", "jti", "aud", "name", "preferred_username", "groups", "wlcg.groups", "scope", "iat", "nbf", "exp")
TIMES = frozenset({"iat", "nbf", "exp"})


def run(args: argparse.Namespace) -> int:
    """Do what was asked; 0 only on success."""
    return _ACTS[args.command](args)


def denial_of(issuer: str, subject: str | None, jti: str | None) -> Denial:
    """What the words of a command line mean.

    :raise BadRequest: an empty word: it would be another, larger denial.
    """
    for key, value in (("ISSUER", issuer), ("--subject", subject), ("--jti", jti)):
        if value is not None and not value.strip():
            raise BadRequest(key, "is empty")
    if subject is not None:
        return Denial(issuer, DenialKind.SUBJECT, subject)
    return Denial(issuer, DenialKind.ISSUER, "") if jti is None else Denial(issuer, DenialKind.JTI, jti)


def _deny(args: argparse.Namespace) -> int:
    denial = denial_of(args.issuer, args.subject, args.jti)

    async def put(store: Store) -> list[Denied]:
        await store.transact("token_deny", administration.deny_tokens, denial, args.reason, as_operator())
        return await store.read("token_ls", denials.find_all)

    _print(args, [each for each in on_store(args.config, put) if each.denial == denial])
    return 0


def _allow(args: argparse.Namespace) -> int:
    denial = denial_of(args.issuer, args.subject, args.jti)

    async def remove(store: Store) -> None:
        await store.transact("token_allow", administration.allow_tokens, denial, as_operator())

    on_store(args.config, remove)
    return 0


def _ls(args: argparse.Namespace) -> int:
    async def find_all(store: Store) -> list[Denied]:
        return await store.read("token_ls", denials.find_all)

    _print(args, on_store(args.config, find_all))
    return 0


def _show(args: argparse.Namespace) -> int:
    try:
        claims = opened(args.file.read_bytes().strip()).claims
    except OSError as error:
        raise BadRequest(str(args.file), f"cannot be read ({error.strerror})") from None
    except BadToken as error:
        raise BadRequest(str(args.file), str(error)) from None
    found = {name: claims[name] for name in SHOWN if name in claims}
    show(args, found, table(("claim", "value"), [(name, _shown(name, found)) for name in found]))
    return 0


def _shown(name: str, claims: Claims) -> Any:
    value = claims[name]
    return datetime.fromtimestamp(value, UTC) if name in TIMES and type(value) is int and 0 <= value < 2**37 else value


def _print(args: argparse.Namespace, found: list[Denied]) -> None:
    rows = [(*each.denial, each.reason, each.denied_by, each.denied_at) for each in found]
    shown = [{**asdict(each), "denial": each.denial._asdict()} for each in found]
    show(args, shown, table(("issuer", "what", "value", "reason", "by", "at"), rows) if found else "nothing is denied")


_ACTS = {"deny": _deny, "allow": _allow, "ls": _ls, "show": _show}
