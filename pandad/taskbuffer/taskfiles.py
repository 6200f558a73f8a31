"""What tasks read and write, and the jobs that do it. Whoever calls has the task locked."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pandad.spec.jobstatus import FINAL, JobStatus
from pandad.spec.task import Counting, Figures, Input, KnownFile, TaskFile
from pandad.spec.taskstatus import FileStatus, Kind
from pandad.taskbuffer.pool import Row
from pandad.taskbuffer.statement import as_json, listed, sql
from pandad.taskbuffer.store import Transaction

CLOSED_TRIES = 3  # jobs of a file that pandad itself closed before they ran: then another one is made
NEVER = 2**62  # events: more than there are
INPUTS = "('input', 'pseudo_input')"
_FILE = ("f.id, f.dataset, d.name, d.container, f.scope, coalesce(f.part_of, f.lfn), f.guid, f.fsize, f.checksum, f.status, "
         "f.chunk, f.attemptnr, f.startevent, f.nevents, f.firstevent")

_ENSURE = sql("taskfiles.ensure", """
    INSERT INTO task_dataset (jeditaskid, type, name, container)
    SELECT %(task_id)s::bigint, * FROM unnest(%(types)s::text[], %(names)s::text[], %(containers)s::text[])
    ON CONFLICT (jeditaskid, type, name) DO NOTHING""")

# By dataset in the order that the task names them, then by name: skip and most mean the same files each time.
_FOUND = """
        SELECT d.id AS dataset, n.* FROM jsonb_to_recordset(%(files)s::jsonb) AS
            n(name text, place int, scope text, lfn text, guid text, size bigint, checksum text, events bigint)
        JOIN task_dataset d ON d.jeditaskid = %(task_id)s::bigint AND d.type = %(type)s::text AND d.name = n.name
        WHERE (cardinality(%(include)s::text[]) = 0 OR n.lfn ~ ANY (%(include)s::text[]))
          AND NOT n.lfn ~ ANY (%(exclude)s::text[])
          AND (cardinality(%(only)s::text[]) = 0 OR n.lfn = ANY (%(only)s::text[]))
        ORDER BY n.place, n.lfn, n.scope OFFSET %(skip)s::bigint LIMIT nullif(%(most)s::bigint, 0)"""

# A file that the task has already in another dataset of the input that it processes is none that it lacks. How many there are of
# both PostgreSQL cannot know, so that they are laid side by side and not looked for one by one.
_ADD = sql("taskfiles.add", f"""
    WITH found AS ({_FOUND}),
    side_by_side AS (
        SELECT dataset, place, scope, lfn, guid, size, checksum, false AS had FROM found UNION ALL
        SELECT NULL, NULL, f.scope, coalesce(f.part_of, f.lfn), NULL, NULL, NULL, true
        FROM task_dataset d JOIN task_file f ON f.dataset = d.id
        WHERE d.jeditaskid = %(task_id)s::bigint AND d.type = 'input' AND %(type)s::text = 'input'),
    compared AS (SELECT *, bool_or(had) OVER (PARTITION BY scope, lfn) AS known FROM side_by_side)
    INSERT INTO task_file (dataset, scope, lfn, guid, fsize, checksum, status)
    SELECT dataset, scope, lfn, guid, size, checksum, %(status)s::text FROM compared WHERE NOT known ORDER BY place, lfn, scope
    ON CONFLICT (dataset, scope, lfn) DO NOTHING""", planned_each_time=True)

# New files are cut where the events of all of them, one behind the other, reach a multiple of step.
_ADD_COUNTED = sql("taskfiles.add_counted", f"""
    WITH found AS ({_FOUND}),
    had AS (
        SELECT f.scope, coalesce(f.part_of, f.lfn) AS lfn, f.firstevent + f.nevents AS upto
        FROM task_dataset d JOIN task_file f ON f.dataset = d.id
        WHERE d.jeditaskid = %(task_id)s::bigint AND d.type = 'input'),
    fresh AS (
        SELECT dataset, place, scope, lfn, guid, size, checksum, coalesce(nullif(%(per_file)s::bigint, 0), events) AS events,
               (SELECT coalesce(max(upto), 0) FROM had) AS base
        FROM found WHERE (scope, lfn) NOT IN (SELECT scope, lfn FROM had)
          AND NOT (%(skip_empty)s::boolean AND events IS NOT DISTINCT FROM 0)),
    counted AS (
        SELECT *, (sum(events) OVER (ORDER BY place, lfn, scope))::bigint - events AS before FROM fresh),
    wanted AS (
        SELECT *, least(before + events, %(cut_at)s::bigint - base) AS upto FROM counted
        WHERE before IS NOT NULL AND (%(most_events)s::bigint = 0 OR base + before < %(most_events)s::bigint)),
    parts AS (SELECT coalesce(sum(upto - before) / %(step)s::bigint, 0) + count(*) AS number FROM wanted),
    cut AS (
        SELECT w.*, greatest(before, k * %(step)s::bigint) AS start, least(upto, (k + 1) * %(step)s::bigint) AS stop
        FROM wanted w CROSS JOIN LATERAL generate_series(before / %(step)s::bigint, (upto - 1) / %(step)s::bigint) AS k
        WHERE (SELECT number FROM parts) <= %(most_parts)s::bigint),
    made AS (
        INSERT INTO task_file (dataset, scope, lfn, guid, fsize, checksum, status, part_of, startevent, nevents, firstevent)
        SELECT dataset, scope, CASE WHEN stop - start = events THEN lfn ELSE concat(lfn, ':', start - before) END, guid, size,
               checksum, '{FileStatus.READY}', CASE WHEN stop - start < events THEN lfn END, start - before, stop - start,
               base + start
        FROM cut ORDER BY place, lfn, scope, start
        ON CONFLICT (dataset, scope, lfn) DO NOTHING)
    SELECT (SELECT number FROM parts)::bigint, (SELECT min(lfn) FROM fresh WHERE events IS NULL)""", planned_each_time=True)

_ADD_PSEUDO = sql("taskfiles.add_pseudo", f"""
    INSERT INTO task_file (dataset, scope, lfn, status)
    SELECT d.id, '', n::text, '{FileStatus.READY}' FROM task_dataset d, generate_series(1, %(count)s::bigint) AS n
    WHERE d.jeditaskid = %(task_id)s::bigint AND d.type = 'pseudo_input'
    ON CONFLICT (dataset, scope, lfn) DO NOTHING""", planned_each_time=True)

_RECOUNT = sql("taskfiles.recount", f"""
    UPDATE task_dataset d SET (nfiles, nfilesfinished, nfilesfailed) = (
        SELECT count(*), count(*) FILTER (WHERE f.status = '{FileStatus.FINISHED}'),
               count(*) FILTER (WHERE f.status = '{FileStatus.FAILED}')
        FROM task_file f WHERE f.dataset = d.id)
    WHERE d.jeditaskid = %(task_id)s::bigint""")

_FIGURES = sql("taskfiles.figures", f"""
    SELECT coalesce(sum(d.nfiles), 0)::bigint, coalesce(sum(d.nfilesfinished), 0)::bigint,
           coalesce(sum(d.nfilesfailed), 0)::bigint,
           coalesce(sum((SELECT count(*) FROM task_file f
                         WHERE f.dataset = d.id AND f.status = '{FileStatus.READY}')), 0)::bigint,
           (SELECT count(*) FROM task_job j WHERE j.jeditaskid = %(task_id)s::bigint AND j.ended IS NULL)
    FROM task_dataset d WHERE d.jeditaskid = %(task_id)s::bigint AND d.type IN {INPUTS}""")

_AGAIN = sql("taskfiles.again", f"""
    WITH waiting AS (
        SELECT {_FILE} FROM task_dataset d JOIN task_file f ON f.dataset = d.id AND f.status = '{FileStatus.READY}'
        WHERE d.jeditaskid = %(task_id)s::bigint AND d.type IN {INPUTS} AND f.chunk IS NOT NULL)
    SELECT * FROM waiting WHERE chunk IN (SELECT DISTINCT chunk FROM waiting ORDER BY chunk LIMIT %(chunks)s)
    ORDER BY chunk, id""", planned_each_time=True)

_FRESH = sql("taskfiles.fresh", f"""
    SELECT {_FILE} FROM task_dataset d JOIN task_file f ON f.dataset = d.id AND f.status = '{FileStatus.READY}'
    WHERE d.jeditaskid = %(task_id)s::bigint AND d.type IN {INPUTS} AND f.chunk IS NULL
    ORDER BY f.id LIMIT %(files)s""", planned_each_time=True)

_LAST_CHUNK = sql("taskfiles.last_chunk", f"""
    SELECT coalesce(max(f.chunk), 0) FROM task_dataset d JOIN task_file f ON f.dataset = d.id
    WHERE d.jeditaskid = %(task_id)s::bigint AND d.type IN {INPUTS}""")

_PLACES = sql("taskfiles.places", f"""
    SELECT * FROM (
        SELECT f.id, row_number() OVER (ORDER BY f.id) - 1 AS place FROM task_dataset d JOIN task_file f ON f.dataset = d.id
        WHERE d.jeditaskid = %(task_id)s::bigint AND d.type IN {INPUTS}) AS all_of_them
    WHERE id = ANY (%(ids)s::bigint[])""", planned_each_time=True)

_HELD = sql("taskfiles.held", """
    SELECT coalesce(sum(nfiles), 0)::bigint FROM task_dataset
    WHERE jeditaskid = %(task_id)s::bigint AND type = 'secondary' AND container = ANY (%(containers)s::text[])""")

_AT = sql("taskfiles.at", f"""
    SELECT place, {_FILE} FROM (
        SELECT f.id, row_number() OVER (ORDER BY f.id) - 1 AS place FROM task_dataset d JOIN task_file f ON f.dataset = d.id
        WHERE d.jeditaskid = %(task_id)s::bigint AND d.type = 'secondary' AND d.container = ANY (%(containers)s::text[])
    ) AS placed
    JOIN task_file f USING (id) JOIN task_dataset d ON d.id = f.dataset
    WHERE place = ANY (%(places)s::bigint[])""", planned_each_time=True)

_LIBRARY = sql("taskfiles.library", f"""
    SELECT {_FILE} FROM task_dataset d JOIN task_file f ON f.dataset = d.id
    WHERE d.jeditaskid = %(task_id)s::bigint AND d.type = 'lib' AND f.status = '{FileStatus.FINISHED}'
    ORDER BY f.id DESC LIMIT 1""")

_DROP_LIBRARY = sql("taskfiles.drop_library", f"""
    UPDATE task_file f SET status = '{FileStatus.FAILED}' FROM task_dataset d
    WHERE d.jeditaskid = %(task_id)s::bigint AND d.type = 'lib' AND f.dataset = d.id""")

_BUILDS = sql("taskfiles.builds", f"""
    SELECT pandaid, ended FROM task_job
    WHERE jeditaskid = %(task_id)s::bigint AND kind = '{Kind.BUILD}' AND (round = %(round)s::int OR ended IS NULL)
    ORDER BY pandaid""")

_TAKE = sql("taskfiles.take", f"""
    WITH made AS (
        SELECT * FROM unnest(%(files)s::bigint[], %(ids)s::bigint[], %(chunks)s::bigint[]) AS m(id, pandaid, chunk))
    UPDATE task_file f SET status = '{FileStatus.RUNNING}', pandaid = m.pandaid, chunk = m.chunk, attemptnr = f.attemptnr + 1
    FROM made m WHERE f.id = m.id AND f.status = '{FileStatus.READY}'""")

_MADE = sql("taskfiles.made", """
    WITH counted AS (
        UPDATE task SET serial = %(serial)s::bigint WHERE jeditaskid = %(task_id)s::bigint)
    INSERT INTO task_job (pandaid, jeditaskid, kind, round)
    SELECT pandaid, %(task_id)s::bigint, %(kind)s::text, %(round)s::int FROM unnest(%(ids)s::bigint[]) AS m(pandaid)""")

# A job that is nowhere left with an old partition of the archive, long after it ended.
_ENDED = sql("taskfiles.ended", f"""
    SELECT t.pandaid, t.kind, coalesce(
        j.jobstatus, (SELECT a.jobstatus FROM job_archive a WHERE a.pandaid = t.pandaid LIMIT 1), '{JobStatus.CLOSED}')
    FROM task_job t LEFT JOIN job j USING (pandaid)
    WHERE t.jeditaskid = %(task_id)s::bigint AND t.ended IS NULL AND (j.pandaid IS NULL OR j.jobstatus IN ({listed(FINAL)}))
    ORDER BY t.pandaid LIMIT %(limit)s""", planned_each_time=True)

_SETTLE = sql("taskfiles.settle", f"""
    WITH over AS (SELECT * FROM unnest(%(ids)s::bigint[], %(ends)s::text[]) AS o(pandaid, ended)),
    noted AS (UPDATE task_job t SET ended = o.ended::job_status FROM over o WHERE t.pandaid = o.pandaid),
    read AS (
        UPDATE task_file f SET status = CASE
            WHEN o.ended = '{JobStatus.FINISHED}' THEN '{FileStatus.FINISHED}'
            WHEN o.ended = '{JobStatus.CLOSED}' AND f.attemptnr < {CLOSED_TRIES} THEN '{FileStatus.READY}'
            ELSE '{FileStatus.FAILED}' END
        FROM over o WHERE f.pandaid = o.pandaid AND f.status = '{FileStatus.RUNNING}')
    INSERT INTO task_file (dataset, scope, lfn, guid, fsize, checksum, status, pandaid)
    SELECT d.id, coalesce(w.scope, ''), w.lfn, w.guid, w.fsize, w.checksum, '{FileStatus.FINISHED}', w.pandaid
    FROM over o JOIN file_ever w ON w.pandaid = o.pandaid AND w.type IN ('output', 'log') AND w.status <> 'failed'
    JOIN task_dataset d ON d.jeditaskid = %(task_id)s::bigint AND d.name = w.destinationdblock
        AND (d.type = w.type OR d.type = 'lib' AND w.type = 'output')
    WHERE o.ended = '{JobStatus.FINISHED}'
    ON CONFLICT (dataset, scope, lfn) DO NOTHING""")

_AGAIN_READY = sql("taskfiles.again_ready", f"""
    UPDATE task_file f SET status = '{FileStatus.READY}' FROM task_dataset d
    WHERE d.jeditaskid = %(task_id)s::bigint AND d.type IN {INPUTS} AND f.dataset = d.id AND f.status = '{FileStatus.FAILED}'""")

_LAST_FAILED = sql("taskfiles.last_failed", f"""
    SELECT pandaid, ended FROM task_job
    WHERE jeditaskid = %(task_id)s::bigint AND ended <> '{JobStatus.FINISHED}'
    ORDER BY ended = '{JobStatus.CLOSED}', pandaid DESC LIMIT 1""")

_OPEN = sql("taskfiles.open", """
    SELECT pandaid FROM task_job WHERE jeditaskid = %(task_id)s::bigint AND ended IS NULL ORDER BY pandaid""")


@dataclass(frozen=True, slots=True)
class Made:
    """A job that was made. ``chunk``: the number that its files keep. ``files``: their ids."""

    panda_id: int
    chunk: int
    files: Sequence[int]


@dataclass(frozen=True, slots=True)
class Counted:
    """``parts``: as many as there are, or would be, of new files. ``unknown``: one whose number of events is not known."""

    parts: int
    unknown: str | None


async def ensure(txn: Transaction, task_id: int, datasets: Collection[tuple[str, str, str]]) -> None:
    """The task has these datasets: type, name, container."""
    types, names, containers = map(list, zip(*datasets, strict=True)) if datasets else ([], [], [])
    await txn.run(_ENSURE, task_id=task_id, types=types, names=names, containers=containers)


async def add(txn: Transaction, task_id: int, wanted: Input, known: Sequence[tuple[str, Sequence[KnownFile]]], *,
              second: bool) -> int:
    """Of these datasets' files those that the task wants and has not got; how many are new.

    :param second: they are of a second input.
    """
    return await txn.run(
        _ADD, task_id=task_id, type="secondary" if second else "input",
        status=FileStatus.FINISHED if second else FileStatus.READY, **_wish(wanted, known))


async def add_counted(txn: Transaction, task_id: int, wanted: Input, known: Sequence[tuple[str, Sequence[KnownFile]]],
                      counting: Counting, most: int) -> Counted:
    """The same, of the input whose events are counted; files that go into several jobs in parts.

    :param most: parts: if there would be more, nothing is done.
    """
    number, unknown = await txn.one(
        _ADD_COUNTED, task_id=task_id, type="input", per_file=counting.per_file, skip_empty=counting.skip_empty,
        step=counting.per_job or NEVER, most_events=counting.most, most_parts=most,
        cut_at=counting.most if counting.per_job and counting.most else None, **_wish(wanted, known))
    return Counted(number, unknown)


def _wish(wanted: Input, known: Sequence[tuple[str, Sequence[KnownFile]]]) -> dict[str, Any]:
    rows = [{"name": name, "place": place, **asdict(file)} for place, (name, files) in enumerate(known) for file in files]
    return {"files": as_json(rows), "include": list(wanted.include), "exclude": list(wanted.exclude), "only": list(wanted.files),
            "skip": wanted.skip, "most": wanted.most}


async def add_pseudo(txn: Transaction, task_id: int, count: int) -> int:
    """A file for each job of a task that reads none; how many are new."""
    return await txn.run(_ADD_PSEUDO, task_id=task_id, count=count)


async def recount(txn: Transaction, task_id: int) -> None:
    """After its files have changed."""
    await txn.run(_RECOUNT, task_id=task_id)


async def figures(txn: Transaction, task_id: int) -> Figures:
    """How far the task is."""
    return Figures(*await txn.one(_FIGURES, task_id=task_id))


async def ready(txn: Transaction, task_id: int, chunks: int, files: int) -> list[TaskFile]:
    """Files that no job has, in their order: those of so many chunks that were made before, whole; if there are none, so many
    of those that were in no job yet."""
    rows = await txn.many(_AGAIN, task_id=task_id, chunks=chunks) or await txn.many(_FRESH, task_id=task_id, files=files)
    return [_file(row) for row in rows]


async def last_chunk(txn: Transaction, task_id: int) -> int:
    """The highest number that a chunk was given; 0: none was."""
    return int((await txn.one(_LAST_CHUNK, task_id=task_id))[0])


async def places(txn: Transaction, task_id: int, ids: Sequence[int]) -> dict[int, int]:
    """Where these files stand among all that the task processes, from 0."""
    return dict(await txn.many(_PLACES, task_id=task_id, ids=list(ids)))


async def held(txn: Transaction, task_id: int, containers: Sequence[str]) -> int:
    """How many files a second input of these datasets has."""
    return int((await txn.one(_HELD, task_id=task_id, containers=list(containers)))[0])


async def at(txn: Transaction, task_id: int, containers: Sequence[str], places: Sequence[int]) -> dict[int, TaskFile]:
    """The files at these places of a second input, from 0."""
    rows = await txn.many(_AT, task_id=task_id, containers=list(containers), places=list(places))
    return {row[0]: _file(row[1:]) for row in rows}


async def library(txn: Transaction, task_id: int) -> TaskFile | None:
    """What the last build job made that finished."""
    row = await txn.maybe(_LIBRARY, task_id=task_id)
    return _file(row) if row is not None else None


async def drop_library(txn: Transaction, task_id: int) -> None:
    """Another one is to be made, of other sources."""
    await txn.run(_DROP_LIBRARY, task_id=task_id)


async def builds(txn: Transaction, task_id: int, round_nr: int) -> list[tuple[int, JobStatus | None]]:
    """The build jobs of that round and those of others that are still at it, and how they ended."""
    rows = await txn.many(_BUILDS, task_id=task_id, round=round_nr)
    return [(panda_id, JobStatus(ended) if ended else None) for panda_id, ended in rows]


async def made(txn: Transaction, task_id: int, round_nr: int, serial: int, jobs: Sequence[Made], kind: Kind) -> None:
    """These jobs are the task's, and the files are in them."""
    files = [(file, job.panda_id, job.chunk) for job in jobs for file in job.files]
    if files:
        ids, panda_ids, chunks = map(list, zip(*files, strict=True))
        taken = await txn.run(_TAKE, files=ids, ids=panda_ids, chunks=chunks)
        assert taken == len(files), f"task {task_id}: {len(files) - taken} files were in a job already"
    await txn.run(_MADE, task_id=task_id, serial=serial, kind=kind, round=round_nr, ids=[job.panda_id for job in jobs])


async def settle(txn: Transaction, task_id: int, limit: int) -> list[tuple[int, JobStatus]]:
    """Note which of its jobs have ended, and what they left; the jobs that were noted now."""
    rows = [(panda_id, JobStatus(ended)) for panda_id, _, ended in await txn.many(_ENDED, task_id=task_id, limit=limit)]
    if rows:
        ids, ends = map(list, zip(*rows, strict=True))
        await txn.run(_SETTLE, task_id=task_id, ids=ids, ends=ends)
        await recount(txn, task_id)
    return rows


async def try_failed(txn: Transaction, task_id: int) -> int:
    """Failed files are to go into jobs again; how many."""
    count = await txn.run(_AGAIN_READY, task_id=task_id)
    await recount(txn, task_id)
    return count


async def last_failed(txn: Transaction, task_id: int) -> tuple[int, JobStatus] | None:
    """Of its jobs that came to no good end the last, one that ran if there is one; and how it ended."""
    row = await txn.maybe(_LAST_FAILED, task_id=task_id)
    return (row[0], JobStatus(row[1])) if row is not None else None


async def open_jobs(txn: Transaction, task_id: int) -> list[int]:
    """Its jobs that have not ended, as far as it knows."""
    return [row[0] for row in await txn.many(_OPEN, task_id=task_id)]


def _file(row: Row) -> TaskFile:
    file_id, dataset, name, container, scope, lfn, guid, size, checksum, status, chunk, attempt, start, events, first = row
    return TaskFile(id=file_id, dataset=dataset, name=name, container=container, scope=scope, lfn=lfn, guid=guid, size=size,
                    checksum=checksum, status=FileStatus(status), chunk=chunk, attempt=attempt, start=start,
                    events=events, first=first)
