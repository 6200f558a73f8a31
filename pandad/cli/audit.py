"""``pandad audit``: what persons and admins changed, and whether the record of it is whole."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict

from pandad.cli.output import show, table
from pandad.cli.store import on_store
from pandad.config import load
from pandad.taskbuffer import audit, vault
from pandad.taskbuffer.audit import Entry, Verdict
from pandad.taskbuffer.store import Store

LONGEST_S = 3600.0  # for a chain of many years
SHOWN = 50  # problems; more of them say nothing new
HEADER = ("at", "who", "from", "act", "target", "why", "place")


def run(args: argparse.Namespace) -> int:
    """Do what was asked; 0 only if the chain is whole."""
    return _ACTS[args.command](args)


def _show(args: argparse.Namespace) -> int:
    async def find(store: Store) -> Sequence[Entry]:
        return await store.read("audit_show", audit.show, args.who, args.act, args.target, args.days, args.most)

    found = on_store(args.config, find)
    rows = [(e.at, e.who, e.host, e.act, e.target, e.why, e.place) for e in found]
    plain = [{**asdict(e), "seal": e.seal.hex() if e.seal else None} for e in found]
    show(args, plain, table(HEADER, rows) if rows else "nothing was changed by anybody")
    return 0


def _verify(args: argparse.Namespace) -> int:
    key_file = load(args.config, on_this_host=False).secrets.key_file
    keys = vault.read(key_file).audit_keys if key_file is not None else []

    async def verify(store: Store) -> Verdict:
        return await store.transact("audit_verify", audit.verify_apart, keys)

    verdict = on_store(args.config, verify, LONGEST_S)
    show(args, asdict(verdict), overview(verdict, bool(keys)))
    return 1 if verdict.problems else 0


def overview(verdict: Verdict, with_key: bool) -> str:
    """The problems, if any, and what was looked at."""
    said = verdict.problems[:SHOWN]
    if len(verdict.problems) > SHOWN:
        said.append(f"and {len(verdict.problems) - SHOWN} more")
    said.append(f"{verdict.rows} acts are in the chain" + ("" if verdict.problems else ", and all fit"))
    if verdict.unsealed:
        said.append(f"{verdict.unsealed} wait for their place in it; a running daemon gives it to them within seconds")
    if not with_key:
        said.append("they are sealed without a key, so that who can write to the database could make them anew: "
                    "set [secrets] key_file")
    elif verdict.without_key:
        said.append(f"the first {verdict.without_key} were sealed before there was a key")
    return "\n".join(said)


_ACTS = {"show": _show, "verify": _verify}
