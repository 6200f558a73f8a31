"""``pandad loop``: the timed loops of all daemons on this database."""

from __future__ import annotations

import argparse
import shlex
from dataclasses import asdict

from pandad.cli import console
from pandad.cli.output import show, table
from pandad.cli.store import on_store
from pandad.taskbuffer import loops
from pandad.taskbuffer.loops import LoopState
from pandad.taskbuffer.store import Store


def run(args: argparse.Namespace) -> int:
    """List the loops, or have one run."""
    return _run(args) if args.command == "run" else _ls(args)


def _run(args: argparse.Namespace) -> int:
    with console.Line(console.socket_of(args)) as line:
        return console.one_line(line, shlex.join(["loop", "run", args.loop]), args.json)


def _ls(args: argparse.Namespace) -> int:

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
