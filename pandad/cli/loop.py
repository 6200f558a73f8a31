"""``pandad loop``: the timed loops of all daemons on this database."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from pandad.cli.output import add_json, show, table
from pandad.cli.store import add_config, on_store
from pandad.taskbuffer import loops
from pandad.taskbuffer.loops import LoopState
from pandad.taskbuffer.store import Store


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The sub-commands."""
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    ls = commands.add_parser("ls", help="list the loops and how they fare")
    add_json(ls)
    add_config(ls)


def run(args: argparse.Namespace) -> int:
    """List the loops."""

    async def find_all(store: Store) -> list[LoopState]:
        return await store.read("loop_ls", loops.find_all)

    found = on_store(args.config, find_all)
    show(args, [asdict(loop) for loop in found], overview(found))
    return 0


def overview(found: list[LoopState]) -> str:
    """One line for each loop."""
    if not found:
        return "no loop has run yet"
    header = ("loop", "holder", "lease until", "started", "finished", "runs", "failures", "error")
    return table(
        header,
        [
            (x.name, x.holder, x.lease_until, x.started_at, x.finished_at, x.runs, x.failures, x.error)
            for x in found
        ],
    )
