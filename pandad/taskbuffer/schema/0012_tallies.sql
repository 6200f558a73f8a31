-- What is counted as it happens, so that no round of brokerage has to count jobs. docs/explanation/facts.md

-- What a statement moved, a row for a job or for several alike: appended by it, in the same transaction, and folded into the tables below soon
-- after. No pilot's call updates a row that another one updates too, and none waits for another.
CREATE TABLE tally_delta (
    at            timestamptz NOT NULL DEFAULT now(),
    wasqueue      text,  -- where the jobs were; all NULL of those that were just submitted
    wasstatus     job_status,
    wastype       text,
    queue         text,  -- where they are
    jobstatus     job_status NOT NULL,
    resource_type text,
    label         text,  -- prodSourceLabel
    jobs          bigint NOT NULL,
    cores         bigint NOT NULL,  -- of all of them
    cause         text,  -- "source:code", where an attempt failed at the queue where it was
    fast          boolean,  -- and did so soon after its start
    jeditaskid    bigint,
    walltime      interval,  -- what they used
    memory        bigint  -- kB
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_insert_scale_factor = 0);

-- Live jobs, but for what stands in tally_delta. '' is no queue, label or type.
CREATE TABLE tally (
    queue         text NOT NULL,
    jobstatus     job_status NOT NULL,
    label         text NOT NULL,
    resource_type text NOT NULL,
    jobs          bigint NOT NULL,
    cores         bigint NOT NULL,
    PRIMARY KEY (queue, jobstatus, label, resource_type)
) WITH (fillfactor = 50);

-- Both together, in parts: the sum of the parts is what a scan of all live jobs would count.
CREATE VIEW tally_part AS
    SELECT queue, jobstatus, label, resource_type, jobs, cores FROM tally
    UNION ALL
    SELECT coalesce(queue, ''), jobstatus, coalesce(label, ''), coalesce(resource_type, ''), jobs, cores FROM tally_delta
    WHERE jobstatus NOT IN ('finished', 'failed', 'cancelled', 'closed')
    UNION ALL
    SELECT coalesce(wasqueue, ''), wasstatus, coalesce(label, ''), coalesce(wastype, ''), -jobs, -cores FROM tally_delta
    WHERE wasstatus NOT IN ('finished', 'failed', 'cancelled', 'closed');

-- Sums of float are exact to 2^53, and four times as fast as those of bigint.
CREATE VIEW tally_now AS
    SELECT queue, jobstatus, label, resource_type, sum(jobs::float)::bigint AS jobs, sum(cores::float)::bigint AS cores
    FROM tally_part GROUP BY queue, jobstatus, label, resource_type
    HAVING sum(jobs::float) <> 0 OR sum(cores::float) <> 0;

-- A job may ask for any number of cores, and no sum of them may be too large for its column.
CREATE FUNCTION counted_cores(corecount bigint) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN least(greatest(coalesce(corecount, 1), 0), 100000);

CREATE VIEW tally_scan AS
    SELECT coalesce(computingsite, '') AS queue, jobstatus, coalesce(prodsourcelabel, '') AS label,
           coalesce(resource_type, '') AS resource_type, count(*) AS jobs, sum(counted_cores(corecount))::bigint AS cores
    FROM job WHERE jobstatus NOT IN ('finished', 'failed', 'cancelled', 'closed')
    GROUP BY 1, 2, 3, 4;

INSERT INTO tally SELECT * FROM tally_scan;

-- How attempts began and ended at a queue, by five minutes.
CREATE TABLE queue_end (
    bucket   timestamptz NOT NULL,
    queue    text NOT NULL,
    started  bigint NOT NULL,
    finished bigint NOT NULL,
    failed   bigint NOT NULL,
    fast     bigint NOT NULL,  -- of those failed
    PRIMARY KEY (bucket, queue)
);

CREATE TABLE queue_cause (
    bucket timestamptz NOT NULL,
    queue  text NOT NULL,
    cause  text NOT NULL,
    jobs   bigint NOT NULL,
    PRIMARY KEY (bucket, queue, cause)
);

-- What the finished jobs of a task used: how many in each bucket, of which four make a doubling.
CREATE TABLE task_usage (
    jeditaskid bigint NOT NULL,
    quantity   text NOT NULL,
    bucket     smallint NOT NULL,
    jobs       bigint NOT NULL,
    used       date NOT NULL,  -- when the last one was added
    PRIMARY KEY (jeditaskid, quantity, bucket),
    CONSTRAINT task_usage_quantity CHECK (quantity IN ('walltime', 'memory'))
);
CREATE INDEX task_usage_used ON task_usage (used);

-- What pilots asked for and got, by five minutes; '' is all queues that do not exist.
CREATE TABLE pilot_call (
    bucket timestamptz NOT NULL,
    queue  text NOT NULL,
    asked  bigint NOT NULL,  -- calls
    served bigint NOT NULL,  -- jobs
    heard  bigint NOT NULL,  -- words on jobs
    PRIMARY KEY (bucket, queue)
);

CREATE TABLE pilot_refusal (
    bucket    timestamptz NOT NULL,
    queue     text NOT NULL,
    criterion text NOT NULL,
    calls     bigint NOT NULL,
    PRIMARY KEY (bucket, queue, criterion)
);

CREATE TABLE pilot_last (
    queue text PRIMARY KEY,
    asked timestamptz,
    heard timestamptz
);

-- The last different requests at a queue, of each process that took some.
CREATE TABLE pilot_request (
    queue    text NOT NULL,
    process  text NOT NULL,
    at       timestamptz NOT NULL,
    requests jsonb NOT NULL,
    PRIMARY KEY (queue, process)
);

DROP INDEX job_placed;  -- it was there to be counted, and each change of a state paid for it
