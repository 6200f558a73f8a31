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
