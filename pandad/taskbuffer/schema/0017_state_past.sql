-- How many jobs were where, sampled from the counters (taskbuffer/past.py): what a picture over time is drawn from. Kept for days only.
-- Older pandads: work on

CREATE TABLE state_past (
    queue     text NOT NULL,  -- '': all jobs, also those that have no queue; of these every state has a row, be it 0
    bucket    timestamptz NOT NULL,  -- the beginning of the ten minutes in which it was sampled
    jobstatus job_status NOT NULL,
    jobs      bigint NOT NULL,
    PRIMARY KEY (queue, bucket, jobstatus),
    CONSTRAINT state_past_count CHECK (jobs >= 0)
);
CREATE INDEX state_past_age ON state_past (bucket);
