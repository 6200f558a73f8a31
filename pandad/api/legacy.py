"""The legacy dialect, /server/panda/<method>: what released pilots speak. Behaviour: panda-server 0.8.1."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from pandad.api import encode
from pandad.api.access import CLAIM, PILOT, PUBLIC, REPORT
from pandad.api.coerce import MAX_DEPTH
from pandad.api.load import Urgency
from pandad.api.replies import pilots
from pandad.api.route import ANY, LEGACY, LEGACY_GETJOB, MIB, POST, WATCHED_S, Route
from pandad.api.v1.pilot import NO_JOBS, definitions, urgency_of
from pandad.jobdispatcher.requests import AcquireJobs, JobUpdate, WorkerStatus
from pandad.spec.caller import Caller
from pandad.spec.resourcetype import RESOURCE_TYPES

if TYPE_CHECKING:
    from pandad.jobdispatcher.dispatcher import Dispatcher
    from pandad.jobdispatcher.harvester import Workers
    from pandad.jobdispatcher.heartbeat import Heartbeat
    from pandad.jobdispatcher.jobsecrets import JobSecrets
    from pandad.taskbuffer.jobs import JobState

Answer = dict[str, Any]

OK: Answer = {"StatusCode": 0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ids:
    """Which jobs, by PandaID."""

    ids: list[int]


class Legacy:
    """One method per call, under its name on the wire."""

    def __init__(self, dispatcher: Dispatcher, heartbeat: Heartbeat, workers: Workers, secrets: JobSecrets) -> None:
        self._dispatcher, self._heartbeat, self._workers, self._secrets = dispatcher, heartbeat, workers, secrets

    @Route("/server/panda/getJob", POST, LEGACY_GETJOB, access=CLAIM, gives=pilots.PilotJob | pilots.Jobs | pilots.NoJob,
           takes=AcquireJobs, forgiving=True,
           tells_gone=True, urgency=Urgency.ACQUIRE)
    async def getJob(self, caller: Caller, asked: AcquireJobs, gone: Callable[[], bool]) -> Answer:
        """One job, flat; a list of jobs for those who said how many."""
        jobs = await definitions(await self._dispatcher.acquire(caller, asked, gone), self._secrets)
        if not jobs:
            return {"StatusCode": 20, "errorDialog": NO_JOBS}
        return {**OK, "jobs": jobs} if asked.n_jobs is not None else {**OK, **jobs[0]}

    @Route("/server/panda/updateJob", POST, LEGACY, access=REPORT, gives=pilots.JobCommand, takes=JobUpdate, forgiving=True,
           body_limit_bytes=16 * MIB, json_depth=MAX_DEPTH, urgency=urgency_of)
    async def updateJob(self, caller: Caller, update: JobUpdate) -> Answer:
        """How a job is; the answer holds the command to the pilot. A pilot takes every 200 for "stored"."""
        command = await self._heartbeat.update(caller, update)
        return {**OK, "command": command, **await self._secrets.of_update(command)}

    @Route("/server/panda/getStatus", ANY, LEGACY, access=PUBLIC, gives=pilots.JobStates, passive=True, takes=Ids,
           encode=encode.as_form,
           answer_s=WATCHED_S)
    async def getStatus(self, caller: Caller, asked: Ids) -> Answer:
        """States and attempts, joined by a plus."""
        states = await self._dispatcher.statuses(asked.ids)
        return {**OK, "status": "+".join(map(_status, states)), "attemptNr": "+".join(map(_attempt, states))}

    @Route("/server/panda/isAlive", ANY, LEGACY, access=PUBLIC, gives=str, passive=True, encode=encode.as_text,
           urgency=Urgency.ALWAYS)
    async def isAlive(self, caller: Caller) -> str:
        """Yes."""
        return "alive=yes"

    @Route("/server/panda/updateWorkerPilotStatus", POST, LEGACY, access=PILOT, gives=pilots.Done, takes=WorkerStatus,
           forgiving=True,
           urgency=Urgency.HEARTBEAT)
    async def updateWorkerPilotStatus(self, caller: Caller, status: WorkerStatus) -> Answer:
        """A pilot began or ended."""
        await self._workers.update_status(caller, status)
        return OK

    @Route("/server/panda/getResourceTypes", ANY, LEGACY, access=PUBLIC, gives=pilots.ResourceTypes, passive=True,
           encode=encode.legacy_repr,
           urgency=Urgency.ALWAYS)
    async def getResourceTypes(self, caller: Caller) -> Answer:
        """The classes of jobs; pilots evaluate the form's value as a Python literal."""
        return {**OK, "ResourceTypes": [asdict(each) for each in RESOURCE_TYPES]}


def _status(state: JobState | None) -> str:
    return "notfound" if state is None else state.status


def _attempt(state: JobState | None) -> str:
    return "0" if state is None else str(state.attempt_nr)
