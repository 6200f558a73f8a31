-- Ended jobs leave the hot tables, with all that belongs to them, into monthly partitions. `endedon` is the day on which the job came
-- to its end; a partition is named after its table and month (job_archive_202611) and made by pandad before the month begins.

CREATE TABLE job_archive (endedon date NOT NULL, LIKE job) PARTITION BY RANGE (endedon);
CREATE TABLE job_text_archive (endedon date NOT NULL, LIKE job_text) PARTITION BY RANGE (endedon);
CREATE TABLE job_event_archive (endedon date NOT NULL, LIKE job_event) PARTITION BY RANGE (endedon);
CREATE TABLE job_report_archive (endedon date NOT NULL, LIKE job_report) PARTITION BY RANGE (endedon);
CREATE TABLE job_decision_archive (endedon date NOT NULL, LIKE job_decision) PARTITION BY RANGE (endedon);
CREATE TABLE file_archive (endedon date NOT NULL, LIKE file) PARTITION BY RANGE (endedon);

CREATE INDEX job_archive_id ON job_archive (pandaid);
CREATE INDEX job_archive_owner ON job_archive (ownersubject, owneranchor, pandaid DESC);
CREATE INDEX job_text_archive_id ON job_text_archive (pandaid);
CREATE INDEX job_event_archive_id ON job_event_archive (pandaid, id);
CREATE INDEX job_report_archive_id ON job_report_archive (pandaid, attemptnr);
CREATE INDEX job_decision_archive_id ON job_decision_archive (pandaid);
CREATE INDEX file_archive_id ON file_archive (pandaid, row_id);

-- A job in its life and after: what readers ask, so that they need not know where it lies. A column added to one of the tables is
-- added to its archive too, and its view made anew.
CREATE VIEW job_ever AS SELECT NULL::date AS endedon, j.* FROM job j UNION ALL SELECT * FROM job_archive;
CREATE VIEW job_text_ever AS SELECT NULL::date AS endedon, t.* FROM job_text t UNION ALL SELECT * FROM job_text_archive;
CREATE VIEW job_event_ever AS SELECT NULL::date AS endedon, e.* FROM job_event e UNION ALL SELECT * FROM job_event_archive;
CREATE VIEW job_report_ever AS SELECT NULL::date AS endedon, r.* FROM job_report r UNION ALL SELECT * FROM job_report_archive;
CREATE VIEW job_decision_ever AS SELECT NULL::date AS endedon, d.* FROM job_decision d UNION ALL SELECT * FROM job_decision_archive;
CREATE VIEW file_ever AS SELECT NULL::date AS endedon, f.* FROM file f UNION ALL SELECT * FROM file_archive;

-- What has ended and may leave, oldest first.
CREATE INDEX job_ended ON job (statechangetime) WHERE jobstatus IN ('finished', 'failed', 'cancelled', 'closed');

-- The partitions of a month in all six tables; what is there already stays. Called ahead of time, so that nothing waits for its locks.
CREATE FUNCTION make_archive_month(day date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    name  text;
    month date := date_trunc('month', day)::date;
BEGIN
    FOREACH name IN ARRAY ARRAY['job', 'job_text', 'job_event', 'job_report', 'job_decision', 'file'] LOOP
        EXECUTE format('CREATE TABLE IF NOT EXISTS %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
                       name || '_archive_' || to_char(month, 'YYYYMM'), name || '_archive', month, month + interval '1 month');
    END LOOP;
END $$;

SELECT make_archive_month(((now() AT TIME ZONE 'UTC')::date + make_interval(months => n))::date) FROM generate_series(0, 1) AS n;
