"""``pandad queue``: add, list, switch and remove queues, in the store, as the operator of this host."""

from __future__ import annotations

import argparse
import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pandad.cli.ids import names_of
from pandad.cli.options import moment
from pandad.cli.output import facts, show, table
from pandad.cli.store import as_operator, on_store
from pandad.cli.words.queue import SWITCHES
from pandad.config import load
from pandad.settings import nearest
from pandad.spec.dump import completed
from pandad.spec.errors import BadRequest, NotFound
from pandad.spec.site import Queue, QueueStatus, queue_from_description
from pandad.taskbuffer import sites
from pandad.taskbuffer.facts import counts
from pandad.taskbuffer.sites import Standing
from pandad.taskbuffer.store import Transaction
from pandad.tomlsource import Problem, Source, SourceError, Where, read
from pandad.userinterface import queuekeeping

OF_SOURCE = "source"  # in place of a status: what its source says


def run(args: argparse.Namespace) -> int:
    """Do what was asked; 0 only on success."""
    return _switch(args) if args.command in SWITCHES else _ACTS[args.command](args)


def _add(args: argparse.Namespace) -> int:
    queues = queues_of(read(args.file))

    on_store(args.config, lambda store: store.transact("queue_add", queuekeeping.put, queues, as_operator()))
    rows = [short_row(queue) for queue in queues]
    show(args, rows, table(tuple(rows[0]), [tuple(row.values()) for row in rows]) if rows else "there are no queues")
    return 0


def _ls(args: argparse.Namespace) -> int:
    rows = on_store(args.config, lambda store: store.read("queue_ls", _rows))
    header = ("queue", "site", "status", "reason", "set_by", "until", "jobs", "cores", "memory_mb", "source")
    show(args, rows, table(header, [tuple(row[key] for key in header) for row in rows]) if rows else "there are no queues")
    return 0


async def _rows(txn: Transaction, name: str | None = None) -> list[dict[str, Any]]:
    """Of all queues, or of one."""
    jobs = {queue: sum(by_status.values()) for queue, by_status in (await counts(txn)).items()}
    return [row_of(found, jobs.get(found.queue.name, 0)) for found in await sites.standings(txn, name)]


def _show(args: argparse.Namespace) -> int:
    async def look(txn: Transaction) -> dict[str, Any]:
        text = await sites.served(txn, args.name)
        (row,) = await _rows(txn, args.name)
        return {**row, "description": json.loads(text)}

    found = on_store(args.config, lambda store: store.read("queue_show", look))
    keys = [(key, json.dumps(value, ensure_ascii=False)) for key, value in sorted(found["description"].items())]
    head = [(key, value) for key, value in found.items() if key != "description"]
    show(args, found, f"{facts(head)}\n\n{facts(keys)}")
    return 0


def _set(args: argparse.Namespace) -> int:
    wanted = change_of(args.changes)

    queue = on_store(args.config, lambda store: store.transact(
        "queue_set", queuekeeping.set_status, args.name, wanted.status, wanted.reason, wanted.until, as_operator()))
    show(args, [short_row(queue)], f"{queue.name} is {queue.status}")
    return 0


def _switch(args: argparse.Namespace) -> int:
    names, (status, _) = names_of(args), SWITCHES[args.command]
    until = None if args.until is None else time_of(args.until)
    if status is None and until is not None:
        raise BadRequest("--until", "is for a status that ends; leave it out")

    async def switched(txn: Transaction, name: str) -> dict[str, Any]:
        known = await sites.standings(txn, name)
        if not known:
            raise NotFound("queue", name)
        before = known[0]
        if not args.dry_run:
            await queuekeeping.set_status(txn, name, status, args.reason, until, as_operator())
        return {"queue": name, "was": before.queue.status.value, "status": (status or before.told).value}

    async def switch(txn: Transaction) -> list[dict[str, Any]]:
        return [await switched(txn, name) for name in names]

    rows = on_store(args.config, lambda store: store.transact("queue_set", switch))
    words = "would be" if args.dry_run else "is"
    show(args, rows, "\n".join(f"{row['queue']} {words} {row['status']}; it was {row['was']}" for row in rows))
    return 0


def _rm(args: argparse.Namespace) -> int:
    followed = load(args.config, on_this_host=False).queues.source
    on_store(args.config, lambda store: store.transact("queue_rm", queuekeeping.remove, args.name, as_operator(), followed))
    show(args, {"removed": args.name}, f"{args.name} is removed")
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
            queues.append(queue_from_description(_whole(description)))
        except BadRequest as e:
            problems.append(_problem(source, (*path, e.key), e.problem))
    if problems:
        raise SourceError(*problems)
    return queues


def _problem(source: Source, path: Where, text: str) -> Problem:
    return source.problem(path, text if ";" in text else f"{text}; see CRIC's schedconfig for what it may be")


def _whole(description: dict[str, Any]) -> dict[str, Any]:
    """With the keys that pilots demand; a description without a name has them made up, and is refused for that."""
    return completed(description, description["nickname"]) if description.get("nickname") else description


@dataclass(frozen=True, slots=True)
class StatusChange:
    """``status``: None: what the source says."""

    status: QueueStatus | None
    reason: str = ""
    until: datetime | timedelta | None = None


def change_of(words: list[str]) -> StatusChange:
    """What ``status=S reason=TEXT until=TIME`` says; the status must be there.

    :raise BadRequest: says which word is wrong, and what to write.
    """
    pairs = dict(word.partition("=")[::2] for word in words)
    known = ("status", "reason", "until")
    for key in pairs:
        if key not in known:
            raise BadRequest(key, f"cannot be set; {nearest(key, known)}")
    status, until = pairs.get("status", ""), pairs.get("until")
    if status not in (*QueueStatus, OF_SOURCE):
        raise BadRequest("status", f"is {status!r}; {nearest(status, (*QueueStatus, OF_SOURCE))}")
    if status == OF_SOURCE:
        if until is not None:
            raise BadRequest("until", "is for a status that ends; leave it out")
        return StatusChange(None, pairs.get("reason", ""))
    return StatusChange(QueueStatus(status), pairs.get("reason", ""), None if until is None else time_of(until))


_LASTING = re.compile(r"(\d{1,6})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def time_of(text: str) -> datetime | timedelta:
    """``2h``, ``30m``, ``3d`` from now, or a date.

    :raise BadRequest: it is neither.
    """
    lasting = _LASTING.fullmatch(text)
    if lasting is not None:
        return timedelta(**{_UNITS[lasting[2]]: int(lasting[1])})
    try:
        return moment(text)
    except argparse.ArgumentTypeError:
        raise BadRequest("until", f"{text!r} is no time; write 2h, 3d, 2026-12-31 or 2026-12-31T18:00 (UTC)") from None


def row_of(found: Standing, jobs: int | None) -> dict[str, Any]:
    """What is shown of a queue; None where there is no limit, and for what is not so."""
    word = found.override
    return {
        **short_row(found.queue),
        "source_status": found.told.value,
        "reason": found.queue.status_reason or None,
        "set_by": word and word.set_by,
        "set_at": word and word.set_at,
        "until": word and word.until,
        "jobs": jobs,
        "source": found.source,
        "gone": found.gone,
        "changed_by": found.changed_by,
        "changed": found.changed,
    }


def short_row(queue: Queue) -> dict[str, Any]:
    """What a description says of size."""
    return {
        "queue": queue.name,
        "site": queue.site,
        "status": queue.status.value,
        "cores": queue.corecount,
        "memory_mb": queue.maxrss_mb or None,
        "disk_mb": queue.maxwdir_mb or None,
        "walltime_s": queue.maxtime_s or None,
        "platforms": sorted(queue.platforms),
        "resource_types": list(queue.resource_types),
    }


_ACTS = {"add": _add, "ls": _ls, "show": _show, "set": _set, "rm": _rm}
