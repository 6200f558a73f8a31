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
