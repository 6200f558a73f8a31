-- Keeps the place of a migration that is being written; its file replaces this one.
SELECT 1;
