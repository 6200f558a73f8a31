"""Jobs: insert them, and find them wherever they are by now. What happens to them in between stands in moves.py and claims.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pandad.spec.caller import Identity
from pandad.spec.file import FILE_ATTRIBUTES, FileSpec
from pandad.spec.job import JOB_ATTRIBUTES, JobSpec
from pandad.spec.jobstatus import Actor, JobStatus
from pandad.taskbuffer import lines, tallies
from pandad.taskbuffer.pool import Row
from pandad.taskbuffer.statement import as_json, sql
from pandad.taskbuffer.store import Transaction

# Attributes in tables of their own: job_text, or the files' rows.
_TEXT = ("jobparameters", "metadata")
JOB_COLUMNS = tuple(a.column for a in JOB_ATTRIBUTES if a.column not in _TEXT)
_FILE_COLUMNS = tuple(a.column for a in FILE_ATTRIBUTES)
_FILE_NAMES = tuple(a.name for a in FILE_ATTRIBUTES)
_STATUS_INDEX = [a.name for a in JOB_ATTRIBUTES].index("jobStatus")
_NAMES = tuple(a.name for a in JOB_ATTRIBUTES)

BIRTH = frozenset({"creationtime", "modificationtime", "statechangetime"})  # the database's clock sets them

# A job as one row: every attribute in JOB_ATTRIBUTES order, avoided, then its files as JSON lists in FILE_ATTRIBUTES order.
_ATTRIBUTES = ", ".join(f"t.{a.column}" if a.column in _TEXT else f"j.{a.column}" for a in JOB_ATTRIBUTES) + ", j.avoided"
_FILES = f"jsonb_agg(jsonb_build_array({', '.join(f'f.{c}' for c in _FILE_COLUMNS)}) ORDER BY f.row_id)"
FILES = f"(SELECT {_FILES} FROM file f WHERE f.pandaid = j.pandaid)"
JOB_ROW = f"{_ATTRIBUTES}, {FILES}"


def job_from_row(row: Row) -> JobSpec:
    """The job of a JOB_ROW."""
    job = JobSpec(**dict(zip(_NAMES, row[:-2], strict=True)), avoided=row[-2])
    job.jobStatus = JobStatus(row[_STATUS_INDEX])
    job.Files = files_of(row[-1])
    return job


def files_of(rows: Sequence[Sequence[Any]] | None) -> list[FileSpec]:
    """The files of a list of lists in FILE_ATTRIBUTES order."""
    return [FileSpec(**dict(zip(_FILE_NAMES, values, strict=True))) for values in rows or ()]


@dataclass(frozen=True, slots=True)
class JobState:
    """The little that most questions about a job need."""

    panda_id: int
    status: JobStatus
    attempt_nr: int
    command: str | None
    batch_id: str | None
    holder: Identity | None
    owner: Identity
    reported: JobStatus | None


_IDS = sql("jobs.ids", "SELECT nextval('job_pandaid') FROM generate_series(1, %(count)s)")

_COUNTED = tallies.counted("spec", {
    "queue": "computingsite", "jobstatus": "jobstatus", "resource_type": "resource_type", "label": "prodsourcelabel"},
    together=True)

_INSERT = sql("jobs.insert", f"""
    WITH spec AS (SELECT * FROM jsonb_populate_recordset(NULL::job, %(jobs)s::jsonb)),
    stored AS (
        INSERT INTO job ({", ".join(JOB_COLUMNS)}, line, owneranchor, ownersubject, nextcheck, avoided)
        SELECT {", ".join("now()" if c in BIRTH else c for c in JOB_COLUMNS)}, line, owneranchor, ownersubject, now(),
               coalesce(avoided, '{{}}')
        FROM spec),
    counted AS ({_COUNTED}),
    logged AS (
        INSERT INTO job_event (pandaid, event, tostatus, attemptnr, actor, who, why)
        SELECT pandaid, 'submitted', jobstatus, attemptnr, %(actor)s, ownersubject, NULL FROM spec)
    SELECT count(*) FROM spec""")

_INSERT_TEXTS = sql("jobs.insert_texts", """
    INSERT INTO job_text (pandaid, jobparameters, metadata)
    SELECT * FROM unnest(%(ids)s::bigint[], %(jobparameters)s::text[], %(metadata)s::text[])""")

_INSERT_FILES = sql("jobs.insert_files", f"""
    INSERT INTO file ({", ".join(_FILE_COLUMNS[1:])})
    SELECT {", ".join(_FILE_COLUMNS[1:])} FROM jsonb_populate_recordset(NULL::file, %(files)s::jsonb) WITH ORDINALITY AS f
    ORDER BY ordinality""")


async def new_ids(txn: Transaction, count: int) -> list[int]:
    """That many new PandaIDs, ascending."""
    return [row[0] for row in await txn.many(_IDS, count=count)]


async def insert(txn: Transaction, jobs: Sequence[JobSpec], owner: Identity, actor: Actor) -> None:
    """Store new jobs of one owner: see `insert_all`."""
    await insert_all(txn, [(job, owner) for job in jobs], actor)


async def insert_all(txn: Transaction, owned: Sequence[tuple[JobSpec, Identity]], actor: Actor) -> None:
    """Store new jobs with their files; their PandaID and jobStatus are set by the caller. Any number at once, of any owners."""
    jobs = [job for job, _ in owned]
    rows = [{**_columns(job), "line": line, "owneranchor": owner.anchor, "ownersubject": owner.subject}
            for (job, owner), line in zip(owned, await lines.ensure(txn, owned), strict=True)]
    await txn.run(_INSERT, jobs=as_json(rows), actor=actor)
    await txn.run(_INSERT_TEXTS, ids=[j.PandaID for j in jobs], jobparameters=[j.jobParameters for j in jobs],
                  metadata=[j.metadata for j in jobs])
    files = [{a.column: getattr(f, a.name) for a in FILE_ATTRIBUTES[1:]} for j in jobs for f in j.Files]
    if files:
        await txn.run(_INSERT_FILES, files=as_json(files))
    txn.hint("brokerage")


def _columns(job: JobSpec) -> dict[str, object]:
    values = {a.column: getattr(job, a.name) for a in JOB_ATTRIBUTES if a.column not in _TEXT}
    if job.avoided:
        values["avoided"] = job.avoided
    return {column: value for column, value in values.items() if value is not None}



_STATES = sql("jobs.states", """
    SELECT pandaid, jobstatus, attemptnr, commandtopilot, batchid, holderanchor, holdersubject, owneranchor, ownersubject,
           reportedstatus
    FROM job_ever WHERE pandaid = ANY (%(ids)s::bigint[])""")

_FIND = sql("jobs.find", f"""
    SELECT {_ATTRIBUTES}, (SELECT {_FILES} FROM file_ever f WHERE f.pandaid = j.pandaid)
    FROM job_ever j LEFT JOIN job_text_ever t USING (pandaid) WHERE j.pandaid = ANY (%(ids)s::bigint[])""")


async def states(txn: Transaction, ids: Sequence[int]) -> list[JobState | None]:
    """The states of those jobs, in the order asked for; None where there is no such job."""
    found = {row[0]: _state(row) for row in await txn.many(_STATES, ids=list(ids))}
    return [found.get(panda_id) for panda_id in ids]


def _state(row: Row) -> JobState:
    panda_id, status, attempt_nr, command, batch_id, h_anchor, h_subject, o_anchor, o_subject, reported = row
    return JobState(panda_id, JobStatus(status), attempt_nr, command, batch_id,
                    Identity(h_anchor, h_subject) if h_subject is not None else None,
                    Identity(o_anchor, o_subject), JobStatus(reported) if reported else None)


async def find(txn: Transaction, ids: Sequence[int]) -> list[JobSpec | None]:
    """Those jobs with their files, in the order asked for; None where there is no such job."""
    found = {row[0]: job_from_row(row) for row in await txn.many(_FIND, ids=list(ids))}
    return [found.get(panda_id) for panda_id in ids]


@dataclass(frozen=True, slots=True)
class JobEvent:
    """One line of a job's history."""

    panda_id: int
    at: datetime
    event: str
    was: JobStatus | None
    became: JobStatus
    attempt_nr: int
    actor: str
    who: str
    why: str | None


_EVENTS = sql("jobs.events", """
    SELECT pandaid, at, event, fromstatus, tostatus, attemptnr, actor, who, why FROM job_event_ever
    WHERE pandaid = %(panda_id)s ORDER BY id""")


async def events(txn: Transaction, panda_id: int) -> list[JobEvent]:
    """The history of a job, oldest first."""
    return [_event(*row) for row in await txn.many(_EVENTS, panda_id=panda_id)]


def _event(panda_id: int, at: datetime, event: str, was: str | None, became: str, *rest: Any) -> JobEvent:
    return JobEvent(panda_id, at, event, JobStatus(was) if was else None, JobStatus(became), *rest)
