"""The calls of API v1 that give reasons: why a job is where it is, why a queue has what it has, where a job would go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pandad.api.access import READ
from pandad.api.jobstates import job_specs
from pandad.api.replies import why
from pandad.api.route import GET, MIB, Route
from pandad.spec.caller import Caller

if TYPE_CHECKING:
    from pandad.userinterface.dryrun import DryRun
    from pandad.userinterface.explain import Explain as Reasons
    from pandad.userinterface.queuewhy import QueueWhy


@dataclass(frozen=True, slots=True, kw_only=True)
class JobWhy:
    """``now``: the verdicts of this moment, in place of those of the last decision."""

    job_id: int
    now: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueName:
    """Which queue."""

    queue: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """``jobs``: as for job/submit."""

    jobs: Any


class Explain:
    """One method per call."""

    def __init__(self, jobs: Reasons, queues: QueueWhy, dry_run: DryRun) -> None:
        self._jobs, self._queues, self._dry_run = jobs, queues, dry_run

    @Route("/api/v1/job/why", GET, access=READ, gives=why.JobWhy, takes=JobWhy)
    async def job_why(self, caller: Caller, asked: JobWhy) -> dict[str, Any]:
        """Why the job is where it is: docs/reference/why.md."""
        return await self._jobs.job(caller, asked.job_id, asked.now)

    @Route("/api/v1/queue/why", GET, access=READ, gives=why.QueueWhy, takes=QueueName)
    async def queue_why(self, caller: Caller, asked: QueueName) -> dict[str, Any]:
        """What the queue is for, what it has, who asks there, and what it refuses."""
        return await self._queues.queue(caller, asked.queue)

    @Route("/api/v1/job/try_brokerage", access=READ, gives=list[why.WouldGo], takes=Candidates, body_limit_bytes=4 * MIB)
    async def try_brokerage(self, caller: Caller, asked: Candidates) -> list[dict[str, Any]]:
        """Where these jobs would go now, and why not elsewhere; nothing is stored."""
        return await self._dry_run.where(caller, job_specs(asked.jobs))
