-- Tasks with second inputs, and with jobs that read parts of files (taskbuffer/taskfiles.py).
-- Older pandads: work on

-- Of a second input each job reads some files beside those that it processes; they are given out by their place, and not marked.
ALTER TABLE task_dataset DROP CONSTRAINT task_dataset_type_known;
ALTER TABLE task_dataset ADD CONSTRAINT task_dataset_type_known
    CHECK (type IN ('input', 'pseudo_input', 'secondary', 'output', 'log', 'lib'));

-- A file whose events go into several jobs has a row for each part, by whose lfn the parts can be told apart.
ALTER TABLE task_file
    ADD COLUMN part_of    text,    -- the file's own name
    ADD COLUMN startevent bigint,  -- the first of these events in its file, from 0
    ADD COLUMN nevents    bigint,  -- so many are here, where that is known
    ADD COLUMN firstevent bigint,  -- so many of the task come before them
    ADD CONSTRAINT task_file_part CHECK (part_of IS NULL OR startevent >= 0 AND nevents > 0);
