-- What passes: queues that a job avoids for a time (taskbuffer/avoidance.py), and what a call to the outside waits for.
-- Older pandads: work on

-- As long as there is a row the queue stands in the job's `avoided`.
CREATE TABLE avoidance (
    pandaid bigint NOT NULL REFERENCES job ON DELETE CASCADE,
    queue   text NOT NULL,
    until   timestamptz NOT NULL,
    why     text NOT NULL,
    CONSTRAINT avoidance_once PRIMARY KEY (pandaid, queue)
);
CREATE INDEX avoidance_until ON avoidance (until);

ALTER TABLE errand ADD COLUMN obstacle text;  -- what keeps it from being made, if that has a name (spec/obstacle.py)
CREATE INDEX errand_obstacle ON errand (kind) WHERE obstacle IS NOT NULL;
