-- Jobs that are alike get the same verdicts: they are stored once for all of them, found by a digest, and removed when no live job
-- refers to them (taskbuffer/decisions.py). With its job a decision goes whole into the history.
CREATE TABLE decision (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest   uuid NOT NULL UNIQUE,  -- md5 of the text that was stored
    verdicts jsonb NOT NULL,  -- {"ok": {queue: weight}, "no": [[{criterion, have, need, text}, [queue]]]}
    used     timestamptz NOT NULL DEFAULT now()  -- when a decision was last made by it
);
CREATE INDEX decision_used ON decision (used);

-- What an older pandad stored has its verdicts by itself: an array, one per queue.
ALTER TABLE job_decision ALTER COLUMN verdicts DROP NOT NULL;
ALTER TABLE job_decision ADD COLUMN decision bigint;
ALTER TABLE job_decision ADD COLUMN weight double precision;  -- of the chosen queue, at the job's turn
ALTER TABLE job_decision ADD COLUMN before integer NOT NULL DEFAULT 0;  -- jobs alike that had their turn since the verdicts
ALTER TABLE job_decision ADD CONSTRAINT job_decision_has_verdicts CHECK ((verdicts IS NULL) <> (decision IS NULL));
CREATE INDEX job_decision_shared ON job_decision (decision);

ALTER TABLE job_decision_archive ALTER COLUMN verdicts DROP NOT NULL;
ALTER TABLE job_decision_archive ADD COLUMN decision bigint;
ALTER TABLE job_decision_archive ADD COLUMN weight double precision;
ALTER TABLE job_decision_archive ADD COLUMN before integer NOT NULL DEFAULT 0;

DROP VIEW job_decision_ever;
CREATE VIEW job_decision_ever AS
    SELECT NULL::date AS endedon, d.pandaid, d.at, d.chosen, coalesce(d.verdicts, s.verdicts) AS verdicts, d.decision, d.weight,
           d.before
    FROM job_decision d LEFT JOIN decision s ON s.id = d.decision
    UNION ALL SELECT * FROM job_decision_archive;

-- Brokerage reads the heads of all lines, as dispatch does: who has many jobs waiting does not hide those of others.
CREATE INDEX job_defined_line ON job (line, currentpriority DESC, pandaid) WHERE jobstatus = 'defined';

-- Queues on which jobs failed fast while they did not elsewhere (brokerage/brake.py).
CREATE TABLE queue_brake (
    queue    text PRIMARY KEY REFERENCES queue ON DELETE CASCADE,
    since    timestamptz NOT NULL DEFAULT now(),
    why      text NOT NULL,
    level    integer NOT NULL DEFAULT 0,  -- how many times in a row its test jobs failed
    until    timestamptz NOT NULL,  -- no test jobs before this
    probes   bigint[] NOT NULL DEFAULT '{}',  -- PandaIDs of the test jobs since then
    released timestamptz,  -- when it was found to be good again; the row goes some time after
    CONSTRAINT queue_brake_level CHECK (level >= 0)
);
