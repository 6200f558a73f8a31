-- Input on its way to the jobs that need it (taskbuffer/placements.py).

-- A dispatch dataset with its rule at one endpoint, shared by all jobs there that miss its files.
CREATE TABLE placement (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scope      text NOT NULL,
    name       text NOT NULL,
    endpoint   text NOT NULL,
    source     text,  -- the only endpoint that it is taken from; NULL: any
    activity   text NOT NULL,
    round      integer NOT NULL DEFAULT 0,  -- how many placements of these files were given up before it
    status     text NOT NULL DEFAULT 'wanted',
    files      integer NOT NULL,
    bytes      bigint NOT NULL,
    arrived    integer NOT NULL DEFAULT 0,  -- files, when its rule was looked at last
    made       timestamptz NOT NULL DEFAULT now(),
    progressed timestamptz NOT NULL DEFAULT now(),  -- when a file was last seen to have arrived, or the rule was made
    rule       text,
    problem    text,  -- of its rule, or why there is none
    nextcheck  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT placement_dataset UNIQUE (scope, name),
    CONSTRAINT placement_status_known CHECK (status IN ('wanted', 'moving', 'there')),
    CONSTRAINT placement_has_rule CHECK (rule IS NOT NULL OR status = 'wanted'),
    CONSTRAINT placement_counts CHECK (files > 0 AND bytes >= 0 AND arrived >= 0 AND round >= 0)
);
CREATE INDEX placement_due ON placement (nextcheck) WHERE status <> 'wanted';
CREATE UNIQUE INDEX placement_rule ON placement (rule);

-- A file is brought to an endpoint by one placement at a time.
CREATE TABLE placement_file (
    endpoint  text NOT NULL,
    scope     text NOT NULL,
    lfn       text NOT NULL,
    placement bigint NOT NULL REFERENCES placement ON DELETE CASCADE,
    bytes     bigint NOT NULL DEFAULT 0,
    CONSTRAINT placement_file_once PRIMARY KEY (endpoint, scope, lfn)
);
CREATE INDEX placement_file_of ON placement_file (placement);

-- Jobs that wait for a placement, or may still read what it brought.
CREATE TABLE placement_job (
    pandaid   bigint NOT NULL REFERENCES job ON DELETE CASCADE,
    placement bigint NOT NULL REFERENCES placement ON DELETE CASCADE,
    PRIMARY KEY (pandaid, placement)
);
CREATE INDEX placement_job_of ON placement_job (placement);

ALTER TABLE account DROP CONSTRAINT account_roles_known;
ALTER TABLE account ADD CONSTRAINT account_roles_known CHECK (roles <@ ARRAY['pilot', 'production', 'admin', 'ddm']);
