"""API v1, module pilot: what pilots, and Harvester for them, ask and say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, gatherResults

from pandad.api.access import CLAIM, PILOT, PUBLIC, REPORT
from pandad.api.coerce import MAX_DEPTH
from pandad.api.decode import decoder_for
from pandad.api.encode import Envelope
from pandad.api.errors import guarded, refusal
from pandad.api.jobdefinition import job_definition
from pandad.api.load import Urgency
from pandad.api.replies import pilots
from pandad.api.route import GET, MIB, POST, V1_ACQUIRE, WATCHED_S, Route
from pandad.jobdispatcher.guards import is_last_word
from pandad.jobdispatcher.jobsecrets import may_have_secrets
from pandad.jobdispatcher.requests import AcquireJobs, JobUpdate, WorkerStatus
from pandad.spec.caller import Caller
from pandad.spec.job import ClaimedJob

if TYPE_CHECKING:
    from pandad.jobdispatcher.dispatcher import Dispatcher
    from pandad.jobdispatcher.harvester import Workers
    from pandad.jobdispatcher.heartbeat import Heartbeat
    from pandad.jobdispatcher.jobsecrets import JobSecrets
    from pandad.taskbuffer.jobs import JobState

MANY_JOBS = 1_000  # in one call; Harvester sends 100
NO_JOBS = "no jobs in PanDA"  # pilots look for these words


@dataclass(frozen=True, slots=True, kw_only=True)
class JobUpdates:
    """Many JobUpdates in one call."""

    job_list: list[dict]  # type: ignore[type-arg]  # each is decoded on its own
    harvester_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobIds:
    """Which jobs."""

    job_ids: list[int]


def urgency_of(update: JobUpdate) -> Urgency:
    """A heartbeat that is lost is followed by another one, a pilot's last word by nothing."""
    return Urgency.FINAL if is_last_word(update.job_status) else Urgency.HEARTBEAT


class Pilot:
    """One method per call."""

    def __init__(self, dispatcher: Dispatcher, heartbeat: Heartbeat, workers: Workers, secrets: JobSecrets) -> None:
        self._dispatcher, self._heartbeat, self._workers, self._secrets = dispatcher, heartbeat, workers, secrets

    @Route("/api/v1/pilot/acquire_jobs", POST, V1_ACQUIRE, access=CLAIM, gives=pilots.Jobs, takes=AcquireJobs, forgiving=True,
           tells_gone=True, urgency=Urgency.ACQUIRE)
    async def acquire_jobs(self, caller: Caller, asked: AcquireJobs, gone: Callable[[], bool]) -> Envelope:
        """Work for a pilot; no work is a refusal, as in PanDA."""
        jobs = await self._dispatcher.acquire(caller, asked, gone)
        if not jobs:
            return Envelope(False, NO_JOBS)
        return Envelope(True, "", {"StatusCode": 0, "jobs": await definitions(jobs, self._secrets)})

    @Route("/api/v1/pilot/update_job", access=REPORT, gives=pilots.JobCommand, takes=JobUpdate, forgiving=True,
           body_limit_bytes=16 * MIB, json_depth=MAX_DEPTH, urgency=urgency_of)
    async def update_job(self, caller: Caller, update: JobUpdate) -> dict[str, Any]:
        """How one job is; the answer holds the command to the pilot."""
        command = await self._heartbeat.update(caller, update)
        return {"StatusCode": 0, "command": command, **await self._secrets.of_update(command)}

    @Route("/api/v1/pilot/update_jobs_bulk", access=REPORT, gives=list[pilots.JobReport], takes=JobUpdates,
           body_limit_bytes=64 * MIB,
           json_depth=MAX_DEPTH, items=MANY_JOBS, urgency=Urgency.FINAL)
    async def update_jobs_bulk(self, caller: Caller, updates: JobUpdates) -> Sequence[Envelope]:
        """How many jobs are; one envelope per job, in order. They go together, so that they can share a commit."""
        rows = [guarded(self._row(caller, row), refusal, "update_jobs_bulk") for row in updates.job_list]
        return await gatherResults([Deferred.fromCoroutine(row) for row in rows])

    async def _row(self, caller: Caller, row: dict[str, Any]) -> Envelope:
        return Envelope(True, "", await self.update_job(caller, decoder_for(JobUpdate, forgiving=True)(row)))

    @Route("/api/v1/pilot/get_job_status", GET, access=PUBLIC, gives=list[pilots.JobState], passive=True, takes=JobIds,
           answer_s=WATCHED_S)
    async def get_job_status(self, caller: Caller, asked: JobIds) -> list[dict[str, Any]]:
        """States by PandaID, in the order asked."""
        states = await self._dispatcher.statuses(asked.job_ids)
        return [_status(job_id, state) for job_id, state in zip(asked.job_ids, states, strict=True)]

    @Route("/api/v1/pilot/update_worker_status", access=PILOT, gives=None, takes=WorkerStatus, forgiving=True,
           urgency=Urgency.HEARTBEAT)
    async def update_worker_status(self, caller: Caller, status: WorkerStatus) -> None:
        """A pilot began or ended."""
        await self._workers.update_status(caller, status)


async def definitions(jobs: Sequence[ClaimedJob], secrets: JobSecrets) -> list[dict[str, Any]]:
    """Jobs as their pilot gets them, with the secrets that go along."""
    extra = await secrets.of_jobs([job.PandaID or 0 for job in jobs if may_have_secrets(job)])
    return [{**job_definition(job), **extra.get(job.PandaID or 0, {})} for job in jobs]


def _status(job_id: int, state: JobState | None) -> dict[str, Any]:
    if state is None:
        return {"job_id": job_id, "status": "notfound", "attempt_number": 0}
    return {"job_id": job_id, "status": state.status, "attempt_number": state.attempt_nr}
