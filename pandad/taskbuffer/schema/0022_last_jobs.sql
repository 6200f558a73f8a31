-- Output datasets of tasks that have ended (pandad/jedi/maker.py): nobody has to wait for further jobs before they are closed.
-- Older pandads: work on
ALTER TABLE dataset ADD COLUMN nomore boolean NOT NULL DEFAULT false;
