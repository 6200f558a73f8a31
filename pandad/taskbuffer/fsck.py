"""Look for what cannot be: the table of invariants, and the one that runs them.

Nothing here writes but `repair`. Each look is a read-only transaction of its own, so that neither locks nor the clean-up of the
hot tables wait for the whole of them; and what it finds is looked at once more before it is believed.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pandad.spec.act import Doer
from pandad.spec.errors import StoreUnavailable
from pandad.taskbuffer import audit, migrate
from pandad.taskbuffer.fsck_archive import ARCHIVE
from pandad.taskbuffer.fsck_cache import CACHE
from pandad.taskbuffer.fsck_data import DATA
from pandad.taskbuffer.fsck_events import EVENTS
from pandad.taskbuffer.fsck_jobs import JOBS
from pandad.taskbuffer.fsck_placements import PLACEMENTS
from pandad.taskbuffer.fsck_rights import RIGHTS
from pandad.taskbuffer.fsck_rows import ROWS
from pandad.taskbuffer.fsck_schema import BEHIND, JUMP, RAISE_SERIALS, SCHEMA
from pandad.taskbuffer.fsck_tallies import TALLIES
from pandad.taskbuffer.fsck_tasks import TASKS
from pandad.taskbuffer.invariant import Invariant
from pandad.taskbuffer.statement import ddl, sql
from pandad.taskbuffer.store import Store, Transaction
from pandad.taskbuffer.tallies import RECOUNT

# The schema first: where it is broken, the looks at what is in it may fail.
INVARIANTS: Sequence[Invariant] = (
    *SCHEMA, *JOBS, *ROWS, *EVENTS, *ARCHIVE, *RIGHTS, *CACHE, *TALLIES, *PLACEMENTS, *DATA, *TASKS)

# Where one of these is broken nothing else can be looked at: the statements name states and columns that may not be there.
BASIS = frozenset({"schema-version", "schema-states"})

MOST = 20  # findings of one invariant; more of them say nothing new
PAUSE_S = 1.0  # before the second look

# The plans of all other statements avoid reading whole tables; here that is what is wanted, and a loop over rows that PostgreSQL
# takes for few can last for hours.
_SESSION = ddl("fsck.session", """
    SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY;
    SET LOCAL enable_seqscan = on; SET LOCAL enable_bitmapscan = on; SET LOCAL enable_nestloop = off;
    SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL work_mem = '128MB'; SET LOCAL datestyle = 'ISO'""")

_PAUSE = sql("fsck.pause", "SELECT pg_sleep(%(pause_s)s::float)")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that cannot be. ``id``: a PandaID wherever there is one."""

    invariant: Invariant
    id: str
    text: str


@dataclass(frozen=True, slots=True)
class Report:
    """What was looked at and found. ``more``: invariants that may have findings beside those listed.

    :param stopped: why it could not go on, "" if it came to the end; what was found until then is listed.
    """

    looked_at: int
    findings: Sequence[Finding] = field(default_factory=list)
    more: Collection[str] = field(default_factory=list)
    stopped: str = ""


Bounds = Mapping[str, Any]


def bounds(days: int, gap: int) -> Bounds:
    """The parameters that invariants' statements may use.

    :param days: how far back the history is looked at.
    :param gap: how many ids may have been given out that the database knows nothing of, as after a restore.
    """
    migrations = migrate.known()
    return {"days": days, "gap": gap, "most": MOST, "numbers": [m.number for m in migrations],
            "digests": [m.digest for m in migrations], "names": names(m.text for m in migrations)}


_NAMED = re.compile(r"(DROP )?(?:INDEX|CONSTRAINT) (?:CONCURRENTLY |IF (?:NOT )?EXISTS )*(\w+)")
_COMMENT = re.compile(r"--.*")


def names(texts: Iterable[str]) -> list[str]:
    """The indexes and constraints that migrations make by name and that no later one drops."""
    standing: dict[str, None] = {}
    for drop, name in (found for text in texts for found in _NAMED.findall(_COMMENT.sub("", text))):
        if drop:
            standing.pop(name, None)
        else:
            standing[name] = None
    return list(standing)


async def examine(store: Store, wanted: Sequence[Invariant], within: Bounds, pause_s: float = PAUSE_S) -> Report:
    """Look for what breaks these invariants, and once more at what was found; a database that cannot answer stops it.

    :param within: see `bounds`.
    """
    seen: dict[Invariant, list[Finding]] = {}
    looked_at, stopped = 0, ""
    try:
        for each in wanted:
            found = await store.transact("fsck_look", _look_apart, each, within)
            looked_at += 1
            if found:
                seen[each] = found
            if found and each.name in BASIS:
                stopped = f"{each.name} is broken, and without it there is no looking at the rest"
                break
        if seen:
            await store.once("fsck_pause", _pause, pause_s)
        for each, first in seen.items():
            seen[each] = await store.transact("fsck_look_again", _look_apart, each, within, [f.id for f in first])
    except StoreUnavailable as error:
        stopped = str(error)
    return _report(looked_at, seen, stopped)


def _report(looked_at: int, seen: Mapping[Invariant, Sequence[Finding]], stopped: str) -> Report:
    more = [each.name for each, found in seen.items() if len(found) >= MOST]
    return Report(looked_at, [finding for found in seen.values() for finding in found], more, stopped)


async def _look_apart(txn: Transaction, at: Invariant, within: Bounds, again: Collection[str] | None = None) -> list[Finding]:
    await txn.run(_SESSION)
    return await look(txn, at, within, again)


async def look(txn: Transaction, at: Invariant, within: Bounds, again: Collection[str] | None = None) -> list[Finding]:
    """What breaks an invariant as this transaction sees it.

    :param again: only these ids.
    """
    rows = await txn.many(at.look, **within, again=None if again is None else list(again))
    return [Finding(at, found_id, text) for found_id, text in rows]


async def _pause(txn: Transaction, pause_s: float) -> None:
    await txn.run(_PAUSE, pause_s=pause_s)


async def repair(store: Store, within: Bounds, by: Doer) -> list[str]:
    """Raise sequences and serials that are behind what is in use, and count anew: the only repairs that are right whatever went
    wrong.

    What a sequence is told stays even if its transaction does not; so that comes last, when it stands in the audit.

    :return: a sentence for each thing done.
    """
    done = await store.transact("fsck_repair", _raise_serials, within, by)
    await store.once("fsck_jump", _raise_sequences, within)
    return done


async def _raise_serials(txn: Transaction, within: Bounds, by: Doer) -> list[str]:
    done = [f"sequence {name} gives {next_id} next" for name, next_id in await txn.many(BEHIND, **within)]
    done += [f"the last jobDefinitionID of {subject} is {serial}" for subject, serial in await txn.many(RAISE_SERIALS)]
    done += [f"{jobs:+} jobs {status} at {queue or 'no queue'} are counted"
             for queue, status, jobs in await txn.many(RECOUNT)]
    if done:
        await audit.note(txn, by("fsck --repair", "; ".join(done)))
    return done


async def _raise_sequences(txn: Transaction, within: Bounds) -> None:
    await txn.many(JUMP, **within)
