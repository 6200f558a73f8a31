-- Older pandads: work on
-- Tasks: what people ask for in one piece, and jobs are made of (pandad/jedi/, taskbuffer/task*.py).

CREATE TYPE task_status AS ENUM (
    'registered', 'pending', 'ready', 'running', 'paused', 'finishing', 'aborting',
    'done', 'finished', 'failed', 'aborted', 'broken');

CREATE SEQUENCE task_jeditaskid AS bigint MINVALUE 10000000;  -- pbook takes smaller ids for something else

CREATE TABLE task (
    jeditaskid       bigint PRIMARY KEY,
    parent_tid       bigint,  -- the task whose end it waits for
    taskname         text NOT NULL,
    uniquetaskname   boolean NOT NULL,  -- the name stands for one task of its owner
    status           task_status NOT NULL,
    owneranchor      text NOT NULL,
    ownersubject     text NOT NULL,
    username         text NOT NULL,  -- a label only
    vo               text NOT NULL,
    prodsourcelabel  text NOT NULL,
    workinggroup     text,
    processingtype   text,
    currentpriority  bigint NOT NULL,
    production       boolean NOT NULL,  -- who submitted it might submit production work
    creationhost     text NOT NULL,
    parameters       jsonb NOT NULL,  -- task_parameters, as they came
    digest           text NOT NULL,  -- of what was submitted last, by which a repeat is known
    submitted        timestamptz NOT NULL DEFAULT now(),  -- last
    round            integer NOT NULL DEFAULT 1,  -- how often it was set going: each round writes datasets of its own
    moreattempts     integer NOT NULL DEFAULT 0,  -- of each job, beside those that the parameters ask for
    serial           bigint NOT NULL DEFAULT 0,  -- of the last job that was made
    creationdate     timestamptz NOT NULL DEFAULT now(),
    modificationtime timestamptz NOT NULL DEFAULT now(),
    statechangetime  timestamptz NOT NULL DEFAULT now(),
    starttime        timestamptz,  -- its first jobs were made
    endtime          timestamptz,
    errordialog      text,  -- what it waits for, or why it ended as it did
    nextcheck        timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT task_counts CHECK (round > 0 AND moreattempts >= 0 AND serial >= 0)
);
CREATE UNIQUE INDEX task_name ON task (ownersubject, owneranchor, vo, prodsourcelabel, taskname)
    WHERE uniquetaskname AND status <> 'broken';
CREATE INDEX task_due ON task (nextcheck)
    WHERE status IN ('registered', 'pending', 'ready', 'running', 'paused', 'finishing', 'aborting');
CREATE INDEX task_owner ON task (ownersubject, owneranchor, modificationtime DESC);
CREATE INDEX task_child ON task (parent_tid) WHERE parent_tid IS NOT NULL;

CREATE TABLE task_event (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    jeditaskid bigint NOT NULL REFERENCES task ON DELETE CASCADE,
    at         timestamptz NOT NULL DEFAULT now(),
    event      text NOT NULL,
    fromstatus task_status,
    tostatus   task_status NOT NULL,
    actor      text NOT NULL,
    who        text NOT NULL,
    why        text
);
CREATE INDEX task_event_of ON task_event (jeditaskid, id);

-- What a task reads and writes. Inputs are counted: the figures of a task are the sums over them.
CREATE TABLE task_dataset (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    jeditaskid     bigint NOT NULL REFERENCES task ON DELETE CASCADE,
    type           text NOT NULL,
    name           text NOT NULL,
    container      text NOT NULL,  -- as the parameters have it: the datasets of all rounds
    nfiles         bigint NOT NULL DEFAULT 0,
    nfilesfinished bigint NOT NULL DEFAULT 0,
    nfilesfailed   bigint NOT NULL DEFAULT 0,
    CONSTRAINT task_dataset_once UNIQUE (jeditaskid, type, name),
    CONSTRAINT task_dataset_type_known CHECK (type IN ('input', 'pseudo_input', 'output', 'log', 'lib'))
);
CREATE INDEX task_dataset_written ON task_dataset (container) WHERE type IN ('output', 'log');

-- Inputs, each of which is in one job at a time; and outputs, which come when their job has finished.
CREATE TABLE task_file (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dataset   bigint NOT NULL REFERENCES task_dataset ON DELETE CASCADE,
    scope     text NOT NULL,
    lfn       text NOT NULL,
    guid      text,
    fsize     bigint,  -- bytes
    checksum  text,
    status    text NOT NULL,
    pandaid   bigint,  -- the last job that it was in
    chunk     bigint,  -- with whom it goes into a job: settled when that is made for the first time
    attemptnr integer NOT NULL DEFAULT 0,  -- jobs that it was in
    CONSTRAINT task_file_once UNIQUE (dataset, scope, lfn),
    CONSTRAINT task_file_status_known CHECK (status IN ('ready', 'running', 'finished', 'failed')),
    CONSTRAINT task_file_in_job CHECK (status <> 'running' OR pandaid IS NOT NULL)
);
CREATE INDEX task_file_status ON task_file (dataset, status, id);
CREATE INDEX task_file_job ON task_file (pandaid) WHERE pandaid IS NOT NULL;

-- The jobs of a task, and what it has seen of their ends.
CREATE TABLE task_job (
    pandaid    bigint PRIMARY KEY,
    jeditaskid bigint NOT NULL REFERENCES task ON DELETE CASCADE,
    kind       text NOT NULL,
    round      integer NOT NULL,  -- of the task
    ended      job_status,  -- as it ended, once the task has noted it
    CONSTRAINT task_job_kind_known CHECK (kind IN ('run', 'build'))
);
CREATE INDEX task_job_of ON task_job (jeditaskid, pandaid);
CREATE INDEX task_job_open ON task_job (jeditaskid, pandaid) WHERE ended IS NULL;

-- Whether a pattern is one that PostgreSQL understands.
CREATE FUNCTION is_pattern(pattern text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    PERFORM '' ~ pattern;
    RETURN true;
EXCEPTION WHEN invalid_regular_expression THEN
    RETURN false;
END $$;
