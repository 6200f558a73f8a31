-- Its number belongs to the counters of jobs.
SELECT 1;
