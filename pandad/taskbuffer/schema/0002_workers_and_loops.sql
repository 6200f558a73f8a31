-- Harvester workers, as pilots and Harvester report them.
CREATE TABLE worker (
    harvesterid text NOT NULL,
    workerid    bigint NOT NULL,
    status      text NOT NULL,
    queue       text,
    node        text,
    started     timestamptz,
    ended       timestamptz,
    modified    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (harvesterid, workerid)
);

-- Timed loops of all processes. Who holds the lease runs; the term goes up at each change of holder.
CREATE TABLE loop (
    name       text PRIMARY KEY,
    holder     text,
    term       bigint NOT NULL DEFAULT 0,
    leaseuntil timestamptz NOT NULL DEFAULT '-infinity',
    started    timestamptz,
    finished   timestamptz,  -- end of the last good run
    runs       bigint NOT NULL DEFAULT 0,
    failures   integer NOT NULL DEFAULT 0,  -- in a row
    error      text
);
