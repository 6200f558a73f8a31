-- Harvesters, and what they say of their workers (taskbuffer/workers.py, taskbuffer/harvesters.py).
-- Older pandads: work on
CREATE TABLE harvester (
    id       text PRIMARY KEY,
    told     jsonb NOT NULL DEFAULT '{}',  -- version, time of its start, ...
    seen     timestamptz NOT NULL DEFAULT now()
);

-- What Harvester said last of a worker, key by key as it came.
ALTER TABLE worker ADD COLUMN told jsonb;

-- How many workers are where: all that Harvester said of a queue is replaced at once.
CREATE TABLE worker_count (
    harvesterid  text NOT NULL,
    queue        text NOT NULL,
    jobtype      text NOT NULL,
    resourcetype text NOT NULL,
    status       text NOT NULL,
    workers      bigint NOT NULL,
    told         timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (harvesterid, queue, jobtype, resourcetype, status)
);

-- Messages for operators, and measures of its hosts: the newest of each Harvester are kept.
CREATE TABLE harvester_note (
    harvesterid text NOT NULL,
    kind        text NOT NULL,  -- dialog, metric
    key         text NOT NULL,  -- by which a repeat is known
    note        jsonb NOT NULL,
    told        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (harvesterid, kind, key)
);
CREATE INDEX harvester_note_by_age ON harvester_note (told);

-- What a Harvester is to do; it asks, and says when it has it.
CREATE TABLE harvester_command (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    harvesterid text NOT NULL,
    command     text NOT NULL,
    params      jsonb NOT NULL,
    asked       timestamptz NOT NULL DEFAULT now(),
    told        timestamptz,
    CONSTRAINT harvester_command_once UNIQUE (harvesterid, command)
);
