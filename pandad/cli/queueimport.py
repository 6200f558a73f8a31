"""``pandad queue import``, ``diff`` and ``sources``: queues, storage endpoints and links from where they are described."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from pandad.cli.output import show, table
from pandad.cli.store import as_operator, on_store, on_store_and_net, operator
from pandad.config import Config, load
from pandad.spec.difference import Difference
from pandad.spec.dump import Dump, Links
from pandad.spec.errors import BadRequest
from pandad.taskbuffer import sources
from pandad.taskbuffer.imports import BadDump, Manner
from pandad.taskbuffer.sources import QUEUES, Mark, SourceState
from pandad.taskbuffer.store import Store
from pandad.userinterface import queuekeeping


def run(args: argparse.Namespace) -> int:
    """Do what was asked; 0 only on success."""
    return _sources(args) if args.command == "sources" else _import(args)


def _import(args: argparse.Namespace) -> int:
    config = load(args.config, on_this_host=False)
    address = place_of(args.place, args.kind, config)
    manner = Manner(source=address, who=operator(), skip_bad=args.skip_bad, prune=args.prune, dry=args.dry_run)

    async def work(store: Store, reactor: Any) -> tuple[Any, Difference]:
        dump = await _read(reactor, config, args.kind, address)
        return dump, await store.transact("queue_import", queuekeeping.take_in, args.kind, dump, manner, as_operator())

    try:
        dump, found = on_store_and_net(config.database, work)
    except BadDump as error:
        print("\n".join(f"pandad: {line}" for line in str(error).splitlines()), file=sys.stderr)
        return 1
    _print(args, dump, found, manner)
    return 0


async def _read(reactor: Any, config: Config, kind: str, address: str) -> Dump[Any] | Links:
    from pandad.daemons.queuesource import QueueSource  # an HTTP client, which the other commands would wait for

    source = QueueSource(reactor, config.queues)
    content = (await source.fetch(address, Mark())).content
    assert content is not None  # no mark, so all of it
    dump: Dump[Any] | Links = await source.read(kind, content, address)
    return dump


def place_of(place: str | None, kind: str, config: Config) -> str:
    """The address, or the whole path of the file.

    :raise BadRequest: none is named here nor in the configuration.
    """
    if place:
        return place if "://" in place else str(Path(place).absolute())
    found = config.queues.addresses.get(kind)
    if found is None:
        key = "source" if kind == QUEUES else f"{kind}_source"
        raise BadRequest("FILE|URL", f"is missing, and [queues] {key} is not set; name a file or an https address")
    return found


def _print(args: argparse.Namespace, dump: Dump[Any] | Links, found: Difference, manner: Manner) -> None:
    mistakes = [{"name": m.name, "key": m.key, "problem": m.problem} for m in dump.mistakes]
    data = {"kind": args.kind, "source": manner.source, "applied": not manner.dry, **found.as_data, "mistakes": mistakes}
    verb = "would be" if manner.dry else "done"
    lines = [*(f"! {mistake}" for mistake in dump.mistakes), *found.lines(), f"{verb}: {args.kind}: {found.summary}"]
    show(args, data, "\n".join(lines))


def _sources(args: argparse.Namespace) -> int:
    config = load(args.config, on_this_host=False)

    found = on_store(args.config, lambda store: store.read("source_ls", sources.find_all))
    states = {state.kind: state for state in found}
    rows = [_row(kind, address, states.get(kind)) for kind, address in config.queues.addresses.items()]
    header = ("kind", "source", "tried", "last_good", "problem")
    show(args, rows, table(header, [tuple(row.values()) for row in rows]) if rows else "[queues] names no source")
    return 0


def _row(kind: str, address: str, state: SourceState | None) -> dict[str, Any]:
    known = state if state is not None and state.address == address else None
    return {"kind": kind, "source": address, "tried": known and known.tried, "last_good": known and known.took,
            "problem": known and known.problem}
