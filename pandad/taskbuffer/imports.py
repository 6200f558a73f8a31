"""Dumps of queues, storage endpoints and links into the store: all of a dump or nothing, and a word on what changes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pandad.spec.difference import Difference, KeyChange, key_changes
from pandad.spec.dump import Dump, Links, Mistake
from pandad.spec.errors import PandadError
from pandad.spec.site import KEYS, Queue
from pandad.spec.storage import Endpoint
from pandad.taskbuffer import deferrals, sites, sources
from pandad.taskbuffer.pool import Row
from pandad.taskbuffer.statement import as_json, ddl, sql
from pandad.taskbuffer.store import Transaction

ORIGIN = "(imported from)"  # no key of CRIC's

# One import at a time, and nobody sets a status in between; who reads does not wait.
_LOCK = {kind: ddl(f"imports.lock_{table}", f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE")
         for kind, table in ((sources.QUEUES, "queue"), (sources.ENDPOINTS, "endpoint"), (sources.LINKS, "link"))}

_QUEUES = sql("imports.queues", "SELECT name, description, status, source, gone IS NOT NULL FROM queue ORDER BY name")

_PUT_QUEUES = sql("imports.put_queues", """
    INSERT INTO queue (name, description, status, source, changedby)
    SELECT name, description, status, %(source)s, %(who)s
    FROM unnest(%(names)s::text[], %(texts)s::text[], %(statuses)s::text[]) AS d(name, description, status)
    ON CONFLICT (name) DO UPDATE SET description = EXCLUDED.description, status = EXCLUDED.status, source = EXCLUDED.source,
        gone = NULL, changedby = EXCLUDED.changedby, changed = now()""")

_GONE_QUEUES = sql("imports.gone_queues", """
    UPDATE queue SET gone = now(), changedby = %(who)s, changed = now() WHERE name = ANY (%(names)s::text[])""")

_REMOVE_QUEUES = sql("imports.remove_queues", "DELETE FROM queue WHERE name = ANY (%(names)s::text[])")

_ENDPOINTS = sql("imports.endpoints", "SELECT name, description, source FROM endpoint ORDER BY name")

# Not now(): who waited for the lock may have begun before the one who had it, and the newest time is the version of them all.
_PUT_ENDPOINTS = sql("imports.put_endpoints", """
    INSERT INTO endpoint (name, description, source, changed)
    SELECT name, description, %(source)s, clock_timestamp()
    FROM unnest(%(names)s::text[], %(texts)s::text[]) AS d(name, description)
    ON CONFLICT (name) DO UPDATE
    SET description = EXCLUDED.description, source = EXCLUDED.source, changed = EXCLUDED.changed""")

_REMOVE_ENDPOINTS = sql("imports.remove_endpoints", "DELETE FROM endpoint WHERE name = ANY (%(names)s::text[])")

# A grid's links are tens of thousands: they go there as one text, and only what differs comes back.
_TOLD = "jsonb_to_recordset(%(links)s::jsonb) AS t(src text, dst text, distance integer)"

_KNOWN_LINKS = sql("imports.known_links", "SELECT count(*) FROM link WHERE source = %(source)s")

_LINKS = sql("imports.links", f"""
    SELECT t.src, t.dst, NULL, t.distance, NULL FROM {_TOLD}
    WHERE NOT EXISTS (SELECT FROM link l WHERE l.src = t.src AND l.dst = t.dst)
    UNION ALL
    SELECT t.src, t.dst, l.distance, t.distance, l.source FROM {_TOLD} JOIN link l ON l.src = t.src AND l.dst = t.dst
    WHERE l.distance IS DISTINCT FROM t.distance OR l.source <> %(source)s
    ORDER BY 1, 2""", planned_each_time=True)

_GONE_LINKS = sql("imports.gone_links", f"""
    SELECT l.src, l.dst FROM link l
    WHERE l.source = %(source)s AND NOT EXISTS (SELECT FROM {_TOLD} WHERE l.src = t.src AND l.dst = t.dst)
    ORDER BY 1, 2""", planned_each_time=True)

_PUT_LINKS = sql("imports.put_links", f"""
    INSERT INTO link AS l (src, dst, distance, source) SELECT t.src, t.dst, t.distance, %(source)s FROM {_TOLD}
    ON CONFLICT (src, dst) DO UPDATE SET distance = EXCLUDED.distance, source = EXCLUDED.source
    WHERE l.distance IS DISTINCT FROM EXCLUDED.distance OR l.source <> EXCLUDED.source""", planned_each_time=True)

_REMOVE_LINKS = sql("imports.remove_links", """
    DELETE FROM link l USING unnest(%(src)s::text[], %(dst)s::text[]) AS d(src, dst) WHERE l.src = d.src AND l.dst = d.dst""")


class BadDump(PandadError):
    """Nothing of a dump was taken, because of what is wrong in it: a line for each mistake."""

    def __init__(self, source: str, mistakes: Sequence[Mistake]) -> None:
        super().__init__("\n".join(f"{source}: {mistake}" for mistake in mistakes))
        self.mistakes = mistakes


class Halved(PandadError):
    """A source suddenly lacks most of what it had: rather it is broken than all of that gone."""

    def __init__(self, source: str, kind: str, known: int, left: int) -> None:
        flag = "" if kind == sources.QUEUES else f"--{kind} "
        super().__init__(f"{source} has only {left} of the {known} {kind} that it had; nothing is changed. If that is right, run "
                         f"`pandad queue import {flag}{source}`")
        self.known, self.left = known, left


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How to take a dump.

    :param source: where it is from; what came from there before and is not in it now is gone. :param who: takes it.
    :param skip_bad: leave what is wrong in it as it is here; else nothing is taken. :param prune: remove the queues that are gone
        and have no jobs. :param guarded: refuse it if most of what came from there before is missing. :param dry: only say what
        would change. :param detailed: of so many things say what changed in them; None: of all.
    """

    source: str
    who: str
    skip_bad: bool = False
    prune: bool = False
    guarded: bool = False
    dry: bool = False
    detailed: int | None = None

    def check(self, kind: str, count: int, mistakes: Sequence[Mistake], known: int, left: int) -> None:
        """Whether a dump of so many can be taken, of which this source had `known` before, and has `left` of those.

        :raise BadDump, Halved: it cannot.
        """
        if mistakes and not self.skip_bad:
            raise BadDump(self.source, mistakes)
        if not count:
            raise BadDump(self.source, [*mistakes, Mistake("", "", f"has no {kind}")])
        if self.guarded and left * 2 < known:
            raise Halved(self.source, kind, known, left)


async def take_queues(txn: Transaction, dump: Dump[Queue], manner: Manner) -> Difference:
    """Make the queues of a source those of its dump. Operators' words on their status stay.

    :raise BadDump, Halved: nothing was changed.
    """
    await txn.run(_LOCK[sources.QUEUES])
    here = {row[0]: row for row in await txn.many(_QUEUES)}
    ours = {name for name, (_, _, _, source, gone) in here.items() if source == manner.source and not gone}
    manner.check(sources.QUEUES, len(dump.things), dump.mistakes, len(ours), len(dump.things.keys() & ours))
    found = _queue_difference(dump, here, manner)
    if manner.prune:
        found = await _pruned(txn, found, [n for n, row in here.items() if row[3] == manner.source and n not in dump.names])
    if not manner.dry and not found.is_empty:
        await _put_queues(txn, dump, sorted({*found.added, *found.changed, *found.back}), manner)
        await txn.run(_GONE_QUEUES, names=list(found.gone), who=manner.who)
        await txn.run(_REMOVE_QUEUES, names=list(found.removed))
        await sources.forget(txn, sources.QUEUES)
        if _decides(found):
            await deferrals.changed(txn)
    return found


def _queue_difference(dump: Dump[Queue], here: Mapping[str, Row], manner: Manner) -> Difference:
    both = sorted(dump.things.keys() & here.keys())
    changed: dict[str, Sequence[KeyChange]] = {}
    for name in both:
        _, text, status, source, _ = here[name]
        if (text, status, source) != (dump.texts[name], dump.things[name].status, manner.source):
            full = manner.detailed is None or len(changed) < manner.detailed
            changed[name] = [*(_changes(text, dump.texts[name]) if full else ()), *_moved(source, manner.source)]
    back = [name for name in both if here[name][4]]
    gone = [name for name, row in here.items() if row[3] == manner.source and not row[4] and name not in dump.names]
    return Difference(
        added=sorted(dump.things.keys() - here.keys()), changed=changed, gone=gone, back=back,
        unread=sorted({mistake.name for mistake in dump.mistakes}), same=len(both) - len({*changed, *back}))


def _decides(found: Difference) -> bool:
    """Whether a job may go elsewhere now. Sources touch dates and comments all day, and many jobs may wait."""
    keys = [{change.key for change in changes} for changes in found.changed.values()]
    return bool(found.added or found.gone or found.back or found.removed) or any(not each or each & KEYS.keys() for each in keys)


async def _pruned(txn: Transaction, found: Difference, candidates: Sequence[str]) -> Difference:
    jobs = await sites.jobs_at(txn, candidates)
    removed = [name for name in candidates if name not in jobs]
    return replace(found, removed=removed, gone=[name for name in found.gone if name not in removed])


async def _put_queues(txn: Transaction, dump: Dump[Queue], names: Sequence[str], manner: Manner) -> None:
    await txn.run(_PUT_QUEUES, names=names, texts=[dump.texts[name] for name in names], source=manner.source, who=manner.who,
                  statuses=[dump.things[name].status.value for name in names])


async def take_endpoints(txn: Transaction, dump: Dump[Endpoint], manner: Manner) -> Difference:
    """Make the storage endpoints of a source those of its dump; those that it does not have any more are removed.

    :raise BadDump, Halved: nothing was changed.
    """
    await txn.run(_LOCK[sources.ENDPOINTS])
    here = {name: (text, source) for name, text, source in await txn.many(_ENDPOINTS)}
    ours = {name for name, (_, source) in here.items() if source == manner.source}
    manner.check(sources.ENDPOINTS, len(dump.things), dump.mistakes, len(ours), len(dump.things.keys() & ours))
    both = dump.things.keys() & here.keys()
    changed = {name: [*_changes(here[name][0], dump.texts[name]), *_moved(here[name][1], manner.source)]
               for name in sorted(both) if here[name] != (dump.texts[name], manner.source)}
    found = Difference(
        added=sorted(dump.things.keys() - here.keys()), changed=changed, removed=sorted(ours - dump.names),
        unread=sorted({mistake.name for mistake in dump.mistakes}), same=len(both) - len(changed))
    if not manner.dry and not found.is_empty:
        names = [*found.added, *found.changed]
        await txn.run(_PUT_ENDPOINTS, names=names, texts=[dump.texts[name] for name in names], source=manner.source)
        await txn.run(_REMOVE_ENDPOINTS, names=list(found.removed))
        await sources.forget(txn, sources.ENDPOINTS)
    return found


async def take_links(txn: Transaction, told: Links, manner: Manner) -> Difference:
    """Make the links of a source those of its dump; those that it does not have any more are removed.

    :raise BadDump, Halved: nothing was changed.
    """
    await txn.run(_LOCK[sources.LINKS])
    text = as_json({"src": src, "dst": dst, "distance": link.distance} for (src, dst), link in told.links.items())
    kept = {mistake.name for mistake in told.mistakes}
    missing = await txn.many(_GONE_LINKS, links=text, source=manner.source)
    gone = [(src, dst) for src, dst in missing if _spelt(src, dst) not in kept]
    (known,) = await txn.one(_KNOWN_LINKS, source=manner.source)
    manner.check(sources.LINKS, len(told.links), told.mistakes, known, known - len(gone))
    rows = await txn.many(_LINKS, links=text, source=manner.source)
    added = [_spelt(src, dst) for src, dst, _, _, source in rows if source is None]
    changed: dict[str, Sequence[KeyChange]] = {}
    for src, dst, old, new, source in rows:
        if source is not None:
            full = manner.detailed is None or len(changed) < manner.detailed
            changed[_spelt(src, dst)] = [*_further(old, new), *_moved(source, manner.source)] if full else ()
    if not manner.dry and (rows or gone):
        await txn.run(_PUT_LINKS, links=text, source=manner.source)
        await txn.run(_REMOVE_LINKS, src=[src for src, _ in gone], dst=[dst for _, dst in gone])
        await sources.forget(txn, sources.LINKS)
    return Difference(added=added, changed=changed, removed=[_spelt(*pair) for pair in gone], unread=sorted(kept),
                      same=len(told.links) - len(rows))


def _changes(old: str, new: str) -> list[KeyChange]:
    return key_changes(json.loads(old), json.loads(new))


def _moved(old: str | None, new: str) -> list[KeyChange]:
    return [] if old == new else [KeyChange(ORIGIN, json.dumps(old or "by hand"), json.dumps(new))]


def _further(old: int | None, new: int | None) -> list[KeyChange]:
    words = [json.dumps("blocked" if distance is None else distance) for distance in (old, new)]
    return [] if words[0] == words[1] else [KeyChange("distance", words[0], words[1])]


def _spelt(src: str, dst: str) -> str:
    return f"{src} to {dst}"


Taken = Dump[Queue] | Dump[Endpoint] | Links


async def take(txn: Transaction, kind: str, taken: Any, manner: Manner) -> Difference:
    """Whichever of them it is.

    :raise BadDump, Halved: nothing was changed.
    """
    takers: Mapping[str, Any] = {
        sources.QUEUES: take_queues, sources.ENDPOINTS: take_endpoints, sources.LINKS: take_links}
    found: Difference = await takers[kind](txn, taken, manner)
    return found
