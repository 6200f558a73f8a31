"""Handing out jobs: one statement that finds, takes and logs, and that never waits for another claimer."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass
from itertools import islice

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

    @property
    def demands(self) -> tuple[Hashable, ...]:
        """All that decides which jobs fit: pilots alike in this can share a claim."""
        labels = tuple(self.labels) if self.labels is not None else None
        return (self.queue, self.memory_mb, self.disk_mb, self.remaining_s, self.cores, labels, self.resource_type, self.task_id,
                self.working_group, self.country_group, self.owner, self.owner_name)


_ROW = TRANSITIONS[Event.CLAIMED]
(_SOURCE,) = _ROW.sources

# One plan serves all calls: an ordered scan of job_activated, made without the values. So the states are constants of the text
# (a partial index is not used for a parameter), and the planner must not believe that hardly any job fits or most are wanted,
# or it sorts the whole queue. coalesce makes one guess of the conditions, not the product of eleven; the outer LIMIT
# tells it a number, where for the asked one it expects a tenth of the table. The rows are locked in priority order, SKIP LOCKED
# passes over what a neighbour is taking, and the UPDATE sees each row once.
_CLAIM = sql("jobs.claim", f"""
    WITH best AS MATERIALIZED (SELECT * FROM (
        SELECT pandaid, currentpriority FROM job
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
    numbered AS (SELECT pandaid, row_number() OVER (ORDER BY currentpriority DESC, pandaid) AS place FROM best),
    taker AS (
        SELECT * FROM unnest(%(anchors)s::text[], %(subjects)s::text[], %(nodes)s::text[], %(elements)s::text[],
                             %(schedulers)s::text[])
        WITH ORDINALITY AS t(anchor, subject, node, element, scheduler, place)),
    taken AS (
        UPDATE job j SET
            jobstatus = '{_ROW.target}', statechangetime = now(), modificationtime = now(), starttime = NULL, endtime = NULL,
            holderanchor = t.anchor, holdersubject = t.subject, modificationhost = t.node,
            computingelement = coalesce(t.element, j.computingelement), schedulerid = t.scheduler,
            pilotid = NULL, batchid = NULL, reportedstatus = NULL
        FROM numbered b JOIN taker t USING (place) WHERE j.pandaid = b.pandaid RETURNING j.*, place),
    logged AS (
        INSERT INTO job_event (pandaid, event, fromstatus, tostatus, attemptnr, actor, who, why)
        SELECT pandaid, '{Event.CLAIMED}', '{_SOURCE}', jobstatus, attemptnr, '{Actor.PILOT}', holdersubject,
               'on ' || coalesce(modificationhost, 'an unnamed node') FROM taken)
    SELECT {JOB_ROW} FROM taken j LEFT JOIN job_text t USING (pandaid) ORDER BY j.place""")


async def claim(txn: Transaction, pilot: Capability) -> list[JobSpec]:
    """The best `pilot.count` jobs (at most MAX_COUNT) that this pilot can take, now its own, best first."""
    (jobs,) = await claim_together(txn, [pilot])
    return jobs


async def claim_together(txn: Transaction, pilots: Sequence[Capability]) -> list[list[JobSpec]]:
    """The same for pilots with the same demands, whose counts add up to MAX_COUNT at most: the first come first."""
    first = pilots[0]
    assert all(p.demands == first.demands for p in pilots), "pilots with different demands in one claim"
    takers = [p for p in pilots for _ in range(p.count)]
    rows = await txn.many(
        _CLAIM, queue=first.queue, count=len(takers), memory_mb=first.memory_mb, disk_mb=first.disk_mb,
        remaining_s=first.remaining_s, cores=first.cores, labels=list(first.labels) if first.labels is not None else None,
        resource_type=first.resource_type, task_id=first.task_id, working_group=first.working_group,
        country_group=first.country_group, owner_anchor=first.owner.anchor if first.owner else None,
        owner_subject=first.owner.subject if first.owner else None, owner_name=first.owner_name,
        anchors=[t.holder.anchor for t in takers], subjects=[t.holder.subject for t in takers], nodes=[t.node for t in takers],
        elements=[t.computing_element for t in takers], schedulers=[t.scheduler_id for t in takers])
    found = map(job_from_row, rows)
    return [list(islice(found, p.count)) for p in pilots]
