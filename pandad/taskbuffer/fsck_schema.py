"""Invariants of the house itself: schema, sequences, queues, loops, workers and submitters."""

from __future__ import annotations

from pandad.spec.jobstatus import JobStatus
from pandad.spec.site import QueueStatus
from pandad.spec.taskstatus import TaskStatus
from pandad.taskbuffer.fsck_jobs import SLACK
from pandad.taskbuffer.invariant import Severity, invariant
from pandad.taskbuffer.sources import KINDS
from pandad.taskbuffer.statement import listed, sql

E, W = Severity.ERROR, Severity.WARNING

LONGEST_LEASE = "interval '4 days'"  # three periods of the slowest loop that can be configured, and a day
_HERE = "current_schema()::regnamespace"

# (sequence, the id that it gives next, the highest in use). A jobsetID may be a client's own number: only those count that the
# sequence has come to. Event and file ids grow with time, so the highest is not in an old partition.
_SEQUENCES = """SELECT name, next, coalesce(highest, 0) AS highest FROM (
    SELECT 'job_pandaid' AS name, (SELECT last_value + is_called::integer FROM job_pandaid) AS next,
           greatest((SELECT max(pandaid) FROM job), (SELECT max(pandaid) FROM job_archive),
                    (SELECT max(pandaid) FROM job_event)) AS highest
    UNION ALL
    SELECT 'job_jobsetid', s.next, (SELECT max(jobsetid) FROM job WHERE jobsetid < s.next)
    FROM (SELECT last_value + is_called::integer AS next FROM job_jobsetid) s
    UNION ALL
    SELECT 'job_event_id_seq', (SELECT last_value + is_called::integer FROM job_event_id_seq),
           greatest((SELECT max(id) FROM job_event),
                    (SELECT max(id) FROM job_event_archive WHERE endedon >= current_date - %(days)s::integer))
    UNION ALL
    SELECT 'file_row_id_seq', (SELECT last_value + is_called::integer FROM file_row_id_seq),
           greatest((SELECT max(row_id) FROM file),
                    (SELECT max(row_id) FROM file_archive WHERE endedon >= current_date - %(days)s::integer))
    UNION ALL
    SELECT 'task_jeditaskid', (SELECT last_value + is_called::integer FROM task_jeditaskid), (SELECT max(jeditaskid) FROM task)
    UNION ALL
    SELECT 'line_id_seq', (SELECT last_value + is_called::integer FROM line_id_seq), (SELECT max(id) FROM line)) AS s"""

SCHEMA = (
    invariant(
        "schema-version",
        "the migrations that were applied are the files that pandad brings, unchanged, or newer ones that it can work with",
        E, """
        SELECT number, CASE WHEN v.number IS NULL THEN 'this migration was not applied'
                            WHEN f.number IS NULL THEN 'this pandad does not know the migration'
                            ELSE concat(v.name, ' was changed after it had been applied') END
        FROM schema_version v FULL JOIN unnest(%(numbers)s::integer[], %(digests)s::text[]) AS f(number, digest) USING (number)
        WHERE v.digest IS DISTINCT FROM f.digest
          AND NOT (f.number IS NULL AND coalesce((to_jsonb(v) ->> 'tolerated')::boolean, false))""",
        "install the pandad that this database was made by, or a newer one"),
    invariant(
        "schema-states", "the database knows the states of the specification, in their order", E, f"""
        SELECT 'job_status', concat('it has ', array_to_string(enum_range(NULL::job_status), ', '))
        WHERE enum_range(NULL::job_status)::text[] <> ARRAY[{", ".join(f"'{status}'" for status in JobStatus)}]
        UNION ALL
        SELECT 'task_status', concat('it has ', array_to_string(enum_range(NULL::task_status), ', '))
        WHERE enum_range(NULL::task_status)::text[] <> ARRAY[{", ".join(f"'{status}'" for status in TaskStatus)}]""",
        "install the pandad that this database was made by, or a newer one"),
    invariant(
        "schema-whole", "every index and constraint that the migrations name is there", E, f"""
        SELECT name, 'it is gone' FROM unnest(%(names)s::text[]) AS name
        WHERE NOT EXISTS (SELECT FROM pg_class WHERE relname = name AND relkind IN ('i', 'I') AND relnamespace = {_HERE})
          AND NOT EXISTS (SELECT FROM pg_constraint WHERE conname = name AND connamespace = {_HERE})""",
        "make it again as its migration does (`CREATE INDEX CONCURRENTLY` on a live system)"),
    invariant(
        "schema-indexes", "every index is valid and in use", E, f"""
        SELECT c.relname, 'PostgreSQL does not use this index' FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid
        WHERE c.relnamespace = {_HERE} AND NOT (x.indisvalid AND x.indisready AND x.indislive)""",
        "wait if it is being made just now, else `REINDEX INDEX CONCURRENTLY` it"),
    invariant(
        "schema-constraints", "every constraint holds for all rows", E, f"""
        SELECT conname, concat('it was not validated on ', conrelid::regclass) FROM pg_constraint
        WHERE connamespace = {_HERE} AND NOT convalidated""",
        "`ALTER TABLE ... VALIDATE CONSTRAINT ...`; the error names the first row that breaks it"),
    invariant(
        "schema-triggers", "no trigger is switched off, the foreign keys' own among them", E, f"""
        SELECT concat(c.relname, '.', t.tgname), 'it is switched off' FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
        WHERE c.relnamespace = {_HERE} AND t.tgenabled <> 'O'""",
        "`ALTER TABLE ... ENABLE TRIGGER ALL`, then run fsck again: rows may have come that break a foreign key"),
    invariant(
        "sequence-ahead", "the next id is higher than all in use; after a restore, higher by the gap", E, f"""
        SELECT name, concat('it gives ', next, ' next, and ', highest, ' is in use') FROM ({_SEQUENCES}) s
        WHERE next <= highest + %(gap)s::bigint""",
        "run `pandad fsck --repair` (after a restore with --after-restore) before the daemon starts"),
    invariant(
        "queue-name", "a queue stands under the name in its description", E, """
        SELECT name, concat('its description is that of ', description::jsonb ->> 'nickname') FROM queue
        WHERE name <> description::jsonb ->> 'nickname'""",
        "add or import the queue again (`pandad queue add FILE`, `pandad queue import FILE`)"),
    invariant(
        "queue-status", "the status of a queue is a known word", E, f"""
        SELECT name, concat('it is ', status, ', set to ', coalesce(override, 'nothing else')) FROM queue
        WHERE status NOT IN ({listed(QueueStatus)}) OR override NOT IN ({listed(QueueStatus)})""",
        "import or add the queue again, and set its status (`pandad queue set NAME status=...`)"),
    invariant(
        "queue-override", "an operator's word on a queue has a reason, a time and whose it is, and only such a word ends", E, """
        SELECT name, concat('it is set to ', coalesce(override, 'nothing'), ' by ', coalesce(setby, 'nobody')) FROM queue
        WHERE num_nulls(override, reason, setby, setat) NOT IN (0, 4) OR (override IS NULL AND until IS NOT NULL)""",
        "set its status again (`pandad queue set NAME status=...`)"),
    invariant(
        "queue-over", "an operator's word whose time is over is soon taken away", W, """
        SELECT name, concat('its word ', override, ' was over at ', until) FROM queue
        WHERE until < clock_timestamp() - interval '1 hour'""",
        "start the daemon, or look what `pandad loop ls` says of the loop queues; the word does not count any more"),
    invariant(
        "endpoint-name", "a storage endpoint stands under the name in its description", E, """
        SELECT name, concat('its description is that of ', description::jsonb ->> 'name') FROM endpoint
        WHERE name <> description::jsonb ->> 'name'""",
        "import the endpoints again (`pandad queue import --endpoints FILE`)"),
    invariant(
        "link-distance", "a link is from somewhere to somewhere, and its distance is none or from 0", E, """
        SELECT concat(src, ' ', dst), concat('its distance is ', distance) FROM link WHERE distance < 0 OR '' IN (src, dst)""",
        "import the links again (`pandad queue import --links FILE`)"),
    invariant(
        "source-kind", "what is taken from a source is queues, endpoints or links", E, f"""
        SELECT kind, concat('it is taken from ', address) FROM source WHERE kind NOT IN ({listed(KINDS)})""",
        "delete the row"),
    invariant(
        "loop-term", "a loop that somebody ran has a term, from 1", E,
        "SELECT name, concat('held by ', holder, ' in term ', term) FROM loop WHERE term < (holder IS NOT NULL)::integer",
        "report it; a process may take itself for the loop's holder"),
    invariant(
        "loop-lease", "the lease of a loop runs out", E, f"""
        SELECT name, concat('held by ', coalesce(holder, 'nobody'), ' until ', leaseuntil) FROM loop
        WHERE leaseuntil > clock_timestamp() + {LONGEST_LEASE} OR (holder IS NULL AND leaseuntil > clock_timestamp())""",
        "look whether the database's clock was set back; set loop.leaseuntil to now() if that process is no more"),
    invariant(
        "loop-counts", "a loop has not failed more often than it ran", W,
        "SELECT name, concat(failures, ' failures in ', runs, ' runs') FROM loop WHERE failures < 0 OR runs < failures",
        "report it; `pandad loop ls` is wrong about this loop, nothing else"),
    invariant(
        "worker-times", "a worker began before it ended, and not in the future", W, f"""
        SELECT concat(harvesterid, ':', workerid), concat('it ran from ', started, ' to ', ended) FROM worker
        WHERE ended < started - {SLACK} OR greatest(started, ended, modified) > clock_timestamp() + {SLACK}""",
        "look whether the database's clock was set back"),
    invariant(
        "submitter-known", "a submitter has a name, and a serial that counts up from 0", E, """
        SELECT concat(anchor, ' ', subject), concat('serial ', jobdefinitionid) FROM submitter
        WHERE anchor = '' OR subject = '' OR jobdefinitionid < 0""",
        "report it"),
)

# Far enough beyond what is in use that an id which is being given out at this moment does no harm.
_MARGIN = 1000

BEHIND = sql("fsck.behind", f"""
    SELECT name, highest + %(gap)s::bigint + {_MARGIN + 1} FROM ({_SEQUENCES}) s
    WHERE next <= highest + %(gap)s::bigint""", planned_each_time=True)

# Both only ever raise: what they skip is never given out, and nothing is given out twice.
JUMP = sql("fsck.jump", f"""
    SELECT setval(name::regclass, highest + %(gap)s::bigint + {_MARGIN}) FROM ({_SEQUENCES}) s
    WHERE next <= highest + %(gap)s::bigint""", planned_each_time=True)

RAISE_SERIALS = sql("fsck.raise_serials", """
    INSERT INTO submitter AS s (anchor, subject, jobdefinitionid)
    SELECT owneranchor, ownersubject, max(jobdefinitionid) FROM job GROUP BY 1, 2 HAVING max(jobdefinitionid) > 0
    ON CONFLICT (anchor, subject) DO UPDATE SET jobdefinitionid = EXCLUDED.jobdefinitionid
    WHERE s.jobdefinitionid < EXCLUDED.jobdefinitionid
    RETURNING subject, jobdefinitionid""", planned_each_time=True)
