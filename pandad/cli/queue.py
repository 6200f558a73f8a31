"""``pandad queue``: add, list and switch queues, in the store, as the operator of this host."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pandad.cli import reasons
from pandad.cli.client import connect
from pandad.cli.output import add_json, show, table
from pandad.cli.store import add_config, as_operator, on_store, operator
from pandad.settings import nearest
from pandad.spec.errors import BadRequest
from pandad.spec.site import Queue, QueueStatus, queue_from_description
from pandad.taskbuffer import audit, sites
from pandad.taskbuffer.store import Store
from pandad.tomlsource import Problem, Source, SourceError, Where, read

STATE = "ACTIVE"  # CRIC's word for a queue that exists; pilots refuse any other
SCRATCH_MB = 20_000  # maxwdir must be there for pilots


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The sub-commands."""
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    text = "add or replace the queues of a file: schedconfig JSON of one or {name: {...}} of many, or TOML"
    add = commands.add_parser("add", help="add or replace queues", description=text)
    add.add_argument("file", type=Path, metavar="FILE")
    add.set_defaults(act=_add)
    ls = commands.add_parser("ls", help="list the queues")
    ls.set_defaults(act=_ls)
    change = commands.add_parser("set", help="change whether a queue takes work")
    change.add_argument("name", metavar="NAME")
    change.add_argument("changes", nargs="+", metavar="KEY=VALUE", help='status=brokeroff reason="why"')
    change.set_defaults(act=_set)
    for command in (add, ls, change):
        add_json(command)
        add_config(command)
    why = commands.add_parser("why", help="say what is up with a queue, through the API: who asks there, what it refuses")
    why.add_argument("name", metavar="NAME")
    why.set_defaults(act=_why)
    add_json(why)


def run(args: argparse.Namespace) -> int:
    """Do what was asked; 0 only on success."""
    code: int = args.act(args)
    return code


def _add(args: argparse.Namespace) -> int:
    queues = queues_of(read(args.file))

    async def put_all(store: Store) -> None:
        async def put(txn: Any) -> None:
            for queue in queues:
                await sites.put(txn, queue, operator())
                await audit.note(txn, as_operator()("put queue", queue.name))

        await store.transact("queue_add", put)

    on_store(args.config, put_all)
    _print(args, queues)
    return 0


def _ls(args: argparse.Namespace) -> int:
    async def find_all(store: Store) -> list[Queue]:
        return await store.read("queue_ls", sites.find_all)

    _print(args, on_store(args.config, find_all))
    return 0


def _set(args: argparse.Namespace) -> int:
    status, reason = change_of(args.changes)

    async def set_status(store: Store) -> Queue:
        async def change(txn: Any) -> Queue:
            await audit.note(txn, as_operator()("set queue", f"{args.name} to {status}", reason))
            return await sites.set_status(txn, args.name, status, reason, operator())

        return await store.transact("queue_set", change)

    _print(args, [on_store(args.config, set_status)])
    return 0


def queues_of(source: Source) -> list[Queue]:
    """The queues of a text: one description, or a table of them by name.

    :raise SourceError: lists everything that is wrong, each with its line.
    """
    many = bool(source.data) and all(isinstance(value, dict) for value in source.data.values())
    tables: dict[Where, dict[str, Any]] = (
        {(name,): {"nickname": name, **value} for name, value in source.data.items()}
        if many
        else {(): source.data}
    )
    queues, problems = [], []
    for path, description in tables.items():
        try:
            queues.append(queue_from_description(completed(description)))
        except BadRequest as e:
            problems.append(_problem(source, (*path, e.key), e.problem))
    if problems:
        raise SourceError(*problems)
    return queues


def _problem(source: Source, path: Where, text: str) -> Problem:
    return source.problem(path, text if ";" in text else f"{text}; see CRIC's schedconfig for what it may be")


def completed(description: Mapping[str, Any]) -> dict[str, Any]:
    """A description with those keys that a pilot demands and a short text leaves out."""
    name = description.get("nickname")
    return {
        "panda_resource": name,
        "siteid": name,
        "atlas_site": description.get("gstat") or name,
        "status": QueueStatus.ONLINE.value,
        "state": STATE,
        "maxwdir": SCRATCH_MB,
        **description,
    }


def change_of(words: list[str]) -> tuple[QueueStatus, str]:
    """The status and the reason in ``status=S reason=TEXT``; the reason may be left out.

    :raise BadRequest: says which word is wrong, and what to write.
    """
    pairs = dict(word.partition("=")[::2] for word in words)
    for key in pairs:
        if key not in ("status", "reason"):
            raise BadRequest(key, f"cannot be set; {nearest(key, ('status', 'reason'))}")
    status = pairs.get("status", "")
    if status not in list(QueueStatus):
        raise BadRequest("status", f"is {status!r}; {nearest(status, QueueStatus)}")
    return QueueStatus(status), pairs.get("reason", "")


def _why(args: argparse.Namespace) -> int:
    why = connect().get("queue/why", queue=args.name)
    show(args, why, reasons.of_queue(why))
    return 0


def _print(args: argparse.Namespace, queues: list[Queue]) -> None:
    rows = [row_of(queue) for queue in queues]
    header = ("queue", "site", "status", "cores", "memory_mb", "disk_mb", "walltime_s", "platforms")
    show(args, rows, table(header, [tuple(row.values()) for row in rows]) if rows else "there are no queues")


def row_of(queue: Queue) -> dict[str, Any]:
    """What is shown of a queue; None where there is no limit."""
    return {
        "queue": queue.name,
        "site": queue.site,
        "status": queue.status.value,
        "cores": queue.corecount,
        "memory_mb": queue.maxrss_mb or None,
        "disk_mb": queue.maxwdir_mb or None,
        "walltime_s": queue.maxtime_s or None,
        "platforms": sorted(queue.platforms),
    }
