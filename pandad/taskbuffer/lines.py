"""Lines: jobs alike in all that decides who may take them, and whose turn it is, stand in one.

A line never changes, and goes when no job can stand in it any more. How that is known without an index on job, for which every
change of a state would pay: whoever puts a job into a line has it marked as used at that time. So a line that was last used
before the oldest job was made, of all that are not in the archive, has none of them. One old job keeps the lines that are younger
than it; that delays their end and no more.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import orjson

from pandad.spec.caller import Identity
from pandad.spec.job import JobSpec
from pandad.spec.line import Line
from pandad.taskbuffer.pool import Row
from pandad.taskbuffer.statement import sql
from pandad.taskbuffer.store import Transaction

_TEXTS = ("prodsourcelabel", "job_label", "processingtype", "resource_type")
_NUMBERS = ("minramcount", "maxdiskcount", "maxwalltime", "corecount", "jeditaskid")
_OWNED = ("workinggroup", "countrygroup", "owneranchor", "ownersubject", "produsername")
_COLUMNS = (*_TEXTS, *_NUMBERS, *_OWNED)

FRESH_S = 12 * 3600  # how long a line counts as just used: to write the time for each job would make a queue of submitters
UNUSED_S = 24 * 3600  # how long before the oldest job; the difference is for transactions under way, and for ids out of turn

# The digest is the same md5 as in schema/0003_lines.sql. A line that is fresh stays for hours, so it is only looked up. Any other
# is marked or made: whoever removes it at the same time either waits and finds it marked, or is waited for, and it is made anew.
_ENSURE = sql("lines.ensure", f"""
    WITH asked AS (
        SELECT n.*, md5(jsonb_build_array({", ".join("n." + c for c in _COLUMNS)})::text)::uuid AS digest
        FROM jsonb_to_recordset(%(lines)s::jsonb) AS n(place bigint, {", ".join(c + " text" for c in _TEXTS)},
            {", ".join(c + " bigint" for c in _NUMBERS)}, {", ".join(c + " text" for c in _OWNED)})),
    there AS (
        SELECT a.place, l.id FROM asked a JOIN line l USING (digest) WHERE l.used > now() - make_interval(secs => {FRESH_S})),
    made AS (
        INSERT INTO line (digest, {", ".join(_COLUMNS)})
        SELECT digest, {", ".join(_COLUMNS)} FROM asked WHERE place NOT IN (SELECT place FROM there) ORDER BY digest
        ON CONFLICT (digest) DO UPDATE SET used = now() RETURNING id, digest)
    SELECT place, id FROM there UNION ALL SELECT a.place, m.id FROM asked a JOIN made m USING (digest) ORDER BY place""")

# In order of the ids a job made a little earlier may come later, by the length of a transaction at most.
_REMOVE = sql("lines.remove", f"""
    DELETE FROM line WHERE id IN (
        SELECT id FROM line
        WHERE used < least(now(), (SELECT creationtime FROM job ORDER BY pandaid LIMIT 1)) - make_interval(secs => {UNUSED_S})
        ORDER BY used LIMIT %(limit)s FOR UPDATE SKIP LOCKED)""", planned_each_time=True)

_FIND = sql("lines.find", f"SELECT id, {', '.join(_COLUMNS)} FROM line WHERE id = ANY (%(ids)s::bigint[])")

_OF_USER = sql("lines.of_user", """
    SELECT l.id FROM unnest(%(anchors)s::text[], %(subjects)s::text[]) AS o(anchor, subject)
    JOIN line l ON l.ownersubject = o.subject AND l.owneranchor = o.anchor""")

_OF_GROUP = sql("lines.of_group", "SELECT id FROM line WHERE workinggroup = %(group)s AND workinggroup <> ''")


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A job in the columns of a line; '' and 0 for NULL."""

    values: tuple[str | int, ...]

    @classmethod
    def of(cls, job: JobSpec, owner: Identity) -> _Wanted:
        return cls((
            job.prodSourceLabel or "", job.job_label or "", job.processingType or "", job.resource_type or "",
            job.minRamCount, job.maxDiskCount, job.maxWalltime or 0, job.coreCount or 1, job.jediTaskID or 0,
            job.workingGroup or "", job.countryGroup or "", owner.anchor, owner.subject, job.prodUserName or ""))


async def ensure(txn: Transaction, jobs: Sequence[tuple[JobSpec, Identity]]) -> list[int]:
    """The line of each job of those owners, in order; lines that do not exist yet are made."""
    wanted = [_Wanted.of(job, owner) for job, owner in jobs]
    places = {each: place for place, each in enumerate(dict.fromkeys(wanted))}
    rows = [{"place": place, **dict(zip(_COLUMNS, each.values, strict=True))} for each, place in places.items()]
    ids: dict[int, int] = dict(await txn.many(_ENSURE, lines=orjson.dumps(rows).decode()))
    return [ids[places[each]] for each in wanted]


async def remove_unused(txn: Transaction, limit: int) -> int:
    """Remove lines in which no job stands, or can come to stand, at most so many, the longest unused first; how many it were."""
    return await txn.run(_REMOVE, limit=limit)


async def find(txn: Transaction, ids: Sequence[int]) -> list[Line]:
    """Those lines, in no order; what stands in them never changes."""
    return [_line(row) for row in await txn.many(_FIND, ids=list(ids))]


async def of(txn: Transaction, who: Collection[Identity] | str) -> list[int]:
    """All lines with jobs of a user, by his identities, or of a working group, by its name."""
    if isinstance(who, str):
        return [row[0] for row in await txn.many(_OF_GROUP, group=who)]
    anchors, subjects = [each.anchor for each in who], [each.subject for each in who]
    return [row[0] for row in await txn.many(_OF_USER, anchors=anchors, subjects=subjects)]


def _line(row: Row) -> Line:
    (line_id, label, job_label, processing, resource_type, memory_mb, disk_mb, walltime_s, cores, task_id, working_group,
     country_group, anchor, subject, owner_name) = row
    return Line(
        id=line_id, label=label, job_label=job_label, processing_type=processing, resource_type=resource_type,
        memory_mb=memory_mb, disk_mb=disk_mb, walltime_s=walltime_s, cores=cores, task_id=task_id, working_group=working_group,
        country_group=country_group, owner=Identity(anchor, subject), owner_name=owner_name)
