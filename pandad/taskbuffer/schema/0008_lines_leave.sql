-- Lines that no job stands in any more are removed (taskbuffer/lines.py), else there would be millions after some years.

-- When a job last came into the line, to within lines.FRESH_S.
ALTER TABLE line ADD COLUMN used timestamptz NOT NULL DEFAULT now();
CREATE INDEX line_used ON line (used);

-- A foreign key would look through all jobs for each line that is removed, or need an index on job that every change of a state pays
-- for. What keeps a line that is in use is `used`; fsck looks at both (line-of-job, line-used).
ALTER TABLE job DROP CONSTRAINT job_line_fkey;
