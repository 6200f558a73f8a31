"""Invariants of live and just ended jobs: what stands on the job itself, and in the rows that belong to it alone."""

from __future__ import annotations

from pandad.spec.jobstatus import AFTER_PILOT, BEFORE_PILOT, FINAL, IN_SLOT, LIVE, JobStatus
from pandad.spec.pilotcommand import KILL
from pandad.taskbuffer.invariant import Severity, invariant
from pandad.taskbuffer.statement import listed

S = JobStatus
E, W = Severity.ERROR, Severity.WARNING

AT_QUEUE = LIVE - {S.PENDING, S.DEFINED, S.WAITING}
LOOKED_AT = frozenset({S.DEFINED, S.ASSIGNED, S.WAITING, S.HOLDING})  # a loop comes by nextcheck

# A transaction's now() is when it began; another that began later may have gone before it on the same job.
SLACK = "interval '5 minutes'"
WORKER_SLACK = "interval '1 hour'"  # clocks of worker nodes
LONGEST_PAUSE = "interval '2 days'"  # no setting lets a loop look away for longer than one

JOBS = (
    invariant(
        "job-owner", "every job has an owner, by trust anchor and subject", E,
        "SELECT pandaid, 'it has no owner' FROM job WHERE owneranchor = '' OR ownersubject = ''",
        "nobody but an admin can see to this job: kill it, and look for what wrote it"),
    invariant(
        "job-queue", "a job that was placed names its queue", E, f"""
        SELECT pandaid, concat('it is ', jobstatus, ' at no queue') FROM job
        WHERE jobstatus IN ({listed(AT_QUEUE | {S.FINISHED})}) AND coalesce(computingsite, '') = ''""",
        "kill the job and submit it again; no pilot can be given it"),
    invariant(
        "job-queue-known", "the queue of a placed, live job exists", W, f"""
        SELECT pandaid, concat('it is ', jobstatus, ' at ', computingsite, ', which is no queue') FROM job j
        WHERE jobstatus IN ({listed(AT_QUEUE)}) AND computingsite <> ''
          AND NOT EXISTS (SELECT FROM queue q WHERE q.name = j.computingsite)""",
        "add the queue again (`pandad queue add FILE`), or kill the job"),
    invariant(
        "job-holder", "a job in a slot names who holds it, by trust anchor and subject", E, f"""
        SELECT pandaid, concat('it is ', jobstatus, ' and held by nobody') FROM job
        WHERE jobstatus IN ({listed(IN_SLOT)}) AND (coalesce(holdersubject, '') = '' OR coalesce(holderanchor, '') = '')""",
        "the watcher ends it when its pilot is silent; look for what wrote it"),
    invariant(
        "job-unheld", "a job that no pilot has yet, or no longer, carries no holder and no report of an earlier attempt", W, f"""
        SELECT pandaid, concat('it is ', jobstatus, ', with the ', CASE WHEN holdersubject IS NULL THEN 'report'
                                                                        ELSE 'holder' END, ' of another attempt') FROM job
        WHERE jobstatus IN ({listed(BEFORE_PILOT)}) AND (holdersubject IS NOT NULL OR reportedstatus IS NOT NULL)""",
        "nothing now, the next claim clears it; report it"),
    invariant(
        "job-kill-heard", "no job that somebody wanted killed waits for another pilot", E, f"""
        SELECT pandaid, concat('it is ', jobstatus, ', and was to be killed') FROM job
        WHERE jobstatus IN ({listed(BEFORE_PILOT)}) AND commandtopilot = '{KILL}'""",
        "kill the job again"),
    invariant(
        "job-attempt", "attempts count from 1", E, f"""
        SELECT pandaid, concat('it is ', jobstatus, ' in attempt ', attemptnr) FROM job
        WHERE attemptnr < CASE WHEN jobstatus IN ({listed(IN_SLOT | AFTER_PILOT)}) THEN 1 ELSE 0 END""",
        "kill the job and submit it again; its pilot cannot be told from an earlier one"),
    invariant(
        "job-end", "a job that has ended says when", E, f"""
        SELECT pandaid, concat('it is ', jobstatus, ' without endTime') FROM job
        WHERE jobstatus IN ({listed(FINAL)}) AND endtime IS NULL""",
        "set its endTime to its stateChangeTime"),
    invariant(
        "job-times", "a job was created before it changed, and heard of since it changed", E, f"""
        SELECT pandaid, concat('created ', creationtime, ', changed ', statechangetime, ', heard of ', modificationtime) FROM job
        WHERE creationtime > statechangetime + {SLACK} OR statechangetime > modificationtime + {SLACK}
           OR creationtime > modificationtime + {SLACK}""",
        "look whether the database's clock was set back; timeouts of this job are off by as much"),
    invariant(
        "job-future", "nothing has happened to a job later than now", E, f"""
        SELECT pandaid, concat('heard of ', greatest(creationtime, statechangetime, modificationtime), ', which is to come')
        FROM job WHERE greatest(creationtime, statechangetime, modificationtime) > clock_timestamp() + {SLACK}""",
        "look whether the database's clock was set back; the job's timeouts wait until then"),
    invariant(
        "job-ran-forward", "a payload ends after it began, within the error of a worker node's clock", W, f"""
        SELECT pandaid, concat('it ran from ', starttime, ' to ', endtime) FROM job
        WHERE endtime < starttime - {WORKER_SLACK}""",
        "look at the clock of the worker node (modificationHost)"),
    invariant(
        "job-looked-at", "a loop will look at every job that waits for one, within two days", E, f"""
        SELECT pandaid, concat('it is ', jobstatus, ', and nothing looks at it before ', nextcheck) FROM job
        WHERE jobstatus IN ({listed(LOOKED_AT)}) AND nextcheck > clock_timestamp() + {LONGEST_PAUSE}""",
        "change a queue (`pandad queue set`) to have waiting jobs looked at, or kill the job"),
    invariant(
        "job-report", "what a job says its pilot reported is the stored report of that attempt", E, """
        SELECT pandaid, concat('its pilot reported ', reportedstatus, ' in attempt ', attemptnr, ', and the report ',
            CASE WHEN outcome IS NULL THEN 'is not there' ELSE concat('says ', outcome) END)
        FROM job LEFT JOIN job_report USING (pandaid, attemptnr)
        WHERE reportedstatus IS NOT NULL AND outcome IS DISTINCT FROM reportedstatus""",
        "the adder cannot end this job: kill it and submit it again"),
    invariant(
        "job-report-owed", "a job in a slot has not reported its end", E, f"""
        SELECT pandaid, concat('it is ', jobstatus, ', and reported ', reportedstatus) FROM job
        WHERE jobstatus IN ({listed(IN_SLOT)}) AND reportedstatus IS NOT NULL""",
        "no report of its pilot will be taken: kill it and submit it again"),
    invariant(
        "job-as-reported", "no job finished whose pilot reported a failure", E, f"""
        SELECT pandaid, 'it is {S.FINISHED}, and its pilot reported {S.FAILED}' FROM job
        WHERE jobstatus = '{S.FINISHED}' AND reportedstatus = '{S.FAILED}'""",
        "do not trust its outputs; submit it again"),
    invariant(
        "job-text", "every job has its row of long texts", E, """
        SELECT pandaid, 'its parameters are gone' FROM job j
        WHERE NOT EXISTS (SELECT FROM job_text t WHERE t.pandaid = j.pandaid)""",
        "kill the job and submit it again; it would run without parameters"),
    invariant(
        "job-serial", "no job has a jobDefinitionID that its submitter has not come to", E, """
        SELECT pandaid, concat('it has jobDefinitionID ', j.jobdefinitionid, ', and the next of ', ownersubject, ' is ',
                               coalesce(s.jobdefinitionid, 0) + 1)
        FROM job j LEFT JOIN submitter s ON (s.anchor, s.subject) = (j.owneranchor, j.ownersubject)
        WHERE j.jobdefinitionid > coalesce(s.jobdefinitionid, 0)""",
        "run `pandad fsck --repair`, which raises the submitter's serial"),
)
