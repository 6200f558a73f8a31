"""Handing out jobs: read who waits where, then take chosen ones in one statement that never waits for another claimer."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pandad.spec.capability import Capability
from pandad.spec.job import JOB_ATTRIBUTES, ClaimedJob
from pandad.spec.jobstatus import IN_SLOT, TRANSITIONS, Actor, Event, JobStatus
from pandad.taskbuffer import tallies
from pandad.taskbuffer.jobs import FILES, files_of
from pandad.taskbuffer.pool import Row
from pandad.taskbuffer.statement import listed, sql
from pandad.taskbuffer.store import Transaction

READ_MOST = 512  # jobs of one queue in one reading, over all its lines
READ_LEAST = 4  # of each line
_CLAIMED = TRANSITIONS[Event.CLAIMED]
(_SOURCE,) = _CLAIMED.sources


class Waiting(NamedTuple):
    """An activated job, as last read."""

    queue: str
    line: int
    panda_id: int
    priority: int


# From line to line of a queue, and of each line its head: both by job_activated, however many jobs stand behind.
_WAITING = sql("claims.waiting", f"""
    WITH RECURSIVE here AS (
        SELECT q.queue, (SELECT min(line) FROM job WHERE jobstatus = '{_SOURCE}' AND computingsite = q.queue) AS line
        FROM unnest(%(queues)s::text[]) AS q(queue)
        UNION ALL
        SELECT h.queue, (SELECT min(j.line) FROM job j
                         WHERE j.jobstatus = '{_SOURCE}' AND j.computingsite = h.queue AND j.line > h.line)
        FROM here h WHERE h.line IS NOT NULL),
    heads AS MATERIALIZED (
        SELECT queue, line, {READ_MOST} / count(*) OVER (PARTITION BY queue) AS fair FROM here WHERE line IS NOT NULL)
    SELECT h.queue, h.line, best.pandaid, best.currentpriority
    FROM heads h CROSS JOIN LATERAL (
        SELECT j.pandaid, j.currentpriority FROM job j
        WHERE j.jobstatus = '{_SOURCE}' AND j.computingsite = h.queue AND j.line = h.line
        ORDER BY j.currentpriority DESC, j.pandaid LIMIT greatest({READ_LEAST}, h.fair)) best""")

# What a pilot is told of a job, and who it is for.
_TOLD = (
    "PandaID", "jobDefinitionID", "AtlasRelease", "transformation", "homepackage", "prodSourceLabel", "prodUserID",
    "currentPriority", "attemptNr", "maxAttempt", "jobStatus", "jobName", "maxCpuCount", "maxDiskCount", "minRamCount",
    "computingSite", "computingElement", "destinationSE", "cloud", "sourceSite", "transferType", "cmtConfig", "processingType",
    "prodUserName",
    "workingGroup", "countryGroup", "specialHandling", "jobsetID", "coreCount", "jediTaskID", "reqID", "maxWalltime", "nucleus",
    "resource_type", "container_name", "schedulerID", "modificationHost", "VO")
assert set(_TOLD) <= {a.name for a in JOB_ATTRIBUTES}

_COUNTED = tallies.counted("taken", {
    "wasqueue": "computingsite", "wasstatus": f"'{_SOURCE}'::job_status", "wastype": "resource_type",
    "queue": "computingsite", "jobstatus": "jobstatus", "resource_type": "resource_type", "label": "prodsourcelabel"},
    together=False)

# Only the primary key may lead to the candidates: an index by queue and line would read the whole line, and an outdated estimate
# calls that cheap. So the other conditions are written in a way that no index serves. What a neighbour is taking is passed over.
_TAKE = sql("claims.take", f"""
    WITH wanted AS (
        SELECT * FROM unnest(%(queues)s::text[], %(lines)s::bigint[], %(counts)s::bigint[])
        WITH ORDINALITY AS w(queue, line, count, grp)),
    candidate AS (
        SELECT * FROM unnest(%(ids)s::bigint[], %(groups)s::bigint[]) WITH ORDINALITY AS c(pandaid, grp, place)),
    free AS MATERIALIZED (
        SELECT w.grp, f.pandaid, f.place FROM wanted w CROSS JOIN LATERAL (
            SELECT j.pandaid, c.place FROM candidate c JOIN job j ON j.pandaid = c.pandaid
            WHERE c.grp = w.grp AND j.jobstatus::text = '{_SOURCE}' AND j.computingsite || '' = w.queue AND j.line + 0 = w.line
            ORDER BY c.place LIMIT w.count FOR UPDATE OF j SKIP LOCKED) f),
    taker AS (
        SELECT * FROM unnest(%(taker_groups)s::bigint[], %(places)s::bigint[], %(anchors)s::text[], %(subjects)s::text[],
                             %(nodes)s::text[], %(elements)s::text[], %(schedulers)s::text[], %(harvesters)s::text[],
                             %(workers)s::bigint[])
        WITH ORDINALITY AS t(grp, nth, anchor, subject, node, element, scheduler, harvester, worker, taker)),
    given AS (
        SELECT n.pandaid, t.* FROM taker t
        JOIN (SELECT pandaid, grp, row_number() OVER (PARTITION BY grp ORDER BY place) AS nth FROM free) n USING (grp, nth)),
    taken AS (
        UPDATE job j SET
            jobstatus = '{_CLAIMED.target}', statechangetime = now(), modificationtime = now(), starttime = NULL, endtime = NULL,
            holderanchor = g.anchor, holdersubject = g.subject, modificationhost = g.node,
            computingelement = coalesce(g.element, j.computingelement), schedulerid = g.scheduler,
            pilotid = NULL, batchid = NULL, reportedstatus = NULL
        FROM given g WHERE j.pandaid = g.pandaid
        RETURNING g.taker, g.harvester, g.worker, j.holdersubject, j.owneranchor, j.ownersubject,
                  {", ".join("j." + name.lower() for name in _TOLD)}),
    logged AS (
        INSERT INTO job_event (pandaid, event, fromstatus, tostatus, attemptnr, actor, who, why)
        SELECT pandaid, '{Event.CLAIMED}', '{_SOURCE}', jobstatus, attemptnr, '{Actor.PILOT}', holdersubject,
               'on ' || coalesce(modificationhost, 'an unnamed node') FROM taken),
    counted AS ({_COUNTED}),
    bound AS (
        INSERT INTO job_worker (pandaid, attemptnr, harvesterid, workerid)
        SELECT pandaid, attemptnr, harvester, worker FROM taken WHERE harvester IS NOT NULL AND worker IS NOT NULL
        ON CONFLICT DO NOTHING)
    SELECT j.taker, {", ".join("j." + name.lower() for name in _TOLD)}, t.jobparameters,
           ARRAY(SELECT s.name FROM user_secret s WHERE s.subject = j.ownersubject AND s.anchor = j.owneranchor),
           {FILES}
    FROM taken j LEFT JOIN job_text t USING (pandaid) ORDER BY j.taker""")

_USAGE = sql("claims.usage", f"""
    SELECT line, sum(coalesce(corecount, 1))::bigint FROM job
    WHERE jobstatus IN ({listed(IN_SLOT)}) GROUP BY line""")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Jobs of one line at one queue for some pilots.

    :param ids: the candidates, best first; more than there are takers, in case that others were quicker.
    :param takers: one for each job wanted; the first gets the best.
    """

    queue: str
    line: int
    ids: Sequence[int]
    takers: Sequence[Capability]


async def waiting(txn: Transaction, queues: Collection[str]) -> list[Waiting]:
    """The heads of all lines at these queues: of each the jobs that go first, in no order of lines."""
    return [Waiting(*row) for row in await txn.many(_WAITING, queues=sorted(queues))]


async def take(txn: Transaction, wanted: Sequence[Wanted]) -> list[list[ClaimedJob | None]]:
    """For each taker of each wish a job, now its own, or None if no candidate was left."""
    takers = [(group, nth, taker) for group, each in enumerate(wanted, 1) for nth, taker in enumerate(each.takers, 1)]
    pilots = [taker for *_, taker in takers]
    rows = await txn.many(
        _TAKE, queues=[w.queue for w in wanted], lines=[w.line for w in wanted], counts=[len(w.takers) for w in wanted],
        ids=[i for w in wanted for i in w.ids], groups=[group for group, w in enumerate(wanted, 1) for _ in w.ids],
        taker_groups=[group for group, *_ in takers], places=[nth for _, nth, _ in takers],
        anchors=[p.holder.anchor for p in pilots], subjects=[p.holder.subject for p in pilots], nodes=[p.node for p in pilots],
        elements=[p.computing_element for p in pilots], schedulers=[p.scheduler_id for p in pilots],
        harvesters=[p.harvester_id for p in pilots], workers=[p.worker_id for p in pilots])
    found = {row[0]: _told(row[1:]) for row in rows}
    jobs = [found.get(place) for place in range(1, len(takers) + 1)]
    given: list[list[ClaimedJob | None]] = []
    for each in wanted:
        given.append(jobs[:len(each.takers)])
        jobs = jobs[len(each.takers):]
    return given


async def usage(txn: Transaction) -> Mapping[int, int]:
    """Cores in slots by line, of the lines that have any."""
    return dict(await txn.many(_USAGE))


def _told(row: Row) -> ClaimedJob:
    *values, parameters, secrets, file_rows = row
    job = ClaimedJob(**dict(zip(_TOLD, values, strict=True)), jobParameters=parameters, secrets=secrets)
    job.jobStatus = JobStatus(job.jobStatus)
    job.Files = files_of(file_rows)
    return job
