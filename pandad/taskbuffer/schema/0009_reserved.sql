-- Comes from another branch; this file goes when that one is merged.
SELECT 1;
