"""Invariants of tasks: no file lost or in two jobs, and what is counted is so."""

from __future__ import annotations

from pandad.spec.jobstatus import JobStatus
from pandad.spec.task import LOWEST_TASK_ID
from pandad.spec.taskstatus import TASK_FINAL, FileStatus
from pandad.taskbuffer.invariant import Severity, invariant
from pandad.taskbuffer.statement import listed
from pandad.taskbuffer.taskfiles import INPUTS

E = Severity.ERROR
_FINAL = f"({listed(TASK_FINAL)})"
_RETRY = "look at its jobs, then `pandad task retry` it: what failed is tried again"

TASKS = (
    invariant(
        "task-id", "no task has a number that clients take for something else", E, f"""
        SELECT jeditaskid, concat('it is less than ', {LOWEST_TASK_ID}) FROM task WHERE jeditaskid < {LOWEST_TASK_ID}""",
        "none: no pandad gives such numbers"),
    invariant(
        "task-owner", "every task has an owner", E, """
        SELECT jeditaskid, 'nobody' FROM task WHERE ownersubject = '' OR owneranchor = ''""",
        "none: somebody changed the row"),
    invariant(
        "task-event", "the last event of a task led to its state", E, """
        SELECT t.jeditaskid, concat('it is ', t.status, ', and its history ends with ', coalesce(e.tostatus::text, 'nothing'))
        FROM task t LEFT JOIN (
            SELECT DISTINCT ON (jeditaskid) jeditaskid, tostatus FROM task_event ORDER BY jeditaskid, id DESC) e
        USING (jeditaskid) WHERE t.status IS DISTINCT FROM e.tostatus""",
        "somebody changed the row: put it back to what its history says"),
    invariant(
        "task-end", "an ended task has an end, and no job that it still waits for", E, f"""
        SELECT t.jeditaskid, CASE WHEN t.endtime IS NULL THEN 'it has no time of its end' ELSE 'it waits for jobs' END FROM task t
        WHERE t.status IN {_FINAL}
          AND (t.endtime IS NULL OR EXISTS (SELECT FROM task_job j WHERE j.jeditaskid = t.jeditaskid AND j.ended IS NULL))""",
        _RETRY),
    invariant(
        "task-job", "a job that a task waits for is one of its jobs", E, """
        SELECT t.pandaid, concat('task ', t.jeditaskid, ' waits for it, and it is of ', coalesce(j.jeditaskid::text, 'no task'))
        FROM task_job t JOIN job j USING (pandaid) WHERE t.ended IS NULL AND j.jeditaskid IS DISTINCT FROM t.jeditaskid""",
        "none: somebody changed the rows"),
    invariant(
        "task-job-noted", "a task has noted no other end of a job than it came to", E, """
        SELECT t.pandaid, concat('it is ', j.jobstatus, ', and its task has noted ', t.ended)
        FROM task_job t JOIN job j USING (pandaid) WHERE t.ended IS NOT NULL AND j.jobstatus IS DISTINCT FROM t.ended""",
        "set `ended` of that row of task_job to NULL: the task looks again"),
    invariant(
        "task-file-running", "a file of a task that is in a job is in one that the task waits for", E, f"""
        SELECT f.id, concat(f.lfn, ' is in job ', f.pandaid, ', for which task ', d.jeditaskid, ' does not wait')
        FROM task_file f JOIN task_dataset d ON d.id = f.dataset
        WHERE f.status = '{FileStatus.RUNNING}' AND d.type IN {INPUTS} AND NOT EXISTS (
            SELECT FROM task_job j WHERE j.pandaid = f.pandaid AND j.jeditaskid = d.jeditaskid AND j.ended IS NULL)""",
        "set its status to failed, then `pandad task retry` the task"),
    invariant(
        "task-file-end", "a processed file was in a job that finished", E, f"""
        SELECT f.id, concat(f.lfn, ' was in job ', f.pandaid, ', which did not finish') FROM task_file f
        JOIN task_dataset d ON d.id = f.dataset
        WHERE f.status = '{FileStatus.FINISHED}' AND d.type IN {INPUTS} AND NOT EXISTS (
            SELECT FROM task_job j WHERE j.pandaid = f.pandaid AND j.ended = '{JobStatus.FINISHED}')""",
        "set its status to failed, then `pandad task retry` the task"),
    invariant(
        "task-counts", "the figures of a task's input are those of its files", E, f"""
        SELECT d.jeditaskid, concat(d.name, ' has ', count(f.id), ' files, and ', d.nfiles, ' are counted; ',
               count(f.id) FILTER (WHERE f.status = '{FileStatus.FINISHED}'), ' and ', d.nfilesfinished, ' are processed; ',
               count(f.id) FILTER (WHERE f.status = '{FileStatus.FAILED}'), ' and ', d.nfilesfailed, ' failed')
        FROM task_dataset d LEFT JOIN task_file f ON f.dataset = d.id WHERE d.type IN {INPUTS} GROUP BY d.id
        HAVING (count(f.id), count(f.id) FILTER (WHERE f.status = '{FileStatus.FINISHED}'),
                count(f.id) FILTER (WHERE f.status = '{FileStatus.FAILED}')) <> (d.nfiles, d.nfilesfinished, d.nfilesfailed)""",
        _RETRY),
)
