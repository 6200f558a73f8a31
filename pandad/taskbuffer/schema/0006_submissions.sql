-- Submissions that may come again because their answer was lost. The key is the client's own, or the digest of what it sent; rows are
-- removed by time, as new ones come.
CREATE TABLE submission (
    anchor          text NOT NULL,
    subject         text NOT NULL,
    key             text NOT NULL,
    digest          text NOT NULL,  -- of the jobs as they were sent
    at              timestamptz NOT NULL DEFAULT now(),
    pandaids        bigint[] NOT NULL DEFAULT '{}',  -- in the order sent
    jobdefinitionid bigint,
    jobsetid        bigint,
    PRIMARY KEY (anchor, subject, key)
);
CREATE INDEX submission_by_age ON submission (at);

-- Which Harvester worker runs an attempt, where that is known.
CREATE TABLE job_worker (
    pandaid     bigint NOT NULL REFERENCES job ON DELETE CASCADE,
    attemptnr   bigint NOT NULL,
    harvesterid text NOT NULL,
    workerid    bigint NOT NULL,
    PRIMARY KEY (pandaid, attemptnr)
);

ALTER TABLE worker ADD COLUMN diag text;  -- why it ended, as Harvester says
