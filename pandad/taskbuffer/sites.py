"""PanDA queues and what runs on them; storage endpoints, and the links between them.

A queue has three words on its status: its source's, an operator's, which goes before while it lasts, and `gone`, when the source
does not have the queue any more. `effective` is what becomes of them, evaluated whenever it is asked for.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from pandad.spec.dump import text_of
from pandad.spec.errors import BadRequest, Conflict, NotFound
from pandad.spec.facts import Link
from pandad.spec.jobstatus import IN_SLOT, JobStatus
from pandad.spec.site import Queue, QueueStatus, stored_queue
from pandad.spec.storage import Endpoint, endpoint_from_description
from pandad.taskbuffer import deferrals, sources
from pandad.taskbuffer.statement import listed, sql
from pandad.taskbuffer.store import Transaction


def effective(queue: str) -> str:
    """The status of a row of the table queue, in SQL; ``queue``: the row's name there."""
    return _of_who_counts(queue, f"{queue}.override", f"'{QueueStatus.OFFLINE}'", f"{queue}.status")


def _of_who_counts(queue: str, operator: str, gone: str, source: str) -> str:
    return (f"CASE WHEN {queue}.override IS NOT NULL AND coalesce({queue}.until > now(), true) THEN {operator}"
            f" WHEN {queue}.gone IS NOT NULL THEN {gone} ELSE {source} END")


_REASON = _of_who_counts("q", "q.reason", "concat('not in ', q.source, ' any more')", "''")
_STATUS = f"{effective('q')}, {_REASON}"

_PUT = sql("sites.put", """
    INSERT INTO queue (name, description, status, changedby) VALUES (%(name)s, %(description)s, %(status)s, %(who)s)
    ON CONFLICT (name) DO UPDATE SET description = EXCLUDED.description, status = EXCLUDED.status, source = NULL, gone = NULL,
        changedby = EXCLUDED.changedby, changed = now()""")

_SET_STATUS = sql("sites.set_status", """
    UPDATE queue SET override = %(status)s, reason = %(reason)s, setby = %(who)s, setat = now(),
        until = coalesce(%(until)s::timestamptz, now() + %(lasting)s::interval)
    WHERE name = %(name)s RETURNING coalesce(until > now(), true)""")

_LIFT = sql("sites.lift", """
    UPDATE queue SET override = NULL, reason = NULL, setby = NULL, setat = NULL, until = NULL WHERE name = %(name)s""")

_LAPSE = sql("sites.lapse", f"""
    WITH over AS (SELECT name, override FROM queue WHERE until <= now() FOR UPDATE SKIP LOCKED)
    UPDATE queue q SET override = NULL, reason = NULL, setby = NULL, setat = NULL, until = NULL
    FROM over WHERE q.name = over.name RETURNING q.name, over.override, {effective("q")}""")

_FIND_ALL = sql("sites.find_all", f"SELECT name, digest, {_STATUS} FROM queue q ORDER BY name")

_TEXTS = sql("sites.texts", "SELECT name, digest, description FROM queue WHERE digest = ANY (%(digests)s::text[])")

_FIND = sql("sites.find", f"SELECT description, {_STATUS} FROM queue q WHERE name = %(name)s")

_SERVED = sql("sites.served", f"SELECT description, status, {effective('q')} FROM queue q WHERE name = %(name)s")

_SERVED_ALL = sql("sites.served_all", f"SELECT name, description, status, {effective('q')} FROM queue q ORDER BY name")

_STANDINGS = sql("sites.standings", f"""
    SELECT name, description, {_STATUS}, status, source, gone, changedby, changed,
           CASE WHEN coalesce(until > now(), true) THEN override END, reason, setby, setat, until
    FROM queue q WHERE name = coalesce(%(name)s, name) ORDER BY name""")

_REMOVE = sql("sites.remove", "DELETE FROM queue WHERE name = %(name)s")

PLACED = IN_SLOT | {JobStatus.ASSIGNED, JobStatus.WAITING, JobStatus.ACTIVATED, JobStatus.HOLDING, JobStatus.TRANSFERRING}
HELD = frozenset({JobStatus.THROTTLED, JobStatus.MERGING})  # they have a queue too, and are not counted
_PLACED = listed(PLACED)

_JOBS_AT = sql("sites.jobs_at", f"""
    SELECT computingsite, sum(jobs) FROM (
        SELECT computingsite, count(*) AS jobs FROM job
        WHERE jobstatus IN ({_PLACED}) AND computingsite = ANY (%(names)s::text[]) GROUP BY 1
        UNION ALL
        SELECT computingsite, count(*) FROM job
        WHERE jobstatus IN ({listed(HELD)}) AND computingsite = ANY (%(names)s::text[]) GROUP BY 1) AS found
    GROUP BY 1""", planned_each_time=True)

_ENDPOINTS = sql("sites.endpoints", "SELECT name, digest FROM endpoint ORDER BY name")

_ENDPOINT_TEXTS = sql("sites.endpoint_texts", """
    SELECT name, digest, description FROM endpoint WHERE digest = ANY (%(digests)s::text[])""")

_ENDPOINTS_VERSION = sql("sites.endpoints_version", "SELECT count(*), max(changed) FROM endpoint")

_SERVED_ENDPOINTS = sql("sites.served_endpoints", "SELECT name, description FROM endpoint")

_LINKS = sql("sites.links", """
    SELECT src, dst, distance FROM link WHERE %(starts)s::text[] IS NULL OR src = ANY (%(starts)s::text[])""",
    planned_each_time=True)

# What was read of a text is right for ever, whatever database it came from.
_queues: dict[tuple[str, str], Queue] = {}
_endpoints: dict[tuple[str, str], Endpoint] = {}
REMEMBERED, PORTION = 5000, 25


@dataclass(frozen=True, slots=True)
class Override:
    """An operator's word on a status, until when it lasts, and whose it is."""

    status: QueueStatus
    reason: str
    set_by: str
    set_at: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Standing:
    """A queue, and how it came to be as it is.

    :param queue: with its effective status. :param told: its source's word. :param source: None: added by hand.
    :param gone: since when the source does not have it any more. :param changed: the description, and by whom.
    :param override: None if there is none, or its time is over.
    """

    queue: Queue
    told: QueueStatus
    source: str | None
    gone: datetime | None
    changed_by: str
    changed: datetime
    override: Override | None


class QueueInUse(Conflict):
    """A queue that cannot be removed now."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"queue {name} {problem}")
        self.name = name


async def put(txn: Transaction, queue: Queue, who: str) -> None:
    """Add a queue by hand, or replace its description. An operator's word on its status stays."""
    await txn.run(_PUT, name=queue.name, description=text_of(queue.description), status=queue.status, who=who)
    await sources.forget(txn, sources.QUEUES)
    await deferrals.changed(txn)


async def set_status(
    txn: Transaction, name: str, status: QueueStatus, reason: str, who: str, until: datetime | timedelta | None = None
) -> Queue:
    """Decide whether a queue takes work, whatever its source says.

    :param until: when that ends by itself, or after what time; None: not at all.
    :raise NotFound: there is no such queue. :raise BadRequest: that time is over already.
    """
    moment, lasting = (until, None) if isinstance(until, datetime) else (None, until)
    row = await txn.maybe(_SET_STATUS, name=name, status=status, reason=reason, who=who, until=moment, lasting=lasting)
    if row is None:
        raise NotFound("queue", name)
    if not row[0]:
        raise BadRequest("until", "is over already; write a time to come")
    await deferrals.changed(txn)
    return await find(txn, name)


async def lift(txn: Transaction, name: str) -> Queue:
    """Let the source's word on a queue's status count again.

    :raise NotFound: there is no such queue.
    """
    if not await txn.run(_LIFT, name=name):
        raise NotFound("queue", name)
    await deferrals.changed(txn)
    return await find(txn, name)


async def lapse(txn: Transaction) -> list[tuple[str, str, str]]:
    """Take away the operators' words whose time is over: (queue, that word, the status now). They did not count any more."""
    over = [(name, word, status) for name, word, status in await txn.many(_LAPSE)]
    if over:
        await deferrals.changed(txn)
    return over


async def remove(txn: Transaction, name: str) -> None:
    """Take a queue out.

    :raise NotFound: there is no such queue.
    :raise QueueInUse: it takes work, or there are jobs.
    """
    queue = await find(txn, name)
    if queue.status is not QueueStatus.OFFLINE:
        raise QueueInUse(name, f"is {queue.status}; run `pandad queue set {name} status=offline` first")
    jobs = (await jobs_at(txn, [name])).get(name, 0)
    if jobs:
        raise QueueInUse(name, f"has {jobs} jobs; kill them, or wait until they have ended")
    await txn.run(_REMOVE, name=name)
    await sources.forget(txn, sources.QUEUES)


async def find(txn: Transaction, name: str) -> Queue:
    """One queue.

    :raise NotFound: there is no such queue.
    """
    row = await txn.maybe(_FIND, name=name)
    if row is None:
        raise NotFound("queue", name)
    text, *word = row
    return _with(stored_queue(json.loads(text), name), *word)


async def find_all(txn: Transaction) -> list[Queue]:
    """All queues, by name. Only descriptions that this process has not read yet are read."""
    rows = await txn.many(_FIND_ALL)
    unread = {digest for name, digest, *_ in rows if (name, digest) not in _queues}
    for some in _portions(unread):
        for name, digest, text in await txn.many(_TEXTS, digests=some):
            _remember(_queues, (name, digest), stored_queue(json.loads(text), name))
    return [_with(_queues[name, digest], *word) for name, digest, *word in rows if (name, digest) in _queues]


async def standings(txn: Transaction, name: str | None = None) -> list[Standing]:
    """All queues, or one, by name, with how they came to be as they are."""
    return [_standing(*row) for row in await txn.many(_STANDINGS, name=name)]


async def served(txn: Transaction, name: str) -> str:
    """The description of a queue as a JSON text: as its source has it, with the status that counts.

    :raise NotFound: there is no such queue.
    """
    row = await txn.maybe(_SERVED, name=name)
    if row is None:
        raise NotFound("queue", name)
    return _served(*row)


async def served_all(txn: Transaction) -> dict[str, str]:
    """The same of all queues, by name."""
    return {name: _served(*row) for name, *row in await txn.many(_SERVED_ALL)}


async def jobs_at(txn: Transaction, names: Collection[str]) -> dict[str, int]:
    """How many live jobs those of these queues have that have any."""
    return {name: int(jobs) for name, jobs in await txn.many(_JOBS_AT, names=list(names))}


async def endpoints(txn: Transaction) -> dict[str, Endpoint]:
    """The imported storage endpoints, but for one whose description an earlier pandad took and this one cannot read."""
    rows = await txn.many(_ENDPOINTS)
    unread = {digest for name, digest in rows if (name, digest) not in _endpoints}
    for some in _portions(unread):
        for name, digest, text in await txn.many(_ENDPOINT_TEXTS, digests=some):
            with suppress(BadRequest):
                _remember(_endpoints, (name, digest), endpoint_from_description(json.loads(text), name))
    return {name: _endpoints[name, digest] for name, digest in rows if (name, digest) in _endpoints}


async def endpoints_version(txn: Transaction) -> tuple[object, ...]:
    """Another one whenever an endpoint was added, changed or removed."""
    return tuple(await txn.one(_ENDPOINTS_VERSION))


async def served_endpoints(txn: Transaction) -> dict[str, str]:
    """The descriptions of the imported storage endpoints by name, as JSON texts, as their source has them."""
    return dict(await txn.many(_SERVED_ENDPOINTS))


async def links(txn: Transaction, starts: Collection[str] | None = None) -> dict[tuple[str, str], Link]:
    """Distances by (from, to) of storage endpoints or sites.

    :param starts: only those from here; all of a grid are many thousands.
    """
    rows = await txn.many(_LINKS, starts=None if starts is None else list(starts))
    return {(src, dst): Link(distance, blocked=distance is None) for src, dst, distance in rows}


def _standing(name: str, text: str, status: str, reason: str, told: str, *rest: Any) -> Standing:
    source, gone, changed_by, changed_at, override, *word = rest
    queue = _with(stored_queue(json.loads(text), name), status, reason)
    return Standing(queue, QueueStatus(told), source, gone, changed_by, changed_at,
                    Override(QueueStatus(override), *word) if override is not None else None)


def _with(queue: Queue, status: str, reason: str) -> Queue:
    """The queue as it is while another word than its description's counts."""
    if queue.problem is not None or (queue.status == status and not reason):
        return queue
    if queue.status == status:
        return replace(queue, status_reason=reason)
    return replace(queue, status=QueueStatus(status), status_reason=reason, description={**queue.description, "status": status})


def _served(text: str, told: str, status: str) -> str:
    return text if status == told else text_of({**json.loads(text), "status": status})


def _portions(digests: Collection[str]) -> Iterator[list[str]]:
    """Reading hundreds of descriptions at once would have pilots wait."""
    waiting = iter(digests)
    while some := list(islice(waiting, PORTION)):
        yield some


def _remember(known: dict[tuple[str, str], Any], key: tuple[str, str], read: object) -> None:
    if len(known) >= REMEMBERED:
        known.clear()
    known[key] = read
