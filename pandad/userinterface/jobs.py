"""Jobs as their owners handle them: submit, describe, kill."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from pandad.config import UserInterfaceConfig
from pandad.spec import sitewish
from pandad.spec.caller import Caller, Role
from pandad.spec.errors import BadRequest, Forbidden, Unavailable
from pandad.spec.file import FileSpec
from pandad.spec.job import JOB_ATTRIBUTES, JobSpec
from pandad.spec.jobstatus import JobStatus
from pandad.spec.pilotcommand import told
from pandad.spec.resourcetype import resource_type_of
from pandad.spec.share import PRODUCTION_LABELS, share_name
from pandad.spec.specialhandling import DEBUG_MODE, has_tag
from pandad.taskbuffer import jobs, ownjobs
from pandad.taskbuffer.batch import Batcher
from pandad.taskbuffer.ownjobs import Page, Wish
from pandad.taskbuffer.store import Store
from pandad.userinterface import explain, kill, submission
from pandad.userinterface.identity import identity_of
from pandad.userinterface.kill import KillAnswer
from pandad.userinterface.standing import ISuitability
from pandad.userinterface.submission import Receipt

DEFAULTS = UserInterfaceConfig()
MAX_JOBS = 5000  # in one call, as PanDA
USER_PRIORITY = 1000
DEFAULT_VO = "atlas"  # PanDA's own default
OFFICIAL_LABEL = "managed"
FILE_TYPES = ("input", "output", "log", "pseudo_input")
LARGEST_FILE_BYTES = 2**50  # so that those of a job can be added up

_NEEDS = ("minRamCount", "maxDiskCount", "maxCpuCount", "maxWalltime", "coreCount")
_ERRORS = tuple(a for a in JOB_ATTRIBUTES if a.name.endswith(("ErrorCode", "ErrorDiag")))  # a copied job may carry old ones


class Jobs:
    """What people and their programs do with jobs."""

    def __init__(self, store: Store, config: UserInterfaceConfig = DEFAULTS, suitability: ISuitability | None = None) -> None:
        self._store, self._config, self._suitability = store, config, suitability
        self._submissions: Batcher[None, submission.Wish, Receipt] = Batcher("submit", self._submit, row=lambda wish: wish.row)

    async def submit(self, caller: Caller, specs: Sequence[JobSpec], request_id: str | None = None) -> Receipt:
        """Store new jobs, all or none; they come back with PandaID, jobDefinitionID and jobsetID. (Repeats: see submission.py)

        :param request_id: the client's name of this submission: sent again, it is answered as the first time.
        :raise BadRequest: names the job, by its place, and the attribute. :raise Forbidden: not with this role.
        :raise Conflict: the request_id was used for other jobs.
        """
        owner = identity_of(caller)
        if not specs or len(specs) > MAX_JOBS:
            raise BadRequest("jobs", f"has {len(specs)} jobs; send 1 to {MAX_JOBS} in one call")
        mark = submission.mark_of(specs, request_id, self._config.submit_repeat_window_s)
        for place, job in enumerate(specs):
            prepare(job, place, caller)
        return await self._flagged(await self._submissions.ask(None, submission.Wish(specs, owner, mark)))

    async def _flagged(self, receipt: Receipt) -> Receipt:
        """With those jobs named that no queue can ever take. The jobs are stored: that cannot fail any more."""
        if self._suitability is None:
            return receipt
        try:
            never = await self._suitability.never(receipt.jobs)
            unmatched = await self._suitability.unmatched(receipt.jobs)
        except Unavailable:
            return receipt
        told = {job.PandaID or 0: no for job, no in zip(receipt.jobs, never, strict=True) if no is not None}
        return replace(receipt, never=told, unmatched=unmatched)

    async def _submit(self, _: None, wishes: Sequence[submission.Wish]) -> list[Receipt]:
        return await self._store.transact("submit", submission.store, wishes)

    async def describe(self, caller: Caller, ids: Sequence[int]) -> list[JobSpec | None]:
        """Those jobs with their files, in the order asked for; None where there is no such job."""
        identity_of(caller)
        return await self._store.read("describe", jobs.find, ids)

    async def kill(self, caller: Caller, ids: Sequence[int], code: int | None = None) -> list[bool]:
        """Kill jobs: at once, or, where a pilot has it, by telling the pilot at its next heartbeat.

        :return: per id whether the job is being killed; False for an unknown or finished job, and for somebody else's.
        """
        return [answer.taken for answer in await self.kill_each(caller, ids, code)]

    async def kill_each(self, caller: Caller, ids: Sequence[int], code: int | None = None) -> list[KillAnswer]:
        """The same, with a reason for each answer.

        :param code: PanDA's kill code, see spec/killcode.py.
        :raise BadRequest: there is no such code. :raise Forbidden: it is not for this caller.
        """
        identity_of(caller)
        return await self._store.transact("kill", kill.kill, caller, list(ids), code)

    async def listed(self, caller: Caller, wish: Wish) -> Page:
        """The caller's own jobs, under any of his identities, the newest first; see ownjobs."""
        identity_of(caller)
        return await self._store.read("own_jobs", ownjobs.page, sorted(caller.identities, key=str), wish)

    async def timeline(self, caller: Caller, panda_id: int) -> list[dict[str, object]]:
        """The history of the job, oldest first.

        :raise NotFound: there is no such job.
        """
        identity_of(caller)
        return await self._store.read("timeline", explain.timeline, panda_id)


def prepare(job: JobSpec, place: int, caller: Caller) -> None:
    """Complete a submitted job in place, as PanDA's storeJobs does, and refuse what cannot be right.

    Whatever the submitter wrote about state, attempt, owner or times is overwritten: it is the server's to say.
    """
    _refuse_nonsense(job, place)
    label = job.prodSourceLabel = job.prodSourceLabel or "user"
    if label in PRODUCTION_LABELS and not (caller.has(Role.PRODUCTION) or job.workingGroup in caller.production_of):
        raise Forbidden(f"jobs[{place}].prodSourceLabel: {label} needs the production role, or that of the job's workingGroup; "
                        f"submit with label user; {caller.described}")
    assert caller.identity is not None
    job.jobStatus = JobStatus.DEFINED
    job.PandaID = job.startTime = job.endTime = job.transExitCode = None
    job.commandToPilot = told(has_tag(job.specialHandling, DEBUG_MODE), None)
    for attribute in _ERRORS:
        setattr(job, attribute.name, None if attribute.nullable else 0)
    job.prodUserID, job.prodUserName = caller.identity.subject[:250], caller.name[:60]
    job.creationHost = job.creationHost or caller.host
    job.VO = job.VO or DEFAULT_VO
    job.attemptNr = 1
    sitewish.apply(job, f"jobs[{place}]")
    if label != OFFICIAL_LABEL:
        job.assignedPriority = min(job.assignedPriority or USER_PRIORITY, USER_PRIORITY)
    job.currentPriority = job.assignedPriority
    job.coreCount = max(job.coreCount or 1, 1)
    job.resource_type = resource_type_of(job.coreCount, job.minRamCount)
    job.gshare = share_name(job.workingGroup or "", label)[:32]
    job.nInputDataFiles = len(job.inputs)
    job.inputFileBytes = sum(f.fsize or 0 for f in job.inputs)
    for file in job.Files:
        file.status = "defined"


def _refuse_nonsense(job: JobSpec, place: int) -> None:
    if not job.transformation:
        raise BadRequest(f"jobs[{place}].transformation", "is missing; it is the payload's name or URL")
    for name in _NEEDS:
        if (getattr(job, name) or 0) < 0:
            raise BadRequest(f"jobs[{place}].{name}", f"{getattr(job, name)} is negative")
    for number, file in enumerate(job.Files):
        _refuse_file(file, f"jobs[{place}].Files[{number}]")
    doubled = [lfn for lfn, times in Counter(f.lfn for f in job.outputs).items() if times > 1]
    if doubled:
        raise BadRequest(f"jobs[{place}].Files", f"the output {doubled[0]} stands there twice")
    if len(job.logs) > 1:
        raise BadRequest(f"jobs[{place}].Files", f"has {len(job.logs)} log files; a job has one or none")


def _refuse_file(file: FileSpec, where: str) -> None:
    if not file.lfn:
        raise BadRequest(f"{where}.lfn", "is missing")
    if "," in file.lfn:
        raise BadRequest(f"{where}.lfn", f"{file.lfn!r} has a comma, which separates names on the way to the pilot")
    if file.type not in FILE_TYPES:
        raise BadRequest(f"{where}.type", f"{file.type!r} is none of {', '.join(FILE_TYPES)}")
    if not 0 <= (file.fsize or 0) <= LARGEST_FILE_BYTES:
        raise BadRequest(f"{where}.fsize", f"{file.fsize} is not a size in bytes")
