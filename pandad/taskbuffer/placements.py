"""Input on its way: which files a transfer brings to which endpoint, by which rule, and which jobs wait for it.

A placement is one dispatch dataset with one rule at one endpoint. A file is brought to an endpoint by one placement at a time,
whoever misses it there. The jobs are not told what arrived: they are looked at anew (`wake`), by what the catalogue says then.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from pandad.spec.file import FileName
from pandad.spec.jobstatus import FINAL, JobStatus
from pandad.taskbuffer.outages import lived_s
from pandad.taskbuffer.statement import as_json, listed, sql
from pandad.taskbuffer.store import Transaction


class PlacementStatus(StrEnum):
    """How far a placement is."""

    WANTED = "wanted"  # its dataset and its rule are to be made
    MOVING = "moving"  # it has a rule
    THERE = "there"    # all of it has arrived


P = PlacementStatus
ERRAND = "dispatch"  # the kind of errand that makes dataset and rule; its key is the number of the placement

_WAITING = f"('{JobStatus.ASSIGNED}', '{JobStatus.WAITING}')"
_LIVE = f"NOT IN ({listed(FINAL)})"


@dataclass(frozen=True, slots=True)
class NewPlacement:
    """What is to be brought.

    :param task, panda_id: of a job that needs it, for the name of the dataset. :param files: their bytes.
    :param round: how many placements of these files were given up before.
    """

    scope: str
    task: str
    panda_id: int
    endpoint: str
    activity: str
    files: Mapping[FileName, int]
    source: str | None = None
    round: int = 0


@dataclass(frozen=True, slots=True)
class Placement:
    """One whose rule is to be looked at.

    :param idle_s: since a file arrived, or since the rule was made. :param age_s: since it was wanted. Both without outages.
    :param needed: whether a live job waits for it, or may still read what it brought.
    """

    id: int
    scope: str
    name: str
    endpoint: str
    source: str | None
    activity: str
    round: int
    status: PlacementStatus
    files: int
    arrived: int
    rule: str
    problem: str | None
    age_s: float
    idle_s: float
    needed: bool


@dataclass(frozen=True, slots=True)
class Look:
    """What came of looking at a placement's rule, where it goes on. ``arrived``: files. ``check_in_s``: until the next look."""

    placement: Placement
    status: PlacementStatus
    arrived: int
    problem: str | None
    check_in_s: float


@dataclass(frozen=True, slots=True)
class Held:
    """A job that a placement keeps waiting. ``avoided``: see JobSpec."""

    panda_id: int
    queue: str
    is_pinned: bool
    avoided: list[str]


@dataclass(frozen=True, slots=True)
class Hindered:
    """One whose rule cannot be made as long as something does not pass, and why."""

    id: int
    scope: str
    name: str
    endpoint: str
    why: str


# Two activators at a time would each bring the same file; the lock is theirs only.
_LOCK = sql("placements.lock", "SELECT pg_advisory_xact_lock(7261637)")

# The lock on the rows keeps them from ending before the jobs are entered, which would not be woken then.
_UNDER_WAY = sql("placements.under_way", f"""
    SELECT f.scope, f.lfn, p.id, p.name FROM unnest(%(scopes)s::text[], %(lfns)s::text[]) AS w(scope, lfn)
    JOIN placement_file f ON f.endpoint = %(endpoint)s::text AND f.scope = w.scope AND f.lfn = w.lfn
    JOIN placement p ON p.id = f.placement
    WHERE p.status <> '{P.THERE}' FOR SHARE OF p""")

_KNOWN = sql("placements.known", f"""
    SELECT f.scope, f.lfn FROM unnest(%(scopes)s::text[], %(lfns)s::text[]) AS w(scope, lfn)
    JOIN placement_file f ON f.endpoint = %(endpoint)s::text AND f.scope = w.scope AND f.lfn = w.lfn
    JOIN placement p ON p.id = f.placement WHERE p.status <> '{P.THERE}'""")

# The name as PanDA's setupper makes it.
_ADD = sql("placements.add", """
    INSERT INTO placement (scope, name, endpoint, source, activity, round, files, bytes)
    VALUES (%(scope)s, concat('panda.', %(task)s::text, to_char(now() AT TIME ZONE 'UTC', '.MM.DD'), '.GEN.', gen_random_uuid(),
                              '_dis00', %(panda_id)s::bigint),
            %(endpoint)s, %(source)s, %(activity)s, %(round)s, %(files)s, %(bytes)s) RETURNING id, name""")

# A file that was brought before and is missed again belongs to who brings it now.
_ADD_FILES = sql("placements.add_files", """
    INSERT INTO placement_file (endpoint, scope, lfn, placement, bytes)
    SELECT %(endpoint)s::text, w.scope, w.lfn, %(placement)s::bigint, w.bytes
    FROM unnest(%(scopes)s::text[], %(lfns)s::text[], %(bytes)s::bigint[]) AS w(scope, lfn, bytes) ORDER BY 2, 3
    ON CONFLICT (endpoint, scope, lfn) DO UPDATE SET placement = EXCLUDED.placement, bytes = EXCLUDED.bytes""")

_HOLD = sql("placements.hold", """
    INSERT INTO placement_job (pandaid, placement)
    SELECT w.pandaid, w.placement FROM unnest(%(ids)s::bigint[], %(placements)s::bigint[]) AS w(pandaid, placement) ORDER BY 1, 2
    ON CONFLICT DO NOTHING RETURNING pandaid""")

_HOLD_READY = sql("placements.hold_ready", """
    INSERT INTO placement_job (pandaid, placement)
    SELECT DISTINCT i.pandaid, f.placement FROM file i
    JOIN placement_file f ON f.endpoint = i.dispatchdblocktoken AND f.scope = i.scope AND f.lfn = i.lfn
    WHERE i.pandaid = ANY (%(ids)s::bigint[]) AND i.type = 'input' ORDER BY 1, 2
    ON CONFLICT DO NOTHING""")

_SET_RULE = sql("placements.set_rule", f"""
    UPDATE placement SET status = '{P.MOVING}', rule = %(rule)s, problem = NULL, progressed = now(), nextcheck = now()
    WHERE id = %(id)s AND status = '{P.WANTED}' RETURNING id""")

_NEEDED = f"""EXISTS (SELECT FROM placement_job w JOIN job j USING (pandaid)
                      WHERE w.placement = p.id AND j.jobstatus {_LIVE})"""

_FIND = sql("placements.find", "SELECT scope, name, endpoint FROM placement WHERE id = %(id)s FOR UPDATE")

_HINDERED = sql("placements.hindered", f"""
    SELECT p.id, p.scope, p.name, p.endpoint, e.error FROM errand e JOIN placement p ON e.key = p.id::text
    WHERE e.kind = '{ERRAND}' AND e.obstacle IS NOT NULL AND p.status = '{P.WANTED}'
      AND (NOT {_NEEDED} OR %(after_s)s::float > 0 AND {lived_s("p.made")} > %(after_s)s::float AND EXISTS (
          SELECT FROM placement_job w JOIN job j USING (pandaid)
          WHERE w.placement = p.id AND j.jobstatus IN {_WAITING} AND j.relocationflag IS DISTINCT FROM 1))
    ORDER BY p.id LIMIT %(limit)s""", planned_each_time=True)

_ARE_WANTED = sql("placements.are_wanted", f"""
    SELECT id FROM placement WHERE id = ANY (%(ids)s::bigint[]) AND status = '{P.WANTED}'""")

_DUE = sql("placements.due", f"""
    SELECT p.id, p.scope, p.name, p.endpoint, p.source, p.activity, p.round, p.status, p.files, p.arrived, p.rule, p.problem,
           {lived_s("p.made")}, {lived_s("p.progressed")}, {_NEEDED}
    FROM placement p WHERE p.status <> '{P.WANTED}' AND p.nextcheck <= now()
    ORDER BY p.nextcheck, p.id LIMIT %(limit)s""", planned_each_time=True)

_LOOKED = sql("placements.looked", """
    UPDATE placement p SET
        progressed = CASE WHEN w.arrived > p.arrived THEN now() ELSE p.progressed END,
        status = w.status, arrived = w.arrived, problem = w.problem, nextcheck = now() + make_interval(secs => w.check_in_s)
    FROM jsonb_to_recordset(%(looks)s::jsonb) AS w(id bigint, rule text, status text, arrived int, problem text, check_in_s float)
    WHERE p.id = w.id AND p.rule = w.rule AND p.id = ANY (%(ids)s::bigint[]) RETURNING p.id""")

# An array, so that no plan begins with all jobs that wait.
_WAKE = sql("placements.wake", f"""
    UPDATE job SET nextcheck = now()
    WHERE pandaid = ANY (ARRAY(SELECT DISTINCT pandaid FROM placement_job WHERE placement = ANY (%(ids)s::bigint[])))
      AND jobstatus IN {_WAITING} AND nextcheck > now()""")

_FILES = sql("placements.files", "SELECT scope, lfn, bytes FROM placement_file WHERE placement = %(id)s ORDER BY 1, 2")

_HELD = sql("placements.held", f"""
    SELECT j.pandaid, j.computingsite, j.relocationflag = 1, j.avoided
    FROM placement_job w JOIN job j USING (pandaid)
    WHERE w.placement = %(id)s AND j.jobstatus IN {_WAITING} ORDER BY 1""")

_PASS_ON = sql("placements.pass_on", """
    INSERT INTO placement_job (pandaid, placement)
    SELECT pandaid, %(heir)s::bigint FROM placement_job WHERE placement = %(id)s ORDER BY 1 ON CONFLICT DO NOTHING""")

_DROP = sql("placements.drop", "DELETE FROM placement WHERE id = %(id)s RETURNING rule")

_LEAVE = sql("placements.leave", "DELETE FROM placement_job WHERE pandaid = ANY (%(ids)s::bigint[])")

_TOLD = sql("placements.told", f"""
    UPDATE placement SET nextcheck = now()
    WHERE status = '{P.MOVING}' AND nextcheck > now()
      AND (rule = ANY (%(rules)s::text[])
           OR (scope, name) IN (SELECT * FROM unnest(%(scopes)s::text[], %(names)s::text[])))""")

# Files come one by one: what comes within a few seconds is looked at together.
_TOLD_FILES = sql("placements.told_files", f"""
    UPDATE placement p SET nextcheck = now() + make_interval(secs => %(in_s)s)
    WHERE p.status = '{P.MOVING}' AND p.nextcheck > now() + make_interval(secs => %(in_s)s)
      AND p.id = ANY (ARRAY(
          SELECT DISTINCT f.placement
          FROM unnest(%(endpoints)s::text[], %(scopes)s::text[], %(lfns)s::text[]) AS w(endpoint, scope, lfn)
          JOIN placement_file f ON f.endpoint = w.endpoint AND f.scope = w.scope AND f.lfn = w.lfn))""")

async def under_way(txn: Transaction, endpoint: str, names: Collection[FileName]) -> set[FileName]:
    """Which of these files are being brought to that endpoint."""
    rows = await txn.many(_KNOWN, endpoint=endpoint, **_columns(names))
    return {FileName(scope, lfn) for scope, lfn in rows}


async def lock(txn: Transaction, endpoint: str, names: Collection[FileName]) -> dict[FileName, tuple[int, str]]:
    """By file, the placement that brings it to that endpoint: its number, and the name of its dataset. None of those ends before
    this transaction does."""
    await txn.run(_LOCK)
    rows = await txn.many(_UNDER_WAY, endpoint=endpoint, **_columns(names))
    return {FileName(scope, lfn): (number, name) for scope, lfn, number, name in rows}


async def add(txn: Transaction, new: NewPlacement) -> tuple[int, str]:
    """Want something brought; its number, and the name of its dataset. The errand that makes that is the caller's to ask for."""
    number, name = await txn.one(
        _ADD, scope=new.scope, task=new.task, panda_id=new.panda_id, endpoint=new.endpoint, source=new.source,
        activity=new.activity, round=new.round, files=len(new.files), bytes=sum(new.files.values()))
    await txn.run(_ADD_FILES, endpoint=new.endpoint, placement=number, bytes=list(new.files.values()), **_columns(new.files))
    return int(number), str(name)


def named_after(name: str) -> tuple[str, int]:
    """The task and the job that a dispatch dataset is named after."""
    return name.split(".")[1], int(name.rpartition("_dis00")[2])


async def hold(txn: Transaction, pairs: Iterable[tuple[int, int]]) -> set[int]:
    """These jobs wait for these placements: (PandaID, placement). The jobs that did not wait for all of theirs before."""
    ids, numbers = map(list, zip(*sorted(set(pairs)), strict=True))
    return {row[0] for row in await txn.many(_HOLD, ids=ids, placements=numbers)}


async def hold_ready(txn: Transaction, ids: Sequence[int]) -> None:
    """These jobs may read what was brought by others' placements, which have to be kept for them too."""
    await txn.run(_HOLD_READY, ids=list(ids))


async def set_rule(txn: Transaction, placement: int, rule: str) -> bool:
    """Its rule was made; whether it is still wanted."""
    return await txn.maybe(_SET_RULE, id=placement, rule=rule) is not None


async def find(txn: Transaction, placement: int) -> tuple[tuple[str, str], str] | None:
    """Its dataset (scope, name) and its endpoint; it stays until this transaction ends. None: it was dropped."""
    row = await txn.maybe(_FIND, id=placement)
    return ((row[0], row[1]), row[2]) if row is not None else None


async def hindered(txn: Transaction, after_s: float, limit: int) -> list[Hindered]:
    """Those for so long of which jobs could go elsewhere, 0: none; and those that nobody needs any more."""
    return [Hindered(*row) for row in await txn.many(_HINDERED, after_s=after_s, limit=limit)]


async def are_wanted(txn: Transaction, ids: Sequence[int]) -> set[int]:
    """Those of them whose rule is still to be made."""
    return {row[0] for row in await txn.many(_ARE_WANTED, ids=list(ids))}


async def due(txn: Transaction, limit: int) -> list[Placement]:
    """Those to look at now."""
    found = []
    for row in await txn.many(_DUE, limit=limit):
        values = list(row)
        values[7], values[12], values[13] = PlacementStatus(values[7]), float(values[12]), float(values[13])
        found.append(Placement(*values))
    return found


async def looked(txn: Transaction, looks: Sequence[Look]) -> set[int]:
    """Write down what came of looking; which placements were still there, with the rule that was looked at."""
    rows = [{"id": look.placement.id, "rule": look.placement.rule, "status": look.status, "arrived": look.arrived,
             "problem": look.problem, "check_in_s": look.check_in_s} for look in sorted(looks, key=lambda x: x.placement.id)]
    found = await txn.many(_LOOKED, looks=as_json(rows), ids=[row["id"] for row in rows])
    return {row[0] for row in found}


async def wake(txn: Transaction, ids: Collection[int]) -> None:
    """Have the jobs that wait for these placements looked at now."""
    if ids and await txn.run(_WAKE, ids=sorted(ids)):
        txn.hint("activator")


async def files(txn: Transaction, placement: int) -> dict[FileName, int]:
    """What it brings, with bytes."""
    return {FileName(scope, lfn): size for scope, lfn, size in await txn.many(_FILES, id=placement)}


async def held(txn: Transaction, placement: int) -> list[Held]:
    """The jobs that wait for it."""
    return [Held(panda_id, queue, pinned, list(avoided or ())) for panda_id, queue, pinned, avoided
            in await txn.many(_HELD, id=placement)]


async def pass_on(txn: Transaction, placement: int, heir: int) -> None:
    """Who waits for the one waits for the other too."""
    await txn.run(_PASS_ON, id=placement, heir=heir)


async def drop(txn: Transaction, placement: int) -> bool:
    """Forget it, its files and who waits for it; whether it was still there."""
    return await txn.maybe(_DROP, id=placement) is not None


async def leave(txn: Transaction, ids: Sequence[int]) -> None:
    """These jobs wait for nothing any more: their queue was taken away."""
    await txn.run(_LEAVE, ids=list(ids))


async def told(txn: Transaction, rules: Collection[str], datasets: Collection[tuple[str, str]]) -> int:
    """Somebody says that something happened to these rules or datasets (scope, name): they are looked at now. How many."""
    scopes, names = [scope for scope, _ in datasets], [name for _, name in datasets]
    return await txn.run(_TOLD, rules=sorted(rules), scopes=scopes, names=names)


async def told_files(txn: Transaction, arrived: Collection[tuple[str, FileName]], in_s: float) -> int:
    """Somebody says that these files came to these endpoints: what brings them is looked at soon. How many placements."""
    return await txn.run(_TOLD_FILES, endpoints=[endpoint for endpoint, _ in arrived], scopes=[n.scope for _, n in arrived],
                         lfns=[n.lfn for _, n in arrived], in_s=in_s)


def _columns(names: Iterable[FileName]) -> dict[str, list[str]]:
    listed_names = list(names)
    return {"scopes": [n.scope for n in listed_names], "lfns": [n.lfn for n in listed_names]}
