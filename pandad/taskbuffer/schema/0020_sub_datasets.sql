-- `_sub` datasets that are registered before the jobs start whose outputs they will carry (taskbuffer/subdatasets.py). The row
-- becomes a shipment when the first of these set out.
-- Older pandads: work on
CREATE TABLE sub_dataset (
    shipment bigint PRIMARY KEY,  -- the number that the shipment will have
    dataset  bigint NOT NULL REFERENCES dataset ON DELETE CASCADE,  -- that the files belong to
    name     text NOT NULL,
    endpoint text NOT NULL,
    lasting  boolean NOT NULL,  -- see shipment
    made     boolean NOT NULL DEFAULT false,  -- it is there: the jobs may start
    CONSTRAINT sub_dataset_once UNIQUE (dataset, endpoint, lasting)
);

-- Whether it is by its own rule that the files stay at their destination; else one for their whole dataset keeps them there.
ALTER TABLE shipment ADD COLUMN lasting boolean NOT NULL DEFAULT false;

-- The endpoints at which such a rule was asked for.
ALTER TABLE dataset ADD COLUMN kept text[] NOT NULL DEFAULT '{}';
