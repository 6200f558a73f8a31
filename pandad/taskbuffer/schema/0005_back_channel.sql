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

-- Secrets of users, each sealed with a key that the database never sees.
CREATE TABLE user_secret (
    anchor  text NOT NULL,
    subject text NOT NULL,
    name    text NOT NULL,
    sealed  bytea NOT NULL,
    changed timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (subject, anchor, name)
);
