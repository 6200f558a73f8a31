-- Queues: what their source says, and beside it an operator's word on the status, which outlives imports; storage endpoints and
-- links; and how the taking of all these from their sources goes.

-- As text: jsonb turns 1e3 into 1000 and forgets the order of keys, and pilots are to get what the source has.
ALTER TABLE queue ALTER COLUMN description TYPE text USING description::text;
ALTER TABLE queue
    ADD COLUMN digest   text NOT NULL GENERATED ALWAYS AS (md5(description)) STORED,  -- who has read a text needs not get it again
    ADD COLUMN source   text,         -- file or address that it was imported from; NULL: added by hand
    ADD COLUMN gone     timestamptz,  -- since when its source does not have it any more: it is offline
    ADD COLUMN override text,         -- an operator's word, in place of status, with reason
    ADD COLUMN until    timestamptz,  -- when that word ends; NULL: not by itself
    ADD COLUMN setby    text,
    ADD COLUMN setat    timestamptz;
UPDATE queue SET override = status, setby = changedby, setat = changed, status = coalesce(description::jsonb ->> 'status', 'online')
WHERE reason IS NOT NULL;  -- only who set a status gave one
ALTER TABLE queue DROP CONSTRAINT queue_status_known;
ALTER TABLE queue
    ADD CONSTRAINT queue_status_known CHECK (status IN ('online', 'standby', 'test', 'brokeroff', 'offline', 'paused')),
    ADD CONSTRAINT queue_override_known CHECK (override IN ('online', 'standby', 'test', 'brokeroff', 'offline', 'paused')),
    ADD CONSTRAINT queue_override_whole CHECK (num_nulls(override, reason, setby, setat) IN (0, 4)
                                               AND (override IS NOT NULL OR until IS NULL)),
    ADD CONSTRAINT queue_description_json CHECK (jsonb_typeof(description::jsonb) = 'object');

CREATE TABLE endpoint (
    name        text PRIMARY KEY,
    description text NOT NULL,
    digest      text NOT NULL GENERATED ALWAYS AS (md5(description)) STORED,
    source      text NOT NULL,
    changed     timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT endpoint_description_json CHECK (jsonb_typeof(description::jsonb) = 'object')
);

-- From one endpoint or site to another.
CREATE TABLE link (
    src      text NOT NULL,
    dst      text NOT NULL,
    distance integer,  -- 0 is the same place; NULL: nothing may be moved along it
    source   text NOT NULL,
    CONSTRAINT link_pkey PRIMARY KEY (src, dst),
    CONSTRAINT link_distance CHECK (distance >= 0)
);

-- A row for each kind that a daemon takes from somewhere.
CREATE TABLE source (
    kind     text PRIMARY KEY,
    address  text NOT NULL,
    etag     text,         -- what its server said of the content that was taken last
    modified text,
    digest   text,         -- of that content
    tried    timestamptz NOT NULL DEFAULT now(),
    took     timestamptz,  -- when it was last found right, whether or not anything was new
    problem  text,         -- of the last try; NULL: none
    CONSTRAINT source_kind_known CHECK (kind IN ('queues', 'endpoints', 'links'))
);
