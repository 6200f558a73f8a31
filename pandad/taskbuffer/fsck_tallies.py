"""Invariants of what is counted as it happens."""

from __future__ import annotations

from pandad.taskbuffer.invariant import Severity, invariant

TALLIES = (
    invariant(
        "tally-exact", "the counters of live jobs say what a scan of all jobs counts", Severity.ERROR, """
        SELECT concat_ws(' ', nullif(queue, ''), jobstatus, nullif(label, ''), nullif(resource_type, '')),
               concat(coalesce(n.jobs, 0), ' jobs with ', coalesce(n.cores, 0), ' cores are counted, and there are ',
                      coalesce(s.jobs, 0), ' with ', coalesce(s.cores, 0))
        FROM tally_scan s FULL JOIN tally_now n USING (queue, jobstatus, label, resource_type)
        WHERE (s.jobs, s.cores) IS DISTINCT FROM (n.jobs, n.cores)""",
        "run `pandad fsck --repair`, which counts anew; brokerage went by wrong numbers, and look for what wrote past pandad"),
    invariant(
        "tally-times", "nothing is counted as of later than now", Severity.WARNING, """
        SELECT name, concat('up to ', latest) FROM (
            SELECT 'queue_end' AS name, max(bucket) AS latest FROM queue_end
            UNION ALL SELECT 'line_end', max(bucket) FROM line_end
            UNION ALL SELECT 'pilot_call', max(bucket) FROM pilot_call
            UNION ALL SELECT 'pilot_last', max(greatest(asked, heard)) FROM pilot_last
            UNION ALL SELECT 'state_past', max(bucket) FROM state_past) t
        WHERE latest > clock_timestamp() + interval '5 minutes'""",
        "look whether the database's clock was set back; what is counted by time is off by as much, until then"),
    invariant(
        "past-sums", "at no time there were more jobs at all queues together than in all", Severity.WARNING, """
        SELECT to_char(bucket AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'),
               concat(jobstatus, ': ', sum(jobs) FILTER (WHERE queue <> ''), ' at the queues, ',
                      coalesce(sum(jobs) FILTER (WHERE queue = ''), 0), ' in all')
        FROM state_past GROUP BY bucket, jobstatus
        HAVING sum(jobs) FILTER (WHERE queue <> '') > coalesce(sum(jobs) FILTER (WHERE queue = ''), 0)""",
        "delete the rows of that time from state_past: pictures of it were wrong, and nothing else; look at tally-exact"),
    invariant(
        "task-scouts", "a scout is a job of the task whose other jobs wait for it", Severity.WARNING, """
        SELECT s.jeditaskid, concat('job ', j.pandaid, ' is of ', coalesce(j.jeditaskid::text, 'no task'))
        FROM task_scout s CROSS JOIN unnest(s.jobs) AS n(pandaid) JOIN job j ON j.pandaid = n.pandaid
        WHERE j.jeditaskid IS DISTINCT FROM s.jeditaskid""",
        "delete the task's row in task_scout: its jobs go, with scouts of its own; and look for what wrote past pandad"),
)
