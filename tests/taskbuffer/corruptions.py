"""For each invariant of fsck a way to break it, by plain SQL. ``%(id)s`` is what it is done to."""

from __future__ import annotations

from dataclasses import dataclass

from pandad.taskbuffer.statement import Statement
from pandad.taskbuffer.store import Transaction

from .fscklife import UPLOAD, Life


@dataclass(frozen=True)
class Corruption:
    """``of``: the way of the job that it is done to, or a query of the id of something else.

    :param refused_by: the constraint that does not let it happen, and that must be dropped first.
    :param also: other invariants that are broken by it too.
    """

    breaks: str
    of: str
    sql: str
    also: frozenset[str] = frozenset()
    refused_by: str = ""

    @property
    def hits_job(self) -> bool:
        """Whether it is done to one job alone."""
        return not self.of.startswith("SELECT")

    async def target(self, txn: Transaction, life: Life, place: int = 0) -> str:
        """The id that it is done to; of a job, the one at that place of its way."""
        if self.hits_job:
            return str(life.jobs[self.of][place])
        ((found,),) = await txn.many(Statement("test", self.of))
        return str(found)

    async def happen(self, txn: Transaction, target: str) -> None:
        """Do it."""
        parameters = {"id": target} if "%(id)s" in self.sql else {}  # other texts may have a % of their own
        await txn.run(Statement("test", self.sql), **parameters)

    async def unguard(self, txn: Transaction) -> None:
        """Drop the constraint that refuses it."""
        await txn.run(Statement("test", UNGUARD.format(self.refused_by)))


UNGUARD = """DO $$ BEGIN EXECUTE (
    SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname) FROM pg_constraint WHERE conname = '{}');
    END $$"""


_OLD_ACT = """INSERT INTO audit (at, who, anchor, host, act, target, why)
              VALUES (now() - interval '2 hours', 'root', '', 'h', 'ban', 'x', 'y')"""


_OLD_WORD = """UPDATE queue SET override = status, reason = '', setby = 'root', setat = now(), until = now() - interval '2 hours'
               WHERE name = %(id)s"""


def _c(breaks: str, of: str, sql: str, *also: str, refused_by: str = "") -> Corruption:
    return Corruption(breaks, of, sql, frozenset(also), refused_by)


def _job(changes: str) -> str:
    return f"UPDATE job SET {changes} WHERE pandaid = %(id)s"


def _event(changes: str, event: str) -> str:
    return f"UPDATE job_event SET {changes} WHERE pandaid = %(id)s AND event = '{event}'"


def _new_event(event: str, fromstatus: str, tostatus: str) -> str:
    return f"""INSERT INTO job_event (pandaid, event, fromstatus, tostatus, attemptnr, actor, who)
               VALUES (%(id)s, '{event}', {fromstatus}, '{tostatus}', 1, 'user', 'x')"""


def _placement(file_endpoint: str = "DISK", status: str = "'moving', 'rule'") -> str:
    """A placement with a file."""
    return f"""WITH p AS (INSERT INTO placement (id, scope, name, endpoint, activity, files, bytes, status, rule)
                          OVERRIDING SYSTEM VALUE VALUES (7, 'panda', 'x_dis001', 'DISK', 'Express', 1, 1, {status}) RETURNING id)
               INSERT INTO placement_file SELECT '{file_endpoint}', 'user.alice', 'in', id FROM p WHERE '{file_endpoint}' <> ''"""


def _sub_dataset(values: str, made: str = "false") -> str:
    """A dataset, and one for outputs of its."""
    return f"""WITH d AS (INSERT INTO dataset (scope, name) VALUES ('a', 'b') RETURNING id)
               INSERT INTO sub_dataset (shipment, dataset, name, endpoint, lasting, made)
               SELECT n, id, name, 'DISK', false, {made} FROM (SELECT {values} FROM d) AS v(n, id, name)"""


_NEXT_PARTITION = "SELECT concat('job_archive_', to_char(now() + interval '1 month', 'YYYYMM'))"
_TASK = "SELECT min(jeditaskid) FROM task"
_FIRST_PARTITION = "SELECT concat('file_archive_', to_char(date_trunc('month', now()) - interval '1 month', 'YYYYMM'))"
_SHIFT = """DO $$ DECLARE part text := (SELECT concat('job_archive_', to_char(now() + interval '1 month', 'YYYYMM')));
            first date := date_trunc('month', now() + interval '1 month'); BEGIN
            EXECUTE format('ALTER TABLE job_archive DETACH PARTITION %I', part);
            EXECUTE format('ALTER TABLE job_archive ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', part, first, first + 9);
            END $$"""
_DROP_NEXT = """DO $$ DECLARE t text; BEGIN
                FOREACH t IN ARRAY ARRAY['job', 'job_text', 'job_event', 'job_report', 'job_decision', 'file'] LOOP
                EXECUTE format('DROP TABLE %s_archive_%s', t, to_char(now() + interval '1 month', 'YYYYMM')); END LOOP; END $$"""
_DROP_FIRST = """DO $$ BEGIN EXECUTE format('DROP TABLE file_archive_%s',
                 to_char(date_trunc('month', now()) - interval '1 month', 'YYYYMM')); END $$"""

CORRUPTIONS = (
    # the house
    _c("schema-version", "SELECT 1", "UPDATE schema_version SET digest = 'x' WHERE number = 1"),
    _c("schema-states", "SELECT 'job_status'", "ALTER TYPE job_status RENAME VALUE 'merging' TO 'melting'"),
    _c("schema-states", "SELECT 'task_status'", "ALTER TYPE task_status RENAME VALUE 'broken' TO 'cracked'"),
    _c("schema-whole", "SELECT 'job_usage'", "DROP INDEX job_usage"),
    _c("schema-whole", "SELECT 'file_type_known'", "ALTER TABLE file DROP CONSTRAINT file_type_known"),
    _c("schema-indexes", "SELECT 'job_usage'", "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'job_usage'::regclass"),
    _c("schema-constraints", "SELECT 'odd'", "ALTER TABLE file ADD CONSTRAINT odd CHECK (fsize > 5) NOT VALID"),
    _c(
        "schema-triggers",
        "SELECT concat('file.', min(tgname)) FROM pg_trigger WHERE tgrelid = 'file'::regclass",
        "ALTER TABLE file DISABLE TRIGGER ALL",
    ),
    _c("sequence-ahead", "SELECT 'job_pandaid'", "ALTER SEQUENCE job_pandaid RESTART WITH 1"),
    _c("sequence-ahead", "SELECT 'job_event_id_seq'", "ALTER TABLE job_event ALTER id RESTART WITH 1"),
    _c("sequence-ahead", "SELECT 'file_row_id_seq'", "ALTER TABLE file ALTER row_id RESTART WITH 1"),
    _c("sequence-ahead", "SELECT 'task_jeditaskid'", "ALTER SEQUENCE task_jeditaskid RESTART WITH 10000000"),
    _c("sequence-ahead", "SELECT 'line_id_seq'", "ALTER TABLE line ALTER id RESTART WITH 1"),
    _c("queue-name", "SELECT 'TEST_QUEUE'", "UPDATE queue SET description = '{\"nickname\": \"B\"}' WHERE name = %(id)s"),
    _c(
        "queue-status",
        "SELECT 'TEST_QUEUE'",
        "UPDATE queue SET status = 'on' WHERE name = %(id)s",
        refused_by="queue_status_known",
    ),
    _c(
        "queue-override",
        "SELECT 'TEST_QUEUE'",
        "UPDATE queue SET until = now() WHERE name = %(id)s",
        refused_by="queue_override_whole",
    ),
    _c("queue-over", "SELECT 'TEST_QUEUE'", _OLD_WORD),
    _c("endpoint-name", "SELECT 'DISK'", "INSERT INTO endpoint VALUES ('DISK', '{\"name\": \"TAPE\"}', DEFAULT, 'x')"),
    _c(
        "link-distance",
        "SELECT 'A B'",
        "INSERT INTO link VALUES ('A', 'B', -5, 'x')",
        refused_by="link_distance",
    ),
    _c("source-kind", "SELECT 'jobs'", "INSERT INTO source (kind, address) VALUES ('jobs', 'x')", refused_by="source_kind_known"),
    _c("loop-term", "SELECT 'adder'", "UPDATE loop SET term = 0 WHERE name = %(id)s"),
    _c("loop-lease", "SELECT 'adder'", "UPDATE loop SET leaseuntil = 'infinity' WHERE name = %(id)s"),
    _c("loop-counts", "SELECT 'adder'", "UPDATE loop SET failures = 9 WHERE name = %(id)s"),
    _c("worker-times", "SELECT 'harvester:1'", "UPDATE worker SET ended = started - interval '1 hour'"),
    _c("submitter-known", "SELECT ' x'", "INSERT INTO submitter (anchor, subject) VALUES ('', 'x')"),
    # jobs
    _c("job-owner", "defined", _job("ownersubject = ''"), "line-of-job", "job-serial"),
    _c("job-queue", "activated", _job("computingsite = NULL"), "tally-exact", refused_by="job_placed_has_queue"),
    _c("job-queue", "running", _job("computingsite = ''"), "tally-exact"),
    _c("job-queue-known", "activated", _job("computingsite = 'GONE'"), "tally-exact"),
    _c("job-holder", "running", _job("holdersubject = NULL"), "event-holder", refused_by="job_in_slot_has_holder"),
    _c("job-holder", "running", _job("holderanchor = NULL")),
    _c("job-unheld", "activated", _job("holdersubject = 'x'")),
    _c("job-kill-heard", "activated", _job("commandtopilot = 'tobekilled'")),
    _c("job-attempt", "running", _job("attemptnr = 0"), "event-replay", "event-holder"),
    _c("job-attempt", "defined", _job("attemptnr = -1"), "event-replay", refused_by="job_attempt_counts_up"),
    _c("job-end", "finished", _job("endtime = NULL"), refused_by="job_final_has_end"),
    _c("job-times", "running", _job("modificationtime = creationtime - interval '1 hour'")),
    _c("job-future", "running", _job("modificationtime = now() + interval '1 hour'")),
    _c("job-ran-forward", "finished", _job("starttime = endtime + interval '2 hours'")),
    _c("job-looked-at", "defined", _job("nextcheck = now() + interval '9 days'")),
    _c("job-report", "reported", "UPDATE job_report SET outcome = 'failed' WHERE pandaid = %(id)s"),
    _c("job-report", "reported", "DELETE FROM job_report WHERE pandaid = %(id)s", "report-noted"),
    _c("job-report-owed", "running", _job("reportedstatus = 'finished'"), "job-report"),
    _c(
        "job-as-reported",
        "finished",
        """WITH said AS (UPDATE job_report SET outcome = 'failed' WHERE pandaid = %(id)s)
           UPDATE job SET reportedstatus = 'failed' WHERE pandaid = %(id)s""",
    ),
    _c("job-text", "running", "DELETE FROM job_text WHERE pandaid = %(id)s"),
    _c("job-serial", "defined", _job("jobdefinitionid = 99999")),
    # what belongs to them
    _c("text-of-job", "SELECT 0", "INSERT INTO job_text (pandaid) VALUES (%(id)s)", refused_by="job_text_pandaid_fkey"),
    _c("event-of-job", "SELECT 0", _new_event("submitted", "NULL", "defined")),
    _c(
        "report-of-job",
        "SELECT 0",
        "INSERT INTO job_report (pandaid, attemptnr, outcome, outputreport) VALUES (%(id)s, 1, 'failed', '')",
        "report-claimed",
        "report-noted",
    ),
    _c("decision-of-job", "SELECT 0", "INSERT INTO job_decision (pandaid, verdicts) VALUES (%(id)s, '[]')"),
    _c(
        "file-of-job",
        "SELECT 0",
        "INSERT INTO file (pandaid, lfn, type, status) VALUES (%(id)s, 'x', 'output', 'defined')",
        refused_by="file_pandaid_fkey",
    ),
    _c("report-outcome", "reported", "UPDATE job_report SET outcome = 'running' WHERE pandaid = %(id)s", "job-report"),
    _c(
        "report-claimed",
        "finished",
        "INSERT INTO job_report (pandaid, attemptnr, outcome, outputreport) VALUES (%(id)s, 7, 'failed', '')",
        "report-noted",
    ),
    _c(
        "report-noted",
        "running",
        "INSERT INTO job_report (pandaid, attemptnr, outcome, outputreport) VALUES (%(id)s, 1, 'failed', '')",
    ),
    _c(
        "file-type",
        "running",
        "UPDATE file SET type = 'odd' WHERE pandaid = %(id)s AND type = 'log'",
        refused_by="file_type_known",
    ),
    _c("file-status", "running", "UPDATE file SET status = 'odd' WHERE pandaid = %(id)s AND type = 'log'"),
    _c("file-size", "running", "UPDATE file SET fsize = -1 WHERE pandaid = %(id)s AND type = 'input'"),
    _c(
        "file-once",
        "running",
        "INSERT INTO file (pandaid, scope, lfn, type, status) VALUES (%(id)s, 'user.alice', 'out.root', 'output', 'defined')",
    ),
    _c(
        "file-once",
        "running",
        "INSERT INTO file (pandaid, scope, lfn, type, status) VALUES (%(id)s, 'user.alice', 'other.tgz', 'log', 'defined')",
    ),
    _c("file-input-ready", "running", "UPDATE file SET status = 'defined' WHERE pandaid = %(id)s AND type = 'input'"),
    _c("file-output-ready", "finished", "UPDATE file SET status = 'defined' WHERE pandaid = %(id)s AND type = 'output'"),
    _c("file-output-ready", "finished", "UPDATE file SET fsize = NULL WHERE pandaid = %(id)s AND type = 'log'"),
    _c("decision-shared", "assigned", "UPDATE job_decision SET decision = 999999 WHERE pandaid = %(id)s"),
    _c("decision-queue", "assigned", "UPDATE job_decision SET chosen = 'OTHER' WHERE pandaid = %(id)s"),
    _c("line-of-job", "activated", _job("minramcount = 4000")),
    _c("line-of-job", "activated", _job("line = 999999")),
    _c("line-used", "SELECT min(line) FROM job", "UPDATE line SET used = now() - interval '2 days' WHERE id = %(id)s"),
    _c("line-digest", "SELECT min(id) FROM line", "UPDATE line SET digest = md5('x')::uuid WHERE id = %(id)s"),
    # the history of a job
    _c("event-submitted-once", "defined", _new_event("submitted", "NULL", "defined")),
    _c("event-first", "running", "DELETE FROM job_event WHERE pandaid = %(id)s AND event = 'submitted'", "event-submitted-once"),
    _c("event-birth", "running", _event("actor = 'pilot'", "submitted")),
    _c("event-move", "running", _event("event = 'started'", "running")),
    _c("event-note", "running", _event("event = 'a note'", "running")),
    _c("event-actor", "running", _event("actor = 'user'", "running")),
    _c("event-who", "running", _event("who = ''", "running")),
    _c("event-chain", "running", _event("fromstatus = 'sent'", "running")),
    _c("event-attempt", "running", _event("attemptnr = 2", "started")),
    _c("event-after-end", "finished", _new_event("a note", "'finished'", "finished")),
    _c("event-claimed-once", "sent", _new_event("claimed", "'activated'", "sent"), "event-chain", "event-actor", "event-holder"),
    _c("event-holder", "running", _job("holdersubject = 'x'")),
    _c("event-replay", "running", _job("jobstatus = 'starting'"), "tally-exact"),
    _c("event-replay", "activated", _job("attemptnr = 2")),
    _c("event-future", "running", _event("at = now() + interval '1 hour'", "running")),
    # the archive
    _c(
        "archive-once",
        "finished",
        "INSERT INTO job_archive SELECT (statechangetime AT TIME ZONE 'UTC')::date, j.* FROM job j WHERE pandaid = %(id)s",
        "archive-complete",
        "event-submitted-once",
    ),
    _c(
        "archive-once",
        "history",
        "INSERT INTO job_archive SELECT * FROM job_archive WHERE pandaid = %(id)s",
        "event-submitted-once",
    ),
    _c("archive-final", "history", "UPDATE job_archive SET jobstatus = 'running' WHERE pandaid = %(id)s", "event-replay"),
    _c(
        "archive-day",
        "history",
        "UPDATE job_archive SET statechangetime = statechangetime - interval '5 days' WHERE pandaid = %(id)s",
    ),
    _c(
        "archive-belongs",
        "history",
        "UPDATE job_event_archive SET endedon = endedon - 1 WHERE pandaid = %(id)s AND event = 'running'",
    ),
    _c("archive-belongs", "history", "DELETE FROM job_archive WHERE pandaid = %(id)s"),
    _c("archive-complete", "history", "DELETE FROM job_text_archive WHERE pandaid = %(id)s"),
    _c("archive-complete", "history", "DELETE FROM job_event_archive WHERE pandaid = %(id)s", "event-submitted-once"),
    _c("archive-bounds", _NEXT_PARTITION, _SHIFT),
    _c("archive-months", _FIRST_PARTITION, _DROP_FIRST),
    _c("archive-ahead", _NEXT_PARTITION, _DROP_NEXT),
    _c("archive-columns", "SELECT 'file_archive'", "ALTER TABLE file_archive ADD COLUMN extra integer", "archive-views"),
    _c("archive-views", "SELECT 'file_ever'", "DROP VIEW file_ever"),
    # accounts, bans, the audit
    _c("rights-one", "SELECT 'rights'", "DELETE FROM rights"),
    _c("account-roles", "SELECT min(id) FROM account", "UPDATE account SET roles = '{root}' WHERE id = %(id)s",
       refused_by="account_roles_known"),
    _c("account-identity", "SELECT min(account) FROM account_identity",
       "UPDATE account_identity SET anchor = '' WHERE account = %(id)s"),
    _c("account-of-identity", "SELECT 99", "UPDATE account_identity SET account = 99",
       refused_by="account_identity_account_fkey"),
    _c("ban-of-one", "SELECT min(id) FROM ban", "UPDATE ban SET account = NULL WHERE id = %(id)s", refused_by="ban_of_one"),
    _c("link-code-ends", "SELECT encode('x'::bytea, 'hex')",
       "INSERT INTO link_code (digest, anchor, subject, expires) VALUES ('x', 'ca', 'x', 'infinity')"),
    _c("credential-kind", "SELECT 'odd client'",
       "INSERT INTO pilot_credential (kind, name, role, sealed, putby) VALUES ('odd', 'client', '', '', 'root')",
       refused_by="pilot_credential_kind_known"),
    _c("cache-name", "SELECT 'jobO.tar.gz'", "UPDATE cache_file SET name = %(id)s"),
    _c("cache-owner", f"SELECT '{UPLOAD}'", "UPDATE cache_file SET anchor = '' WHERE name = %(id)s"),
    _c("audit-places", "SELECT max(place) FROM audit", "UPDATE audit_head SET place = place + 1"),
    _c("audit-sealed", "SELECT max(id) + 1 FROM audit", _OLD_ACT),
    # input on its way
    _c("placement-asked", "SELECT 7", _placement(status="'wanted', NULL")),
    _c("placement-files", "SELECT 7", _placement("")),
    _c("placement-endpoint", "SELECT 7", _placement("TAPE")),
    _c("avoidance-stands", "running", "INSERT INTO avoidance VALUES (%(id)s, 'Q', now(), 'its input is stuck')"),
    # tasks
    _c("task-id", "SELECT 7", """
        INSERT INTO task (jeditaskid, taskname, uniquetaskname, status, owneranchor, ownersubject, username, vo,
             prodsourcelabel, currentpriority, production, creationhost, parameters, digest)
        VALUES (7, 'x', false, 'running', 'ca', 'alice', 'alice', 'wlcg', 'user', 1, false, '', '{}', 'x')""", "task-event"),
    _c("task-owner", _TASK, "UPDATE task SET ownersubject = ''"),
    _c("task-event", _TASK, "UPDATE task SET status = 'ready'"),
    _c("task-event", _TASK, "DELETE FROM task_event"),
    _c("task-end", _TASK, """WITH said AS (
            INSERT INTO task_event (jeditaskid, event, tostatus, actor, who)
            SELECT jeditaskid, 'x', 'done', 'jedi', 'x' FROM task)
        UPDATE task SET status = 'done', endtime = now()"""),
    _c("task-job", "defined", """WITH said AS (UPDATE task_file SET pandaid = %(id)s WHERE status = 'running')
        UPDATE task_job SET pandaid = %(id)s WHERE ended IS NULL"""),
    _c("task-job-noted", "SELECT pandaid FROM task_job WHERE ended IS NOT NULL",
       "UPDATE task_job SET ended = 'failed' WHERE ended IS NOT NULL", "task-file-end"),
    _c("task-file-running", "SELECT id FROM task_file WHERE status = 'running'",
       "UPDATE task_file SET pandaid = 1 WHERE status = 'running'"),
    _c("task-file-running", "SELECT id FROM task_file WHERE status = 'running'", "DELETE FROM task_job WHERE ended IS NULL"),
    _c("task-file-end", "SELECT id FROM task_file WHERE status = 'finished'",
       "DELETE FROM task_job WHERE ended = 'finished'"),
    _c("task-counts", _TASK, "UPDATE task_dataset SET nfiles = nfiles + 1"),
    _c("task-counts", _TASK, "UPDATE task_file SET status = 'failed' WHERE status = 'running'"),
    # what is counted
    _c("task-scouts", "SELECT 7",
       "INSERT INTO task_scout (jeditaskid, jobs) SELECT 7, ARRAY(SELECT min(pandaid) FROM job)"),
    _c("tally-exact", "SELECT 'TEST_QUEUE running user SCORE'", "UPDATE tally_delta SET jobs = 2 WHERE ctid = ("
       "SELECT min(ctid) FROM tally_delta WHERE jobstatus = 'running' AND wasstatus = 'starting')"),
    _c("tally-exact", "SELECT 'Q waiting user SCORE'", "INSERT INTO tally VALUES ('Q', 'waiting', 'user', 'SCORE', -1, -1)"),
    _c("tally-times", "SELECT 'queue_end'",
       "INSERT INTO queue_end (bucket, queue, started, finished, failed, fast) VALUES (now() + interval '1 h', 'Q', 1, 0, 0, 0)"),
    _c("past-sums", "SELECT '2026-01-02 03:00'",
       "INSERT INTO state_past (queue, bucket, jobstatus, jobs) VALUES ('Q', '2026-01-02 03:00+00', 'running', 1)"),
    # outputs on their way
    _c("shipment-awaited", "transferring", "DELETE FROM shipment_file WHERE pandaid = %(id)s"),
    _c("shipment-file", "transferring", "UPDATE file SET status = 'ready' WHERE pandaid = %(id)s AND type = 'output'"),
    _c("shipment-asked", "SELECT concat(scope, ':', min(name)) FROM shipment GROUP BY scope",
       "DELETE FROM errand WHERE key = %(id)s"),
    _c("sub-dataset-asked", "SELECT 'a:b_sub07'", _sub_dataset("7, id, 'b_sub07'")),
    _c("sub-dataset-free", "SELECT concat(scope, ':', min(name)) FROM shipment GROUP BY scope", _sub_dataset(
       "(SELECT min(id) FROM shipment), id, (SELECT min(name) FROM shipment)", "true")),
    _c("dataset-open", "SELECT 'a:b'", """
       WITH made AS (INSERT INTO dataset (scope, name, state) VALUES ('a', 'b', 'idle') RETURNING id)
       INSERT INTO dataset_job SELECT made.id, min(pandaid) FROM made, job WHERE jobstatus = 'running' GROUP BY made.id"""),
    _c("errand-made", "SELECT 'close dataset a:b'", """
       INSERT INTO errand (kind, key, subject, step, payload, due)
       VALUES ('close dataset', 'a:b', 'a:b', 30, '{}', now() - interval '2 hours')"""),
)
