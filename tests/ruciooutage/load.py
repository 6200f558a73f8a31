"""Users and pilots at a sandbox with a Rucio: jobs with input far away and output wanted there, and bytes that are read."""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from pandad.cli.client import Client, ClientError, connect
from pandad.cli.submission import submission
from pandad.dataservice.ddm import FileName
from pandad.dataservice.local import path_of
from pandad.embedded.rucio.admin import Admin, chunks
from pandad.embedded.rucio.surroundings import FAR
from pandad.embedded.sandbox import ENDPOINT, QUEUE, Sandbox
from pandad.spec.file import FileSpec
from pandad.spec.job import JobSpec

SCOPE, OUT = "user.alice", "user.alice.outage"
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


def input_of(number: int) -> str:
    """A file that two jobs share."""
    return f"in.{number // 2}"


def a_job(number: int) -> JobSpec:
    """It reads one file, writes one that is wanted far away, and a log that stays."""
    dataset = f"{OUT}.{number % DATASETS}"
    out = FileSpec(lfn=f"out.{number}", type="output", scope=SCOPE, destinationDBlock=dataset, dataset=dataset, destinationSE=FAR)
    log = FileSpec(lfn=f"log.{number}", type="log", scope=SCOPE, destinationDBlock=f"{dataset}.log", dataset=f"{dataset}.log")
    return JobSpec(jobName=f"outage.{number}", transformation="http://payload.test/run.sh", prodSourceLabel="user", coreCount=1,
                   jobParameters=f"{input_of(number)} {out.lfn}", minRamCount=500, maxWalltime=600, maxAttempt=3,
                   Files=[FileSpec(lfn=input_of(number), type="input", scope=SCOPE), out, log])


def put_far(admin: Admin, far: Path, jobs: int) -> None:
    """All input, as bytes and in the catalogue."""
    names = sorted({input_of(number) for number in range(jobs)})
    for name in names:
        path = path_of(far, FileName(SCOPE, name))
        assert path is not None
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content(name))
    for some in chunks(names):
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
    """Submits `jobs` of them over `over_s` seconds, and runs them with some pilots, until told to stop.

    :param run_s: how long the longest of them runs.
    """

    def __init__(self, reactor: Any, sandbox: Sandbox, jobs: int, over_s: float, pilots: int, run_s: int) -> None:
        self._run_s = run_s
        self._reactor, self._sandbox, self._jobs, self._pause_s = reactor, sandbox, jobs, over_s * BITE / jobs
        self.seen, self.ids, self._stopped = Seen(), list[int](), False
        self._user = self._client("alice")
        parts: list[Callable[[], Awaitable[None]]] = [self._submit, self._look, *[self._pilot] * pilots]
        self._work = [Deferred.fromCoroutine(self._doing(part)) for part in parts]

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
        for each in self._work:
            await each

    async def _pause(self, seconds: float) -> None:
        await deferLater(self._reactor, seconds)

    async def _submit(self) -> None:
        for numbers in _bites(self._jobs):
            jobs = [a_job(number) for number in numbers]
            said = await deferToThread(lambda some: self._user.post("job/submit", jobs=submission(some)), jobs)
            self.ids += [row[0] for row in said]
            await self._pause(self._pause_s)

    async def _look(self) -> None:
        """The daemon is ready all the time."""
        while not self._stopped:
            began = time.monotonic()
            complaint = await self._sandbox.daemon.complaint()
            self.seen.ready.append(time.monotonic() - began)
            if complaint is not None:
                self.seen.flaws.append(f"not ready: {complaint}")
            await self._pause(AGAIN_S)

    async def _pilot(self) -> None:
        client = self._client("pilot")
        while not self._stopped:
            began = time.monotonic()
            try:
                said: Any = await deferToThread(lambda: client.post(
                    "pilot/acquire_jobs", site_name=QUEUE, prod_source_label="user", node="node.test", memory=4000))
            except ClientError as error:
                said = {}
                if str(error) != NO_JOBS:
                    self.seen.flaws.append(f"getJob: {error}")
            self.seen.asked.append(time.monotonic() - began)
            for job in _jobs_in(said):
                await self._run(client, job)
            await self._pause(AGAIN_S)

    async def _run(self, client: Client, job: dict[str, Any]) -> None:
        panda_id, attempt = int(job["PandaID"]), int(job["attemptNr"])

        async def say(state: str, **more: str) -> None:
            await deferToThread(lambda: client.post(
                "pilot/update_job", job_id=panda_id, job_status=state, attempt_nr=attempt, node="node.test", **more))

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
