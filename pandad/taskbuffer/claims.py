"""Handing out jobs: one statement that finds, takes and logs, and that never waits for another claimer."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from pandad.spec.caller import Identity
from pandad.spec.job import JobSpec
from pandad.spec.jobstatus import TRANSITIONS, Actor, Event
from pandad.taskbuffer.jobs import JOB_ROW, job_from_row
from pandad.taskbuffer.statement import sql
from pandad.taskbuffer.store import Transaction

MAX_COUNT = 100  # jobs in one claim


@dataclass(frozen=True, slots=True, kw_only=True)
class Capability:
    """What a pilot can take. None excludes nothing."""

    queue: str
    count: int = 1
    memory_mb: int | None = None
    disk_mb: int | None = None
    remaining_s: int | None = None
    cores: int | None = None
    labels: Collection[str] | None = None
    resource_type: str | None = None
    task_id: int | None = None
    working_group: str | None = None
    country_group: str | None = None
    owner: Identity | None = None  # only this owner's jobs
    owner_name: str | None = None  # only jobs of this compact user name
    holder: Identity
    node: str | None = None
    computing_element: str | None = None
    scheduler_id: str | None = None


_ROW = TRANSITIONS[Event.CLAIMED]
(_SOURCE,) = _ROW.sources

# One plan serves all calls: an ordered scan of job_activated, made without the values. So the states are constants of the text
# (a partial index is not used for a parameter), and the planner must not believe that hardly any job fits or most are wanted,
# or it sorts the whole queue. coalesce makes one guess of the conditions, not the product of eleven; the outer LIMIT
# tells it a number, where for the asked one it expects a tenth of the table. The rows are locked in priority order, SKIP LOCKED
# passes over what a neighbour is taking, and the UPDATE sees each row once.
_CLAIM = sql("jobs.claim", f"""
    WITH best AS MATERIALIZED (SELECT * FROM (
        SELECT pandaid FROM job
        WHERE jobstatus = '{_SOURCE}' AND computingsite = %(queue)s
          AND coalesce(
              (%(memory_mb)s::bigint IS NULL OR minramcount <= %(memory_mb)s::bigint)
              AND (%(disk_mb)s::bigint IS NULL OR maxdiskcount <= %(disk_mb)s::bigint)
              AND (%(remaining_s)s::bigint IS NULL OR coalesce(maxwalltime, 0) <= %(remaining_s)s::bigint)
              AND (%(cores)s::bigint IS NULL OR coalesce(corecount, 1) <= %(cores)s::bigint)
              AND (%(labels)s::text[] IS NULL OR prodsourcelabel = ANY (%(labels)s::text[]))
              AND (%(resource_type)s::text IS NULL OR resource_type = %(resource_type)s::text)
              AND (%(task_id)s::bigint IS NULL OR jeditaskid = %(task_id)s::bigint)
              AND (%(working_group)s::text IS NULL OR workinggroup = %(working_group)s::text)
              AND (%(country_group)s::text IS NULL OR countrygroup = %(country_group)s::text)
              AND (%(owner_subject)s::text IS NULL
                   OR (ownersubject, owneranchor) = (%(owner_subject)s::text, %(owner_anchor)s::text))
              AND (%(owner_name)s::text IS NULL OR produsername = %(owner_name)s::text),
              false)
        ORDER BY currentpriority DESC, pandaid LIMIT %(count)s FOR UPDATE SKIP LOCKED) AS fit LIMIT {MAX_COUNT}),
    taken AS (
        UPDATE job j SET
            jobstatus = '{_ROW.target}', statechangetime = now(), modificationtime = now(), starttime = NULL, endtime = NULL,
            holderanchor = %(holder_anchor)s, holdersubject = %(holder_subject)s, modificationhost = %(node)s,
            computingelement = coalesce(%(computing_element)s, j.computingelement), schedulerid = %(scheduler_id)s,
            pilotid = NULL, batchid = NULL, reportedstatus = NULL
        FROM best b WHERE j.pandaid = b.pandaid RETURNING j.*),
    logged AS (
        INSERT INTO job_event (pandaid, event, fromstatus, tostatus, attemptnr, actor, who, why)
        SELECT pandaid, '{Event.CLAIMED}', '{_SOURCE}', jobstatus, attemptnr, '{Actor.PILOT}', %(holder_subject)s,
               'on ' || coalesce(modificationhost, 'an unnamed node') FROM taken)
    SELECT {JOB_ROW} FROM taken j LEFT JOIN job_text t USING (pandaid) ORDER BY j.currentpriority DESC, j.pandaid""")


async def claim(txn: Transaction, pilot: Capability) -> list[JobSpec]:
    """The best `pilot.count` jobs (at most MAX_COUNT) that this pilot can take, now its own, best first."""
    rows = await txn.many(
        _CLAIM, queue=pilot.queue, count=pilot.count,
        memory_mb=pilot.memory_mb, disk_mb=pilot.disk_mb, remaining_s=pilot.remaining_s, cores=pilot.cores,
        labels=list(pilot.labels) if pilot.labels is not None else None, resource_type=pilot.resource_type,
        task_id=pilot.task_id, working_group=pilot.working_group, country_group=pilot.country_group,
        owner_anchor=pilot.owner.anchor if pilot.owner else None, owner_subject=pilot.owner.subject if pilot.owner else None,
        owner_name=pilot.owner_name, holder_anchor=pilot.holder.anchor, holder_subject=pilot.holder.subject, node=pilot.node,
        computing_element=pilot.computing_element, scheduler_id=pilot.scheduler_id)
    return [job_from_row(row) for row in rows]
