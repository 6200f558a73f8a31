-- What brokerage knows beyond its first rules: whose jobs a queue eats, and which jobs wait apart from the others.

-- How attempts began and ended, by line of alike jobs: whether the jobs that fail at a queue do well elsewhere. Kept for hours only.
ALTER TABLE tally_delta ADD COLUMN line bigint;
CREATE TABLE line_end (
    bucket   timestamptz NOT NULL,
    queue    text NOT NULL,
    line     bigint NOT NULL,
    started  bigint NOT NULL,
    finished bigint NOT NULL,
    fast     bigint NOT NULL,  -- failed soon after their start
    PRIMARY KEY (bucket, queue, line)
);

-- Jobs that no queue took stand apart (taskbuffer/deferrals.py): who reads the heads of lines does not read past them.
UPDATE job SET brokerageerrorcode = 0 WHERE jobstatus = 'defined' AND brokerageerrorcode <> 0;
DROP INDEX job_defined_line;
CREATE INDEX job_defined_line ON job (line, currentpriority DESC, pandaid) WHERE jobstatus = 'defined' AND brokerageerrorcode = 0;
CREATE INDEX job_put_off ON job (nextcheck, pandaid) WHERE jobstatus = 'defined' AND brokerageerrorcode <> 0;

-- The jobs of a task that went before the others.
CREATE TABLE task_scout (
    jeditaskid bigint PRIMARY KEY,
    jobs       bigint[] NOT NULL,  -- PandaIDs
    since      timestamptz NOT NULL DEFAULT now(),
    opened     timestamptz  -- since when nobody waits for them any more
);

-- One row: how often something changed that may concern every job without a queue.
CREATE TABLE queue_change (
    one   boolean PRIMARY KEY DEFAULT true,
    times bigint NOT NULL,
    CONSTRAINT queue_change_one CHECK (one)
);

-- A job that was limited to several queues had them in computingsite until it got one; it stands at none now, and is counted so.
WITH counted AS (
    INSERT INTO tally_delta (queue, jobstatus, resource_type, label, jobs, cores, wasqueue, wasstatus, wastype)
    SELECT NULL, jobstatus, resource_type, prodsourcelabel, count(*), sum(counted_cores(corecount)), computingsite, jobstatus,
           resource_type
    FROM job WHERE jobstatus = 'defined' AND relocationflag = 1 AND computingsite ~ '[,*?[]'
    GROUP BY jobstatus, resource_type, prodsourcelabel, computingsite)
UPDATE job SET avoided = avoided || ARRAY(SELECT '!' || name FROM unnest(string_to_array(computingsite, ',')) AS name WHERE name <> ''),
               computingsite = NULL, relocationflag = 0
WHERE jobstatus = 'defined' AND relocationflag = 1 AND computingsite ~ '[,*?[]';
