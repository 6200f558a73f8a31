"""The real panda-pilot from PyPI, contained, runs what the real panda-client submitted.

It speaks the form dialect with an X.509 proxy. All jobs run at the same time: most of what a pilot does is wait.
"""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from pytest_twisted import blockon, ensureDeferred
from twisted.internet.defer import Deferred, DeferredList

from clients.demos import PILOTS, commands_of
from clients.user import User
from clients.waiting import in_thread, reactor, until
from pandad.cli.client import Client, connect
from pandad.dataservice.ddm import FileName
from pandad.dataservice.local import path_of
from pandad.embedded.pilot import PAYLOAD_BASE_URL, PilotProcess, PilotSettings, missing_requirements, prepare_pilot
from pandad.embedded.sandbox import ENDPOINT, HOST, QUEUE, Sandbox

lacking = missing_requirements()
pytestmark = pytest.mark.skipif(bool(lacking), reason="; ".join(lacking))

SCOPE = "user.alice"
DATASET = "user.alice.pilots"
EXIT_CODE = 65
PAYLOAD_FAILED = 1305  # pilot/common/errorcodes.py: PAYLOADEXECUTIONFAILURE
KILLED_BY_PANDA = 1144  # PANDAKILL
LIFETIME_S = 50  # a failed job is reported when its pilot's time is up
FINAL = frozenset({"finished", "failed", "cancelled", "closed"})

SLEEPER = """#!/bin/sh
# A payload that would never end.
while :; do sleep 1; done
"""

Described = Mapping[str, Any]
Enough = Callable[[Iterable[bool]], bool]


def a_job(name: str, payload: str, *more: str) -> dict[str, Any]:
    """A job that reads a file and writes one, with a log."""
    there = {"scope": SCOPE, "dataset": DATASET, "destinationDBlock": DATASET, "destinationSE": ENDPOINT}
    files = [{"type": "input", "lfn": f"{name}.in", "scope": SCOPE, "dataset": DATASET},
             {"type": "output", "lfn": f"{name}.out", **there}, {"type": "log", "lfn": f"{name}.log.tgz", **there}]
    return {"jobName": name, "transformation": f"{PAYLOAD_BASE_URL}{payload}", "prodSourceLabel": "user", "Files": files,
            "jobParameters": " ".join((f"{name}.in", f"{name}.out", *more)), "minRamCount": 100, "maxWalltime": 600}


# Two that are killed: a pilot kills its payload at the next heartbeat, but which of its threads is quicker then decides whether
# it reports that after seconds or after minutes (pilot/control/job.py, wait_for_aborted_job_stageout). One report is enough here.
ENDLESS = ("endless", "endless-too")
JOBS = (a_job("good", "hello.sh"), a_job("bad", "hello.sh", str(EXIT_CODE)), *(a_job(name, "sleeper.sh") for name in ENDLESS))


class Crew:
    """A pilot for each job, and the jobs as alice sees them."""

    def __init__(self, sandbox: Sandbox, alice: User) -> None:
        self.sandbox, self._alice = sandbox, alice
        self._client: Client = connect(alice.environment)
        self._pilots: list[PilotProcess] = []
        self._ids: dict[str, int] = {}

    async def begin(self) -> None:
        """Submit, start the pilots, and kill the endless jobs when their payloads run."""
        source = await in_thread(prepare_pilot, PILOTS)
        self._prepare()
        rows = await in_thread(self._alice.data, "submit", jobs=JOBS)
        self._ids = {job["jobName"]: row[0] for job, row in zip(JOBS, rows, strict=True)}
        for number in range(len(JOBS)):
            self._pilots.append(PilotProcess(self._settings(source, number)))
            await self._pilots[-1].start(reactor)
        await until(lambda: self._states(ENDLESS, all, {"running"}), "the endless payloads to run")
        doomed = [self._ids[name] for name in ENDLESS]
        assert await in_thread(self._alice.data, "kill", ids=doomed) == [True] * len(doomed)
        await until(self._no_sleepers, "the pilots to kill their payloads")

    async def ended(self, *names: str, enough: Enough = all) -> dict[str, Described]:
        """Those jobs by name, with their histories, when enough of them have ended."""
        await until(lambda: self._states(names, enough, FINAL), f"{names} to end")
        return {name: await in_thread(self._described, self._ids[name]) for name in names}

    async def dismiss(self) -> None:
        """Nothing of the pilots is left afterwards."""
        for pilot in self._pilots:
            pilot.kill()
        await DeferredList([pilot.finished for pilot in self._pilots], consumeErrors=True)

    def _prepare(self) -> None:
        sleeper = self.sandbox.directory / "trf" / "user" / "sleeper.sh"
        sleeper.write_text(SLEEPER)
        for job in JOBS:
            place = self.place(f"{job['jobName']}.in")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(f"input of {job['jobName']}\n")

    def place(self, lfn: str) -> Path:
        """Where a file of these jobs lies, or would lie."""
        found = path_of(self.sandbox.storage, FileName(SCOPE, lfn))
        assert found is not None
        return found

    def _settings(self, source: Path, number: int) -> PilotSettings:
        sandbox, server = self.sandbox, self.sandbox.config.server
        return PilotSettings(
            source=source, workdir=sandbox.directory / f"pilot{number}", queue=QUEUE, tls_port=server.tls_port,
            http_port=server.http_port, proxy_file=sandbox.pki.proxy("pilot"), ca_dir=sandbox.pki.ca_directory,
            storage_root=sandbox.storage, host=HOST, node=f"node{number}", lifetime_s=LIFETIME_S)

    async def _states(self, names: Sequence[str], enough: Enough, states: Container[str]) -> bool:
        ids = [self._ids[name] for name in names]
        found = await in_thread(self._client.post, "job/get_description", job_ids=ids)
        return enough(job["jobStatus"] in states for job in found)

    async def _no_sleepers(self) -> bool:
        return not any("sleeper.sh" in command for command in commands_of(self.sandbox.directory))

    def _described(self, panda_id: int) -> Described:
        (job,) = self._alice.data("full_status", ids=[panda_id])
        return {**job, "timeline": self._client.get("job/get_timeline", job_id=panda_id)}


@pytest.fixture(scope="package")
def crew(sandbox: Sandbox, alice: User) -> Iterator[Crew]:
    """At work until the last test of this directory: see ENDLESS."""
    hired = Crew(sandbox, alice)
    try:
        blockon(Deferred.fromCoroutine(hired.begin()))
        yield hired
    finally:
        blockon(Deferred.fromCoroutine(hired.dismiss()))


@pytest.fixture(scope="module")
def jobs(crew: Crew) -> Mapping[str, Described]:
    """The jobs that end by themselves."""
    found: Mapping[str, Described] = blockon(Deferred.fromCoroutine(crew.ended("good", "bad")))
    return found


def states(job: Described) -> list[str]:
    """The states a job went through, in order."""
    return [event["to"] for event in job["timeline"] if event["to"] != event["from"]]


def file(job: Described, kind: str) -> Described:
    """The one file of that type."""
    found: list[Described] = [f for f in job["Files"] if f["type"] == kind]
    assert len(found) == 1
    return found[0]


def test_finishes(jobs: Mapping[str, Described]) -> None:
    """A job goes through the states in PanDA's order, at the queue, in its first attempt, and ends without any error."""
    job = jobs["good"]
    assert states(job) == ["defined", "assigned", "activated", "sent", "starting", "running", "holding", "finished"]
    assert (job["jobStatus"], job["computingSite"], job["attemptNr"]) == ("finished", QUEUE, 1)
    assert str(job["transExitCode"]) == "0"
    assert not any(value for name, value in job.items() if name.endswith("ErrorCode"))
    assert job["startTime"] <= job["endTime"] and job["modificationHost"].startswith("node")


def test_output_is_right(crew: Crew, jobs: Mapping[str, Described]) -> None:
    """The output is what the payload makes of the input, and its size and checksum on record are those of the copy."""
    output = file(jobs["good"], "output")
    content = crew.place("good.out").read_bytes()
    assert content == b"INPUT OF GOOD\n"
    assert (output["fsize"], output["checksum"]) == (len(content), f"ad:{zlib.adler32(content):08x}")


def test_log_is_kept(crew: Crew, jobs: Mapping[str, Described]) -> None:
    """The pilot's log lies in the storage and can be read."""
    assert file(jobs["good"], "log")["fsize"] == crew.place("good.log.tgz").stat().st_size
    with tarfile.open(crew.place("good.log.tgz")) as tar:
        assert any(name.endswith("payload.stdout") for name in tar.getnames())


def test_a_failing_payload(jobs: Mapping[str, Described]) -> None:
    """A payload that exits with an error makes a failed job with the payload's exit code and the pilot's reason."""
    job = jobs["bad"]
    assert (job["jobStatus"], str(job["transExitCode"])) == ("failed", str(EXIT_CODE))
    assert job["pilotErrorCode"] == PAYLOAD_FAILED and job["pilotErrorDiag"]
    assert states(job)[-3:] == ["running", "holding", "failed"]


@pytest.mark.last
@ensureDeferred
async def test_killed_jobs_are_cancelled(crew: Crew) -> None:
    """When its pilot has reported, a killed job is cancelled, and says by whom."""
    killed = await crew.ended(*ENDLESS, enough=any)
    job = next(job for job in killed.values() if job["jobStatus"] in FINAL)
    assert (job["jobStatus"], job["pilotErrorCode"]) == ("cancelled", KILLED_BY_PANDA)
    assert states(job)[-3:] == ["running", "holding", "cancelled"]
    for job in killed.values():
        assert "killed by Alice" in job["taskBufferErrorDiag"]
        assert "kill asked" in [event["event"] for event in job["timeline"]]
