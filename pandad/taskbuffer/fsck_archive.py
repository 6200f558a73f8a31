"""Invariants of the history: an ended job is in it once, with all that belongs to it, in the partition of its day."""

from __future__ import annotations

from pandad.spec.jobstatus import FINAL
from pandad.taskbuffer.invariant import Severity, invariant
from pandad.taskbuffer.statement import listed

E, W = Severity.ERROR, Severity.WARNING

WHOLE = ("job", "job_text", "job_event", "job_report", "job_decision", "file")  # each has its <name>_archive and <name>_ever
BELONGINGS = WHOLE[1:]
_RECENT = "endedon >= current_date - %(days)s::integer"
_HISTORY = listed(f"{table}_archive" for table in WHOLE)

# (the history's table, the partition, its month, its bounds)
_PARTITIONS = f"""
    SELECT w.relname AS whole, p.relname AS part, pg_get_expr(p.relpartbound, p.oid) AS bounds,
           to_date(substring(p.relname, '_([0-9]{{4}}(?:0[1-9]|1[0-2]))$'), 'YYYYMM') AS month
    FROM pg_class w JOIN pg_inherits i ON i.inhparent = w.oid JOIN pg_class p ON p.oid = i.inhrelid
    WHERE w.relkind = 'p' AND w.relnamespace = current_schema()::regnamespace AND w.relname IN ({_HISTORY})"""


def _missing(months: str) -> str:
    return f"""
    WITH known AS ({_PARTITIONS}), wanted AS (
        SELECT whole, month::date, concat(whole, '_', to_char(month, 'YYYYMM')) AS part
        FROM unnest(ARRAY[{_HISTORY}]) AS whole, {months} AS m (month))
    SELECT part, concat('there is no partition ', part)
    FROM wanted WHERE NOT EXISTS (SELECT FROM known p WHERE (p.whole, p.month) = (wanted.whole, wanted.month))"""


def _columns(table: str) -> str:
    """The columns of a table or view with their types, in order."""
    return f"""(SELECT string_agg(concat(attname, ' ', format_type(atttypid, atttypmod)), ', ' ORDER BY attnum)
                FROM pg_attribute WHERE attrelid = to_regclass({table}) AND attnum > 0 AND NOT attisdropped)"""


def _unowned(table: str) -> str:
    """Rows of a table of the history whose job does not lie under the same day."""
    return f"""SELECT '{table}_archive' AS tablename, pandaid, endedon FROM {table}_archive x WHERE {_RECENT}
        AND NOT EXISTS (SELECT FROM job_archive a WHERE (a.pandaid, a.endedon) = (x.pandaid, x.endedon) AND a.{_RECENT})"""


ARCHIVE = (
    invariant(
        "archive-once", "a job is live or in the history, never both, and there once", E, f"""
        SELECT pandaid, concat('it is live as ', j.jobstatus, ' and in the history as ', a.jobstatus)
        FROM job j JOIN job_archive a USING (pandaid)
        UNION ALL
        SELECT pandaid, concat('it is in the history ', count(*), ' times') FROM job_archive WHERE {_RECENT}
        GROUP BY pandaid HAVING count(*) > 1""",
        "read `pandad job timeline ID`, keep the row that its last event speaks of, and report it"),
    invariant(
        "archive-final", "only a job that has ended is in the history", E, f"""
        SELECT pandaid, concat('it is in the history as ', jobstatus) FROM job_archive
        WHERE {_RECENT} AND jobstatus NOT IN ({listed(FINAL)})""",
        "nothing will happen to it there: submit it again"),
    invariant(
        "archive-day", "a job lies in the history under the day on which it came to its end", W, f"""
        SELECT pandaid, concat('it ended at ', statechangetime, ', and lies under ', endedon) FROM job_archive
        WHERE {_RECENT} AND endedon <> (statechangetime AT TIME ZONE 'UTC')::date""",
        "report it; the job may leave too early or too late with its partition"),
    invariant(
        "archive-belongs", "what is in the history of a job lies there under the same day as the job", E, f"""
        SELECT DISTINCT pandaid, concat(tablename, ' of ', endedon, ' without its job')
        FROM ({" UNION ALL ".join(map(_unowned, BELONGINGS))}) x""",
        "look whether a partition was dropped or restored alone: the six tables of a month go together"),
    invariant(
        "archive-complete", "a job comes into the history with its texts and its events", E, f"""
        SELECT pandaid, concat_ws(' and ', CASE WHEN t.pandaid IS NULL THEN 'its texts' END, CASE WHEN e.pandaid IS NULL THEN
                                  'its events' END) || ' are not there'
        FROM job_archive a
        LEFT JOIN (SELECT DISTINCT pandaid, endedon FROM job_text_archive WHERE {_RECENT}) t USING (pandaid, endedon)
        LEFT JOIN (SELECT DISTINCT pandaid, endedon FROM job_event_archive WHERE {_RECENT}) e USING (pandaid, endedon)
        WHERE {_RECENT} AND (t.pandaid IS NULL OR e.pandaid IS NULL)""",
        "look whether a partition was dropped or restored alone: the six tables of a month go together"),
    invariant(
        "archive-bounds", "a partition holds the month in its name, and no other day", E, f"""
        SELECT part, concat('it holds "', bounds, '"') FROM ({_PARTITIONS}) p
        WHERE bounds IS DISTINCT FROM concat('FOR VALUES FROM (''', to_char(month, 'YYYY-MM-DD'), ''') TO (''',
                                             to_char(month + interval '1 month', 'YYYY-MM-DD'), ''')')""",
        "partitions are made by pandad; detach one that was made by hand and move its rows"),
    invariant(
        "archive-months", "the months of the history follow each other without a gap, the same in its six tables", E, _missing(
            f"(SELECT generate_series(min(month), max(month), '1 month') FROM ({_PARTITIONS}) p)"),
        "look whether a partition was dropped or detached; attach it again, or drop the month in all six tables"),
    invariant(
        "archive-ahead", "once there is a history, this month and the next have their partitions", W, _missing(
            f"""(SELECT date_trunc('month', current_date) + n * interval '1 month' FROM generate_series(0, 1) AS n
                 WHERE EXISTS ({_PARTITIONS}))"""),
        "look why the loop that makes them fails (`pandad loop ls`); ended jobs stay in the hot tables until then"),
    invariant(
        "archive-columns", "a table of the history has the day and then the columns of the live one, in order", E, f"""
        SELECT whole || '_archive', concat('it has ', there) FROM (
            SELECT whole, {_columns("whole")} AS live, {_columns("whole || '_archive'")} AS there
            FROM unnest(ARRAY[{listed(WHOLE)}]) AS whole) x
        WHERE there IS DISTINCT FROM 'endedon date, ' || live""",
        "no job can leave for the history: undo what was done to the tables by hand"),
    invariant(
        "archive-views", "readers of the history see all of its columns", E, f"""
        SELECT whole || '_ever', concat('it has ', coalesce(seen, 'no column')) FROM (
            SELECT whole, {_columns("whole || '_ever'")} AS seen, {_columns("whole || '_archive'")} AS there
            FROM unnest(ARRAY[{listed(WHOLE)}]) AS whole) x
        WHERE seen IS DISTINCT FROM there""",
        "make the view anew, as the newest migration that made it does"),
)
