"""What the loops find to do. Every list is bounded, ordered by who is due first, and served by a partial index."""

from __future__ import annotations

from dataclasses import dataclass

from pandad.spec.file import FileSpec
from pandad.spec.job import JobSpec
from pandad.spec.jobstatus import JobStatus
from pandad.taskbuffer.jobs import FILES, JOB_ROW, files_of, job_from_row
from pandad.taskbuffer.outages import lived_s
from pandad.taskbuffer.pool import Row
from pandad.taskbuffer.statement import sql
from pandad.taskbuffer.store import Transaction

MOST_URGENT = 2**63 - 1  # no priority is higher

# Each list names the states of its partial index as constants: a prepared plan cannot know that a parameter lies within them.
_INPUT_STATES = f"('{JobStatus.ASSIGNED}', '{JobStatus.WAITING}')"

# All that the rules and weights of brokerage read of a job: a round has thousands of them, and this is a quarter of the row.
BROKERED_BY = (
    "PandaID", "AtlasRelease", "homepackage", "prodSourceLabel", "currentPriority", "maxCpuCount", "maxDiskCount",
    "ipConnectivity", "minRamCount", "brokerageErrorDiag", "computingSite", "cloud", "transferType", "cmtConfig",
    "relocationFlag", "VO", "workingGroup", "processingType", "specialHandling", "coreCount", "inputFileBytes", "jediTaskID",
    "maxWalltime", "gshare", "resource_type", "diskIO", "container_name", "prodUserName")
_BROKERED_FILE = ("lfn", "type", "scope", "fsize", "dataset", "prodDBlockToken", "destinationSE")

_TO_BROKER = sql("worklists.to_broker", f"""
    WITH due AS (SELECT pandaid FROM job WHERE jobstatus = '{JobStatus.DEFINED}' AND nextcheck <= now()
                 AND currentpriority <= %(priority)s::bigint
                 AND (currentpriority < %(priority)s::bigint OR pandaid > %(after)s::bigint)
                 ORDER BY currentpriority DESC, pandaid LIMIT %(limit)s)
    SELECT {", ".join("j." + name.lower() for name in BROKERED_BY)}, j.avoided,
           (SELECT jsonb_agg(jsonb_build_array({", ".join("f." + name.lower() for name in _BROKERED_FILE)}) ORDER BY f.row_id)
            FROM file f WHERE f.pandaid = j.pandaid)
    FROM due JOIN job j USING (pandaid) ORDER BY j.currentpriority DESC, j.pandaid""", planned_each_time=True)

_INPUT_DUE = sql("worklists.input_due", f"""
    WITH due AS (SELECT pandaid FROM job
                 WHERE jobstatus IN {_INPUT_STATES} AND nextcheck <= now()
                 ORDER BY nextcheck, pandaid LIMIT %(limit)s)
    SELECT {JOB_ROW} FROM due JOIN job j USING (pandaid) LEFT JOIN job_text t USING (pandaid)
    ORDER BY j.nextcheck, j.pandaid""", planned_each_time=True)

# What decides the end of a reported job, beside its files: the whole row would cost more than all the rest of the reading.
_REPORTED = ("PandaID", "attemptNr", "commandToPilot", "pilotErrorDiag", "exeErrorDiag", "taskBufferErrorDiag")

_OUTPUT_DUE = sql("worklists.output_due", f"""
    WITH due AS (SELECT pandaid FROM job
                 WHERE jobstatus = '{JobStatus.HOLDING}' AND reportedstatus IS NOT NULL AND nextcheck <= now()
                 ORDER BY nextcheck, pandaid LIMIT %(limit)s)
    SELECT {", ".join("j." + name.lower() for name in _REPORTED)}, {FILES}, j.reportedstatus, r.outputreport, {lived_s("r.at")}
    FROM due JOIN job j USING (pandaid)
    JOIN job_report r ON r.pandaid = j.pandaid AND r.attemptnr = j.attemptnr
    ORDER BY j.nextcheck, j.pandaid""", planned_each_time=True)


@dataclass(frozen=True, slots=True)
class Reported:
    """A job whose pilot is done with it, and what the pilot said.

    :param job: with its files, and of its attributes the few that tell how it ends.
    """

    job: JobSpec
    outcome: JobStatus
    report: str
    age_s: float  # since the report came, outages left out


async def to_broker(txn: Transaction, limit: int, after: JobSpec | None = None) -> list[JobSpec]:
    """Defined jobs that are due, most urgent first, with what brokerage reads of them (BROKERED_BY).

    :param after: the last one of the page before.
    """
    priority, panda_id = (after.currentPriority, after.PandaID) if after is not None else (MOST_URGENT, 0)
    rows = await txn.many(_TO_BROKER, limit=limit, priority=priority, after=panda_id)
    return [_brokered(row) for row in rows]


def _brokered(row: Row) -> JobSpec:
    *values, avoided, file_rows = row
    files = [FileSpec(**dict(zip(_BROKERED_FILE, file, strict=True))) for file in file_rows or ()]
    return JobSpec(**dict(zip(BROKERED_BY, values, strict=True)), avoided=avoided, Files=files)


async def input_due(txn: Transaction, limit: int) -> list[JobSpec]:
    """Placed jobs whose input should be looked at now."""
    return [job_from_row(row) for row in await txn.many(_INPUT_DUE, limit=limit)]


async def output_due(txn: Transaction, limit: int) -> list[Reported]:
    """Reported jobs whose output should be checked now."""
    rows = await txn.many(_OUTPUT_DUE, limit=limit)
    return [Reported(_reported(row[:-3]), JobStatus(row[-3]), row[-2], float(row[-1])) for row in rows]


def _reported(row: Row) -> JobSpec:
    *values, file_rows = row
    return JobSpec(**dict(zip(_REPORTED, values, strict=True)), jobStatus=JobStatus.HOLDING, Files=files_of(file_rows))

