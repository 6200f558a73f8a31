"""What the loops find to do. Every list is bounded, ordered by who is due first, and served by a partial index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pandad.spec.file import FileSpec
from pandad.spec.job import JobSpec
from pandad.spec.jobstatus import JobStatus
from pandad.spec.share import MANAGED
from pandad.taskbuffer.jobs import FILES, files_of
from pandad.taskbuffer.outages import lived_s
from pandad.taskbuffer.pool import Row
from pandad.taskbuffer.statement import sql
from pandad.taskbuffer.store import Transaction

# Each list names the states of its partial index as constants: a prepared plan cannot know that a parameter lies within them.
_INPUT_STATES = f"('{JobStatus.ASSIGNED}', '{JobStatus.WAITING}')"

# All that the rules and weights of brokerage read of a job: a round has thousands of them, and this is a quarter of the row.
BROKERED_BY = (
    "PandaID", "AtlasRelease", "homepackage", "prodSourceLabel", "currentPriority", "maxCpuCount", "maxDiskCount",
    "ipConnectivity", "minRamCount", "brokerageErrorDiag", "computingSite", "cloud", "transferType", "cmtConfig",
    "relocationFlag", "VO", "workingGroup", "processingType", "specialHandling", "coreCount", "inputFileBytes", "jediTaskID",
    "maxWalltime", "gshare", "resource_type", "diskIO", "container_name", "prodUserName",
    "eventService", "brokerageErrorCode")
_BROKERED_FILE = ("type", "scope", "lfn", "fsize")

BROKERED_COLUMNS = f"""{", ".join("j." + name.lower() for name in BROKERED_BY)}, j.avoided,
           (SELECT jsonb_agg(jsonb_build_array({", ".join("f." + name.lower() for name in _BROKERED_FILE)}) ORDER BY f.row_id)
            FROM file f WHERE f.pandaid = j.pandaid)"""

# Those that no queue took before stand apart: deferrals.py.
_NEW = f"jobstatus = '{JobStatus.DEFINED}' AND brokerageerrorcode = 0"

# From line to line, and of each line its head: both by job_defined_line, however many jobs stand behind.
_HEADS = sql("worklists.heads", f"""
    WITH RECURSIVE here AS (
        SELECT min(line) AS line FROM job WHERE {_NEW} AND line > %(after)s::bigint
        UNION ALL
        SELECT (SELECT min(j.line) FROM job j WHERE {_NEW} AND j.line > h.line) FROM here h
        WHERE h.line IS NOT NULL),
    head AS MATERIALIZED (SELECT line FROM here WHERE line IS NOT NULL LIMIT %(lines)s)
    SELECT head.line, {BROKERED_COLUMNS} FROM head LEFT JOIN LATERAL (
        SELECT * FROM job d WHERE {_NEW} AND d.line = head.line AND d.nextcheck <= now()
        ORDER BY d.currentpriority DESC, d.pandaid LIMIT %(each)s) j ON true""", planned_each_time=True)

_BEHIND = sql("worklists.behind", f"""
    SELECT head.line, {BROKERED_COLUMNS}
    FROM unnest(%(lines)s::bigint[], %(priorities)s::bigint[], %(ids)s::bigint[]) AS head(line, priority, pandaid)
    CROSS JOIN LATERAL (
        SELECT * FROM job d WHERE {_NEW} AND d.line = head.line AND d.nextcheck <= now()
          AND d.currentpriority <= head.priority AND (d.currentpriority < head.priority OR d.pandaid > head.pandaid)
        ORDER BY d.currentpriority DESC, d.pandaid LIMIT %(each)s) j""", planned_each_time=True)

# What decides on a placed job, beside its files, which are many: of those too only what is looked at.
_PLACED = ("PandaID", "jobStatus", "computingSite", "ddmErrorCode", "ddmErrorDiag", "relocationFlag", "prodSourceLabel",
           "currentPriority", "jediTaskID", "taskID", "dispatchDBlock")
_PLACED_FILE = ("row_ID", "PandaID", "lfn", "type", "scope", "fsize", "checksum", "destinationSE", "destinationDBlock",
                "destinationDBlockToken", "dataset")

_INPUT_DUE = sql("worklists.input_due", f"""
    WITH due AS (SELECT pandaid, nextcheck FROM job
                 WHERE jobstatus IN {_INPUT_STATES} AND nextcheck <= now()
                 ORDER BY nextcheck, pandaid LIMIT %(limit)s),
    counted AS (SELECT pandaid, sum((SELECT count(*) FROM file f WHERE f.pandaid = d.pandaid)) OVER (
                    ORDER BY nextcheck, pandaid ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before FROM due d)
    SELECT {", ".join("j." + name.lower() for name in _PLACED)},
           (SELECT jsonb_agg(jsonb_build_array({", ".join("f." + name.lower() for name in _PLACED_FILE)}) ORDER BY f.row_id)
            FROM file f WHERE f.pandaid = j.pandaid)
    FROM counted c JOIN job j USING (pandaid) WHERE coalesce(c.before, 0) < %(files)s
    ORDER BY j.nextcheck, j.pandaid""", planned_each_time=True)

# What decides the end of a reported job, beside its files: the whole row would cost more than all the rest of the reading.
_REPORTED = ("PandaID", "attemptNr", "commandToPilot", "pilotErrorDiag", "exeErrorDiag", "taskBufferErrorDiag", "ddmErrorDiag",
             "prodSourceLabel", "currentPriority", "jediTaskID")

_OUTPUT_DUE = sql("worklists.output_due", f"""
    WITH due AS (SELECT pandaid FROM job
                 WHERE jobstatus = '{JobStatus.HOLDING}' AND reportedstatus IS NOT NULL AND nextcheck <= now()
                 ORDER BY nextcheck, pandaid LIMIT %(limit)s)
    SELECT {", ".join("j." + name.lower() for name in _REPORTED)},
           CASE WHEN j.prodsourcelabel = '{MANAGED}' THEN (SELECT t.metadata FROM job_text t WHERE t.pandaid = j.pandaid) END,
           {FILES}, j.reportedstatus, r.outputreport, {lived_s("r.at")}
    FROM due JOIN job j USING (pandaid)
    JOIN job_report r ON r.pandaid = j.pandaid AND r.attemptnr = j.attemptnr
    ORDER BY j.nextcheck, j.pandaid""", planned_each_time=True)


@dataclass(frozen=True, slots=True)
class Reported:
    """A job whose pilot is done with it, and what the pilot said.

    :param job: with its files, and of its attributes the few that tell how it ends; the job report of a managed one too.
    """

    job: JobSpec
    outcome: JobStatus
    report: str
    age_s: float  # since the report came, outages left out


async def heads(txn: Transaction, lines: int, each: int, after: int = 0) -> dict[int, list[JobSpec]]:
    """Defined jobs that are due, but for those that no queue took before, with what brokerage reads of them (BROKERED_BY): by
    line the first ones, most urgent first; a line of which none is due is there too.

    :param lines: so many lines at most. :param each: so many jobs of each. :param after: lines beyond this one.
    """
    return _by_line(await txn.many(_HEADS, lines=lines, each=each, after=after))


async def behind(txn: Transaction, last: Mapping[int, JobSpec], each: int) -> dict[int, list[JobSpec]]:
    """The next ones of these lines.

    :param last: by line, behind whom.
    """
    return _by_line(await txn.many(
        _BEHIND, lines=list(last), priorities=[job.currentPriority for job in last.values()],
        ids=[job.PandaID for job in last.values()], each=each))


def _by_line(rows: Sequence[Row]) -> dict[int, list[JobSpec]]:
    found: dict[int, list[JobSpec]] = {}
    for line, *row in rows:
        there = found.setdefault(line, [])
        if row[0] is not None:
            there.append(brokered(row))
    return found


def brokered(row: Sequence[Any]) -> JobSpec:
    """The job of BROKERED_COLUMNS."""
    *values, avoided, file_rows = row
    files = [FileSpec(type=kind, scope=scope, lfn=lfn, fsize=size) for kind, scope, lfn, size in file_rows or ()]
    return JobSpec(**dict(zip(BROKERED_BY, values, strict=True)), avoided=avoided, Files=files)


async def input_due(txn: Transaction, limit: int, files: int) -> list[JobSpec]:
    """Placed jobs whose input should be looked at now, with of their attributes the few that decide.

    :param files: of all of them, beside those of the last one.
    """
    return [_placed(row) for row in await txn.many(_INPUT_DUE, limit=limit, files=files)]


def _placed(row: Row) -> JobSpec:
    *values, file_rows = row
    job = JobSpec(**dict(zip(_PLACED, values, strict=True)))
    job.jobStatus = JobStatus(job.jobStatus)
    job.Files = [FileSpec(**dict(zip(_PLACED_FILE, file, strict=True))) for file in file_rows or ()]
    return job


async def output_due(txn: Transaction, limit: int) -> list[Reported]:
    """Reported jobs whose output should be checked now."""
    rows = await txn.many(_OUTPUT_DUE, limit=limit)
    return [Reported(_reported(row[:-3]), JobStatus(row[-3]), row[-2], float(row[-1])) for row in rows]


def _reported(row: Row) -> JobSpec:
    *values, metadata, file_rows = row
    return JobSpec(**dict(zip(_REPORTED, values, strict=True)), jobStatus=JobStatus.HOLDING, metadata=metadata,
                   Files=files_of(file_rows))

