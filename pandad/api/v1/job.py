"""API v1, module job: what users do with their jobs, and what Harvester asks about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pandad.api.access import DEBUG, KILL, OWN, PUBLIC, READ
from pandad.api.encode import Envelope
from pandad.api.jobstates import job_specs
from pandad.api.replies.jobs import DebugOutput, JobEvent, Killed, Stored
from pandad.api.replies.pilots import StatusAndCommand
from pandad.api.route import ANY, GET, MIB, WATCHED_S, Route
from pandad.api.v1.pilot import JobIds
from pandad.settings import nearest
from pandad.spec import pilotcommand
from pandad.spec.caller import Caller
from pandad.spec.criterion import Never
from pandad.spec.errors import BadRequest
from pandad.spec.job import JobSpec
from pandad.spec.jobstatus import JobStatus
from pandad.spec.reason import Reason
from pandad.taskbuffer.ownjobs import NEWEST, Page, Wish

if TYPE_CHECKING:
    from pandad.jobdispatcher.dispatcher import Dispatcher
    from pandad.taskbuffer.jobs import JobState
    from pandad.userinterface.debug import Debug
    from pandad.userinterface.jobs import Jobs
    from pandad.userinterface.kill import KillAnswer

# Submitters of these learn the jobset of each job, others its name (PanDA's storeJobs).
JOBSET_LABELS = frozenset({"user", "panda", "ptest", "rc_test", "rc_test2", "rc_alrb"})

MANY_IDS_BYTES = 1 * MIB
MOST_REASONS = 10  # in one message
MOST_LISTED = 1000
SUCCEEDED = "Succeeded"  # clients show it


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """``jobs``: see jobstates. ``request_id``: the client's own name of this submission, by which a repeat is known."""

    jobs: Any
    request_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """``code``: PanDA's kill code, None for an ordinary kill; what it may be is checked by the room.

    ``with_reasons``: pandad's own; the answers are objects then, for people to read.
    """

    job_ids: list[int]
    code: int | None = None
    with_reasons: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class JobId:
    """Which job."""

    job_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DebugMode:
    """Of which job, and whether on."""

    job_id: int
    mode: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """Which job's pilot is to do what."""

    job_id: int
    command: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mine:
    """Which of the caller's own jobs. ``states``: none: any. ``before``: the `next` of the page before."""

    states: list[str] | None = None
    queue: str | None = None
    task: int | None = None
    before: int | None = None
    most: int = 100

    def wish(self) -> Wish:
        """The same, checked.

        :raise BadRequest: there is no such state, or it is not a number of jobs that one call may give.
        """
        states = self.states or []
        for state in states:
            if state not in set(JobStatus):
                raise BadRequest("states", f"{state!r} is no state of jobs; {nearest(state, JobStatus)}")
        if not 1 <= self.most <= MOST_LISTED:
            raise BadRequest("most", f"is {self.most}; write 1 to {MOST_LISTED}, and ask again for the next page")
        return Wish(states=[JobStatus(state) for state in states], queue=self.queue, task=self.task,
                    before=NEWEST if self.before is None else self.before, most=self.most)


class Job:
    """One method per call."""

    def __init__(self, jobs: Jobs, dispatcher: Dispatcher, debug: Debug) -> None:
        self._jobs, self._dispatcher, self._debug = jobs, dispatcher, debug

    @Route("/api/v1/job/submit", access=OWN, gives=list[Stored], takes=Submission, body_limit_bytes=64 * MIB)
    async def submit(self, caller: Caller, submission: Submission) -> Envelope:
        """Store new jobs: their ids, in order. A submission that came before gets its first answer, and the message says so.
        Jobs that no registered queue can ever take are stored too; the message says so, and ``warnings`` beside the data."""
        receipt = await self._jobs.submit(caller, job_specs(submission.jobs), submission.request_id)
        rows = [_stored(job) for job in receipt.jobs]
        if not receipt.never:
            return Envelope(True, receipt.message, rows)
        return WarningEnvelope(True, receipt.message, rows, [
            {"PandaID": panda_id, "reason": Reason.NEVER, **_lacking(never)} for panda_id, never in receipt.never.items()])

    @Route("/api/v1/job/get_description", ANY, access=READ, gives=list[JobSpec | None], takes=JobIds,
           body_limit_bytes=MANY_IDS_BYTES)
    @Route("/api/v1/job/get_description_incl_archive", ANY, access=READ, gives=list[JobSpec | None], takes=JobIds,
           body_limit_bytes=MANY_IDS_BYTES)
    async def get_description(self, caller: Caller, asked: JobIds) -> list[JobSpec | None]:
        """All attributes and files, in the order asked; null for what is not there. One table holds live and old jobs."""
        return await self._jobs.describe(caller, asked.job_ids)

    @Route("/api/v1/job/list", ANY, access=OWN, gives=Page, takes=Mine)
    async def list_own(self, caller: Caller, asked: Mine) -> Page:
        """The caller's own jobs, the newest first: a line of each, and from where to ask for more. pandad's own."""
        return await self._jobs.listed(caller, asked.wish())

    @Route("/api/v1/job/get_status", GET, access=PUBLIC, gives=list[StatusAndCommand], passive=True, takes=JobIds,
           answer_s=WATCHED_S)
    async def get_status(self, caller: Caller, asked: JobIds) -> list[dict[str, str]]:
        """State and command by PandaID, in the order asked."""
        return [_status(state) for state in await self._dispatcher.statuses(asked.job_ids)]

    @Route("/api/v1/job/kill", access=KILL, gives=list[bool] | list[Killed], takes=Kill, body_limit_bytes=MANY_IDS_BYTES)
    async def kill(self, caller: Caller, asked: Kill) -> Envelope:
        """Whether each job is being killed, in the order asked; the message says why some are not."""
        answers = await self._jobs.kill_each(caller, asked.job_ids, asked.code)
        rows = [{"PandaID": a.panda_id, "killed": a.taken, "reason": a.reason} for a in answers] if asked.with_reasons else [
            a.taken for a in answers]
        return Envelope(True, _refusals(answers), rows)

    @Route("/api/v1/job/set_debug_mode", access=DEBUG, gives=str, takes=DebugMode)
    async def set_debug_mode(self, caller: Caller, asked: DebugMode) -> Envelope:
        """Switch debug mode of a job."""
        await self._debug.set_mode(caller, asked.job_id, asked.mode)
        return Envelope(True, SUCCEEDED, SUCCEEDED)

    @Route("/api/v1/job/set_command", access=DEBUG, gives=str, takes=Command)
    async def set_command(self, caller: Caller, asked: Command) -> Envelope:
        """Have the pilot of a job do a debug command; the command as the pilot gets it."""
        return Envelope(True, SUCCEEDED, await self._debug.command(caller, asked.job_id, asked.command))

    @Route("/api/v1/job/get_debug_output", GET, access=DEBUG, gives=DebugOutput, takes=JobId)
    async def get_debug_output(self, caller: Caller, asked: JobId) -> dict[str, Any]:
        """What came back from the pilot of a job in debug mode. pandad's own: PanDA shows it in its monitor only."""
        return await self._debug.output(caller, asked.job_id)

    @Route("/api/v1/job/get_timeline", GET, access=READ, gives=list[JobEvent], takes=JobId)
    async def get_timeline(self, caller: Caller, asked: JobId) -> list[dict[str, Any]]:
        """What happened to the job, oldest first."""
        return await self._jobs.timeline(caller, asked.job_id)


@dataclass(frozen=True, slots=True)
class WarningEnvelope(Envelope):
    """With what the caller should know though all went well. The data keeps the form that clients read."""

    warnings: Sequence[Mapping[str, Any]] = ()


def _lacking(never: Never) -> dict[str, Any]:
    return {"nearest": never.queue, "criterion": never.criterion, "have": never.have, "need": never.need, "lacks": never.lacks,
            "text": never.sentence}


def _refusals(answers: Sequence[KillAnswer]) -> str:
    """For those who read the message: the refused jobs, by reason."""
    refused = [a for a in answers if not a.taken]
    shown = [f"job {a.panda_id}: {a.reason}" for a in refused[:MOST_REASONS]]
    return "; ".join(shown + [f"and {len(refused) - MOST_REASONS} more"] * (len(refused) > MOST_REASONS))


def _stored(job: JobSpec) -> list[Any]:
    last = {"jobsetID": job.jobsetID} if job.prodSourceLabel in JOBSET_LABELS else job.jobName
    return [job.PandaID, job.jobDefinitionID, last]


def _status(state: JobState | None) -> dict[str, str]:
    """Harvester ends the workers of jobs that PanDA does not know."""
    if state is None:
        return {"status": "unknown", "command": pilotcommand.KILL}
    return {"status": state.status, "command": state.command or pilotcommand.NOTHING}
