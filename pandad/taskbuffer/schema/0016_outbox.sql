-- Errands: one call each to something outside of pandad, asked for in the transaction that makes the change which wants it, and removed
-- in the one that makes the change which follows. Whatever dies in between, the call is made again, and its effect is that of one.

CREATE TABLE errand (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind    text NOT NULL,  -- what is to be done: the name of its handler
    key     text NOT NULL,  -- what makes it the same errand: one that is asked for again meanwhile is this one
    subject text NOT NULL,  -- what it is done to: a dataset or a rule
    step    smallint NOT NULL,  -- of the errands with one subject those of the lowest step go first
    payload jsonb NOT NULL,
    pandaid bigint,  -- the job that waits for it; NULL: none, or several
    asked   timestamptz NOT NULL DEFAULT now(),
    due     timestamptz NOT NULL DEFAULT now(),
    tries   integer NOT NULL DEFAULT 0,  -- that failed
    error   text,  -- of the last one
    CONSTRAINT errand_once UNIQUE (kind, key)
);
CREATE INDEX errand_due ON errand (due, id);
CREATE INDEX errand_subject ON errand (subject, step);
CREATE INDEX errand_job ON errand (pandaid) WHERE pandaid IS NOT NULL;

-- Datasets that jobs write into. They are closed some time after the last of their jobs has ended; one that got no file is erased
-- some time after that. The row goes with the last thing that is to be done.
CREATE TABLE dataset (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scope     text NOT NULL,
    name      text NOT NULL,
    state     text NOT NULL DEFAULT 'open',
    made      boolean NOT NULL DEFAULT false,  -- it is there: its jobs may start
    filled    boolean NOT NULL DEFAULT false,  -- a file was put into it
    nextcheck timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT dataset_once UNIQUE (scope, name),
    CONSTRAINT dataset_state_known CHECK (state IN ('open', 'idle', 'empty'))  -- jobs write; none is left; closed without a file
);
CREATE INDEX dataset_due ON dataset (nextcheck, id);

-- The jobs that may still write into it.
CREATE TABLE dataset_job (
    dataset bigint NOT NULL REFERENCES dataset ON DELETE CASCADE,
    pandaid bigint NOT NULL,
    PRIMARY KEY (dataset, pandaid)
);

-- Outputs on their way to their destination: a dataset of their own, made of those that set out together, and a rule for it.
CREATE TABLE shipment (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scope     text NOT NULL,
    name      text NOT NULL,
    endpoint  text NOT NULL,
    activity  text NOT NULL,
    comment   text NOT NULL,
    rule      text,  -- NULL: it has not been made
    trouble   text,  -- why the rule is stuck
    since     timestamptz NOT NULL DEFAULT now(),
    nextcheck timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT shipment_once UNIQUE (scope, name)
);
CREATE INDEX shipment_due ON shipment (nextcheck, id) WHERE rule IS NOT NULL;
CREATE INDEX shipment_rule ON shipment (rule) WHERE rule IS NOT NULL;

CREATE TABLE shipment_file (
    shipment bigint NOT NULL REFERENCES shipment ON DELETE CASCADE,
    row_id   bigint NOT NULL,  -- of file
    pandaid  bigint NOT NULL,
    PRIMARY KEY (shipment, row_id)
);
CREATE INDEX shipment_file_job ON shipment_file (pandaid);
