"""Users and pilots at a sandbox with a Rucio: jobs with input far away and output wanted there, and bytes that are read."""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, DeferredSemaphore
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from pandad.cli.client import Client, ClientError, Refused, Unreachable, connect
from pandad.cli.submission import submission
from pandad.dataservice.ddm import FileName
from pandad.dataservice.local import path_of
from pandad.embedded.rucio.admin import Admin, chunks
from pandad.embedded.rucio.surroundings import FAR
from pandad.embedded.sandbox import ENDPOINT, QUEUE, Sandbox
from pandad.spec.file import FileSpec
from pandad.spec.job import JobSpec

SCOPE = "user.alice"
DATASETS = 3
BITE = 4  # jobs in one submission
AGAIN_S = 1.0
NO_JOBS = "no jobs in PanDA"  # an answer too


def content(name: str) -> bytes:
    """Of a file."""
    return b"events of " + name.encode() + b"\n"


def checksum(name: str) -> str:
    """Of its content."""
    return f"{zlib.adler32(content(name)):08x}"


@dataclass(frozen=True, slots=True)
class Work:
    """So many jobs, whose names, files and datasets begin with `tag`."""

    tag: str
    jobs: int

    @property
    def inputs(self) -> set[str]:
        return {self.input_of(number) for number in range(self.jobs)}

    @property
    def outputs(self) -> set[str]:
        return {self.output_of(number) for number in range(self.jobs)}

    @property
    def datasets(self) -> str:
        """How the names of all begin, those that are made on the way too."""
        return f"{SCOPE}.{self.tag}."

    def input_of(self, number: int) -> str:
        """A file that two jobs share."""
        return f"{self.tag}.in.{number // 2}"

    def output_of(self, number: int) -> str:
        return f"{self.tag}.out.{number}"

    def dataset_of(self, number: int) -> str:
        """Of the job's output; several jobs share it."""
        return f"{self.datasets}{number % DATASETS}"

    def job(self, number: int) -> JobSpec:
        """It reads one file, writes one that is wanted far away, and a log that stays."""
        dataset, read, written = self.dataset_of(number), self.input_of(number), self.output_of(number)
        log, logs = f"{self.tag}.log.{number}", f"{dataset}.log"
        return JobSpec(
            jobName=f"{self.tag}.{number}", transformation="http://payload.test/run.sh", prodSourceLabel="user", coreCount=1,
            jobParameters=f"{read} {written}", minRamCount=500, maxWalltime=600, maxAttempt=3, Files=[
                FileSpec(lfn=read, type="input", scope=SCOPE),
                FileSpec(lfn=written, type="output", scope=SCOPE, destinationDBlock=dataset, dataset=dataset, destinationSE=FAR),
                FileSpec(lfn=log, type="log", scope=SCOPE, destinationDBlock=logs, dataset=logs)])


def put_far(admin: Admin, far: Path, work: Work) -> None:
    """All input, as bytes and in the catalogue."""
    for name in work.inputs:
        path = path_of(far, FileName(SCOPE, name))
        assert path is not None
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content(name))
    for some in chunks(sorted(work.inputs)):
        files = [{"scope": SCOPE, "name": name, "bytes": len(content(name)), "adler32": checksum(name)} for name in some]
        admin.call("POST", "/replicas", {"rse": FAR, "files": files})


@dataclass
class Seen:
    """What users, pilots and who looks after the daemon met. Times in seconds."""

    asked: list[float] = field(default_factory=list)
    ready: list[float] = field(default_factory=list)
    flaws: list[str] = field(default_factory=list)
    ran: dict[int, int] = field(default_factory=dict)
    """How often each job was run to its end, by PandaID."""

    def part(self, since: tuple[int, int]) -> dict[str, Any]:
        """What was seen since then."""
        asked, ready = self.asked[since[0]:], self.ready[since[1]:]
        return {"get_job_calls": len(asked), "get_job_longest_ms": round(1000 * max(asked, default=0)),
                "readyz_calls": len(ready), "readyz_longest_ms": round(1000 * max(ready, default=0))}

    @property
    def now(self) -> tuple[int, int]:
        """To be given to `part` later."""
        return len(self.asked), len(self.ready)


class Load:
    """Submits the work over `over_s` seconds, and runs it with some pilots, until told to stop.

    :param run_s: how long the longest job runs. :param mortal: the daemon may be away, and what it left unanswered is said again.
    """

    def __init__(self, reactor: Any, sandbox: Sandbox, work: Work, over_s: float, pilots: int, run_s: int, *,
                 mortal: bool = False) -> None:
        self._run_s, self._mortal = run_s, mortal
        self._reactor, self._sandbox, self.work, self._pause_s = reactor, sandbox, work, over_s * BITE / work.jobs
        self.seen, self.ids, self._stopped = Seen(), list[int](), False
        self._pilots, self._claims = pilots, DeferredSemaphore(pilots)
        self._user = self._client("alice")
        parts: list[Callable[[], Awaitable[None]]] = [self._submit, self._look, *[self._pilot] * pilots]
        self._doings = [Deferred.fromCoroutine(self._doing(part)) for part in parts]

    def _client(self, who: str) -> Client:
        return connect({**self._sandbox.environment(), "X509_USER_PROXY": str(self._sandbox.pki.proxy(who))})

    async def _doing(self, part: Callable[[], Awaitable[None]]) -> None:
        try:
            await part()
        except Exception as error:
            self.seen.flaws.append(f"{part.__name__}: {type(error).__name__}: {error}")

    async def stop(self) -> None:
        """Return when all have ended what they were doing."""
        self._stopped = True
        for each in self._doings:
            await each
        self.seen.flaws += [f"job {panda_id} was run {count} times" for panda_id, count in self.seen.ran.items() if count > 1]

    async def between_claims(self, act: Callable[[], Awaitable[None]]) -> None:
        """Do something while no pilot asks for a job: of one whose answer was lost nobody but the watcher would hear again."""
        for _ in range(self._pilots):
            await self._claims.acquire()
        try:
            await act()
        finally:
            for _ in range(self._pilots):
                self._claims.release()

    async def _pause(self, seconds: float) -> None:
        await deferLater(self._reactor, seconds)

    async def _submit(self) -> None:
        for numbers in _bites(self.work.jobs):
            jobs = [self.work.job(number) for number in numbers]
            said = await self._answered(self._user, "job/submit", jobs=submission(jobs), request_id=jobs[0].jobName)
            self.ids += [row[0] for row in said]
            await self._pause(self._pause_s)

    async def _look(self) -> None:
        """The daemon is ready all the time."""
        while not self._stopped:
            began = time.monotonic()
            complaint = await self._sandbox.daemon.complaint()
            self.seen.ready.append(time.monotonic() - began)
            if complaint is not None and not self._mortal:
                self.seen.flaws.append(f"not ready: {complaint}")
            await self._pause(AGAIN_S)

    async def _pilot(self) -> None:
        client = self._client("pilot")
        while not self._stopped:
            began = time.monotonic()
            try:
                said: Any = await self._claims.run(lambda: deferToThread(lambda: client.post(
                    "pilot/acquire_jobs", site_name=QUEUE, prod_source_label="user", node="node.test", memory=4000)))
            except ClientError as error:
                said = {}
                if str(error) != NO_JOBS and not self._is_away(error):
                    self.seen.flaws.append(f"getJob: {error}")
            self.seen.asked.append(time.monotonic() - began)
            for job in _jobs_in(said):
                await self._run(client, job)
            await self._pause(AGAIN_S)

    async def _answered(self, client: Client, method: str, **body: object) -> Any:
        while True:
            try:
                return await deferToThread(lambda: client.post(method, **body))
            except ClientError as error:
                if self._stopped or not self._is_away(error):
                    raise
            await self._pause(AGAIN_S)

    def _is_away(self, error: ClientError) -> bool:
        """Whether it is the daemon that is away, and may be."""
        refused = isinstance(error, Refused) and error.status == HTTPStatus.SERVICE_UNAVAILABLE
        return self._mortal and (refused or isinstance(error, Unreachable))

    async def _run(self, client: Client, job: dict[str, Any]) -> None:
        panda_id, attempt = int(job["PandaID"]), int(job["attemptNr"])

        async def say(state: str, **more: str) -> None:
            await self._answered(client, "pilot/update_job", job_id=panda_id, job_status=state, attempt_nr=attempt,
                                 node="node.test", **more)

        await say("running")
        name = str(job["inFiles"])
        read = path_of(self._sandbox.storage, FileName(SCOPE, name))
        if read is None or not read.exists() or read.read_bytes() != content(name):
            self.seen.flaws.append(f"job {panda_id} was started without its input {name}")
        await self._pause(AGAIN_S + panda_id % self._run_s)
        written = str(job["outFiles"]).split(",")
        for lfn in written:
            path = path_of(self._sandbox.storage, FileName(SCOPE, lfn))
            assert path is not None
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content(lfn))
        report = {lfn: {"fsize": len(content(lfn)), "adler32": checksum(lfn), "endpoint": ENDPOINT,
                        "guid": f"{panda_id:08x}-0000-0000-0000-{number:012x}"} for number, lfn in enumerate(written)}
        await say("finished", job_output_report=json.dumps(report))
        self.seen.ran[panda_id] = self.seen.ran.get(panda_id, 0) + 1


def _bites(jobs: int) -> list[range]:
    return [range(at, min(at + BITE, jobs)) for at in range(0, jobs, BITE)]


def _jobs_in(said: Any) -> list[dict[str, Any]]:
    listed = said.get("jobs", [said] if "PandaID" in said else [])
    return list(json.loads(listed) if isinstance(listed, str) else listed)
