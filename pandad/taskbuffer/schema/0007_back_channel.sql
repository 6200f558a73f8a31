-- Debug commands to pilots and what came back: one row for each asking.
CREATE TABLE job_debug (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    pandaid   bigint NOT NULL,
    command   text NOT NULL,
    askedby   text NOT NULL,
    asked     timestamptz NOT NULL DEFAULT now(),
    told      timestamptz,  -- when its pilot was first told
    tellings  integer NOT NULL DEFAULT 0,
    seen      text,  -- md5 of the output that the pilot brought when it was first told: that one is not the answer
    attemptnr bigint,  -- of the pilot that answered
    at        timestamptz,  -- when the answer came
    output    text,
    CONSTRAINT job_debug_is_whole CHECK ((at IS NULL) = (output IS NULL))
);
CREATE INDEX job_debug_of_job ON job_debug (pandaid, id);

CREATE TABLE job_debug_archive (endedon date NOT NULL, LIKE job_debug) PARTITION BY RANGE (endedon);
CREATE INDEX job_debug_archive_id ON job_debug_archive (pandaid, id);
CREATE VIEW job_debug_ever AS SELECT NULL::date AS endedon, o.* FROM job_debug o UNION ALL SELECT * FROM job_debug_archive;

-- As in 0004, with the new table; then its partitions of the months that are there.
CREATE OR REPLACE FUNCTION make_archive_month(day date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    name  text;
    month date := date_trunc('month', day)::date;
BEGIN
    FOREACH name IN ARRAY ARRAY['job', 'job_text', 'job_event', 'job_report', 'job_decision', 'job_debug', 'file'] LOOP
        EXECUTE format('CREATE TABLE IF NOT EXISTS %I PARTITION OF %I FOR VALUES FROM (%L) TO (%L)',
                       name || '_archive_' || to_char(month, 'YYYYMM'), name || '_archive', month, month + interval '1 month');
    END LOOP;
END $$;

SELECT make_archive_month(to_date(right(c.relname, 6), 'YYYYMM'))
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'job_archive'::regclass;

-- Secrets of users, each sealed with a key that the database never sees.
CREATE TABLE user_secret (
    anchor  text NOT NULL,
    subject text NOT NULL,
    name    text NOT NULL,
    sealed  bytea NOT NULL,
    changed timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (subject, anchor, name)
);
