-- When no pandad could hear pilots: that time counts against no job. Every process says that it lives, and how soon it will say so
-- again; who finds that the last word came too long ago enters the time in between.

CREATE TABLE alive (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    at  timestamptz NOT NULL,  -- when any process last said so
    due timestamptz NOT NULL   -- until when silence is nothing unusual
);

CREATE TABLE outage (
    began timestamptz NOT NULL,
    ended timestamptz PRIMARY KEY,
    CONSTRAINT outage_goes_forward CHECK (began < ended)
);

-- With the outage that nobody has entered yet: a process that was stopped for hours goes on in the middle of what it did.
CREATE VIEW downtime AS
    SELECT began, ended FROM outage UNION ALL SELECT at, now() FROM alive WHERE due < now();

-- How long a job has been in its state: the timeouts go by it. It does not change at a heartbeat, which stays HOT.
DROP INDEX job_in_slot;
CREATE INDEX job_since ON job (jobstatus, statechangetime)
    WHERE jobstatus IN ('pending', 'defined', 'waiting', 'assigned', 'throttled', 'activated', 'sent', 'starting', 'running',
                        'holding', 'merging', 'transferring');
