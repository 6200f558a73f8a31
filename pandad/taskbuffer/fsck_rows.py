"""Invariants of what belongs to jobs: files, reports, decisions, and the lines that jobs stand in."""

from __future__ import annotations

from pandad.spec.jobstatus import IN_SLOT, Event, JobStatus
from pandad.taskbuffer.invariant import Invariant, Severity, invariant
from pandad.taskbuffer.lines import FRESH_S
from pandad.taskbuffer.statement import listed

S = JobStatus
E, W = Severity.ERROR, Severity.WARNING

FILE_TYPES = ("input", "output", "log", "pseudo_input")
FILE_STATES = ("defined", "ready", "missing", S.TRANSFERRING, "finished", "failed")
READY = "ready"


def _belongs(table: str, thing: str, severity: Severity) -> Invariant:
    name = f"{table.removeprefix('job_')}-of-job"
    return invariant(
        name, f"every {thing} belongs to a job, and leaves for the history with it", severity, f"""
        SELECT pandaid, concat(count(*), ' rows of {table}, and ', CASE WHEN EXISTS (
            SELECT FROM job_archive a WHERE a.pandaid = x.pandaid) THEN 'the job is in the history' ELSE 'no such job' END)
        FROM {table} x WHERE NOT EXISTS (SELECT FROM job j WHERE j.pandaid = x.pandaid) GROUP BY pandaid""",
        f"look whether a restore was cut short; rows of {table} without a job are of no use, delete them when you know why")


# Columns of a line, each as a job has it. The digest is made as in schema/0003_lines.sql.
LINE_COLUMNS = {
    **{name: f"coalesce(j.{name}, '')" for name in ("prodsourcelabel", "job_label", "processingtype", "resource_type")},
    "minramcount": "j.minramcount", "maxdiskcount": "j.maxdiskcount", "maxwalltime": "coalesce(j.maxwalltime, 0)",
    "corecount": "coalesce(j.corecount, 1)", "jeditaskid": "coalesce(j.jeditaskid, 0)",
    "workinggroup": "coalesce(j.workinggroup, '')", "countrygroup": "coalesce(j.countrygroup, '')",
    "owneranchor": "j.owneranchor", "ownersubject": "j.ownersubject", "produsername": "coalesce(j.produsername, '')",
}
_DIFFERS = ", ".join(
    f"CASE WHEN l.{name} <> {of_job} THEN concat('{name} ', {of_job}, ' and not ', l.{name}) END"
    for name, of_job in LINE_COLUMNS.items())

ROWS = (
    _belongs("job_text", "row of long texts", E),
    _belongs("job_event", "event", E),
    _belongs("job_report", "report", E),
    _belongs("job_decision", "brokerage decision", W),
    _belongs("file", "file", E),
    invariant(
        "report-outcome", "a pilot reports success or failure", E, f"""
        SELECT pandaid, concat('attempt ', attemptnr, ' reported ', outcome) FROM job_report
        WHERE outcome NOT IN ({listed({S.FINISHED, S.FAILED})})""",
        "the adder cannot judge it: kill the job and submit it again"),
    invariant(
        "report-claimed", "only an attempt that was handed out has a report", E, f"""
        SELECT pandaid, concat('a report of attempt ', attemptnr, ', which was never handed out') FROM job_report r
        WHERE NOT EXISTS (SELECT FROM job_event e WHERE e.pandaid = r.pandaid AND e.attemptnr = r.attemptnr
                                                    AND e.event = '{Event.CLAIMED}')""",
        "do not trust the outputs; read `pandad job timeline ID`"),
    invariant(
        "report-noted", "a report and the event of its coming stand there together", E, f"""
        SELECT pandaid, concat('a report of attempt ', attemptnr, ', and nothing says that it came') FROM job_report r
        WHERE NOT EXISTS (SELECT FROM job_event e WHERE e.pandaid = r.pandaid AND e.attemptnr = r.attemptnr
                                                    AND e.event = '{Event.REPORTED}')
        UNION ALL
        SELECT pandaid, concat('attempt ', attemptnr, ' reported, and the report is gone') FROM job_event e
        WHERE event = '{Event.REPORTED}'
          AND NOT EXISTS (SELECT FROM job_report r WHERE (r.pandaid, r.attemptnr) = (e.pandaid, e.attemptnr))""",
        "compare with what lies at the endpoint; read `pandad job timeline ID`"),
    invariant(
        "file-type", "a file is an input, an output, a log or a pseudo_input", E, f"""
        SELECT pandaid, concat(lfn, ' is of type ', type) FROM file WHERE type NOT IN ({listed(FILE_TYPES)})""",
        "neither its input nor its output is seen to: kill the job and submit it again"),
    invariant(
        "file-status", "the status of a file is a known word", E, f"""
        SELECT pandaid, concat(lfn, ' is ', status) FROM file WHERE status NOT IN ({listed(FILE_STATES)})""",
        "look for what wrote it"),
    invariant(
        "file-size", "no file is smaller than nothing", E,
        "SELECT pandaid, concat(lfn, ' has ', fsize, ' bytes') FROM file WHERE fsize < 0",
        "look for what wrote it"),
    invariant(
        "file-once", "a job writes each of its outputs once, and one log at most", E, """
        SELECT pandaid, concat(max(lfn), ' stands there ', count(*), ' times as ', type) FROM file WHERE type IN ('output', 'log')
        GROUP BY pandaid, type, CASE WHEN type = 'output' THEN concat(scope, ':', lfn) END HAVING count(*) > 1""",
        "the pilot gets it twice: kill the job and submit it again"),
    invariant(
        "file-input-ready", "the inputs of a job that may run are at its queue", E, f"""
        SELECT j.pandaid, concat('it is ', j.jobstatus, ', and its input ', f.lfn, ' is ', f.status)
        FROM job j JOIN file f USING (pandaid)
        WHERE j.jobstatus IN ({listed(IN_SLOT | {S.ACTIVATED})}) AND f.type = 'input' AND f.status <> '{READY}'""",
        "the payload will not find it: kill the job and submit it again"),
    invariant(
        "file-output-ready", "the outputs and the log of a finished job were verified, with size and checksum", E, f"""
        SELECT j.pandaid, concat('it is ', j.jobstatus, ', and ', f.lfn, ' is ', f.status,
                                 CASE WHEN f.fsize IS NULL THEN ' of no known size' END,
                                 CASE WHEN coalesce(f.checksum, f.md5sum) IS NULL THEN ' without a checksum' END)
        FROM job j JOIN file f USING (pandaid)
        WHERE j.jobstatus = '{S.FINISHED}' AND f.type IN ('output', 'log')
          AND (f.status <> '{READY}' OR f.fsize IS NULL OR coalesce(f.checksum, f.md5sum) IS NULL)""",
        "do not trust this output; look at the endpoint, submit the job again"),
    invariant(
        "decision-queue", "the queue that a brokerage decision chose is one of those that can take the job", W, """
        SELECT pandaid, concat('it chose ', chosen, ', which cannot take it')
        FROM job_decision d LEFT JOIN decision s ON s.id = d.decision
        WHERE chosen IS NOT NULL AND (NOT s.verdicts -> 'ok' ? chosen
                                      OR NOT d.verdicts @> jsonb_build_array(jsonb_build_object('queue', chosen)))""",
        "`pandad job why ID` is wrong about this job, nothing else; report it"),
    invariant(
        "decision-shared", "a brokerage decision has its verdicts", W, """
        SELECT pandaid, concat('its verdicts ', decision, ' are not there') FROM job_decision d
        WHERE verdicts IS NULL AND NOT EXISTS (SELECT FROM decision s WHERE s.id = d.decision)""",
        "`pandad job why ID` cannot tell them until the job is brokered again; look whether the database's clock was set back"),
    invariant(
        "line-of-job", "every live job stands in a line of its own kind", E, f"""
        SELECT j.pandaid, CASE WHEN l.id IS NULL THEN concat('its line ', j.line, ' is not there')
                               ELSE concat('it stands in line ', l.id, ' and has ', concat_ws(', ', {_DIFFERS})) END
        FROM job j LEFT JOIN line l ON l.id = j.line
        WHERE l.id IS NULL OR ({", ".join(f"l.{name}" for name in LINE_COLUMNS)}) <> ({", ".join(LINE_COLUMNS.values())})""",
        "a pilot that it does not fit may take it: kill the job and submit it again"),
    invariant(
        "line-digest", "a line's digest is that of what stands in it", E, f"""
        SELECT id, concat('line ', id, ' is found under the digest of another') FROM line
        WHERE digest <> md5(jsonb_build_array({", ".join(LINE_COLUMNS)})::text)::uuid""",
        "new jobs of its kind get a line beside it, or stand in a wrong one: report it"),
    invariant(
        "line-used", "a line was in use when each of its live jobs was made, so that it stays as long as they do", E, f"""
        SELECT l.id, concat('line ', l.id, ' was last used at ', l.used, ', and a job in it was made at ', max(j.creationtime))
        FROM job j JOIN line l ON l.id = j.line WHERE l.used < j.creationtime - make_interval(secs => {FRESH_S}) GROUP BY l.id""",
        "the line may go before the job: set line.used to now(), and look whether the database's clock was set back"),
)
