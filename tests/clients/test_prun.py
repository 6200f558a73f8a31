"""The real prun and pbook, with a token and with a VOMS proxy; and the real pilot, which runs what prun submitted.

The commands are typed at a shell that has read a file of the sandbox, as a newcomer types them.
"""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Iterator, Mapping
from gzip import decompress
from pathlib import Path
from shutil import which
from typing import Any

import pytest
from pytest_twisted import blockon, ensureDeferred
from twisted.internet.defer import Deferred

from clients.demos import PILOTS
from clients.shell import Shell, Typed
from clients.waiting import in_thread, reactor, until
from pandad.cli.client import Client, connect
from pandad.dataservice.ddm import FileName
from pandad.dataservice.local import path_of
from pandad.embedded.pilot import PilotProcess, PilotSettings, missing_requirements, prepare_pilot
from pandad.embedded.pilotsettings import queue_description
from pandad.embedded.sandbox import ENDPOINT, HOST, SITE, Sandbox
from pandad.spec.site import queue_from_description
from pandad.taskbuffer import sites
from pandad.taskbuffer.store import Store

lacking = missing_requirements()
no_voms = "" if which("voms-proxy-info", path="/usr/bin:/bin") else "voms-proxy-info is missing: apt install voms-clients"
once = pytest.mark.parametrize("shell", ["oidc"], indirect=True)  # nothing in it depends on who one is
needs_voms = pytest.mark.skipif(bool(no_voms), reason=no_voms)

FIRST_TASK = 10_000_000
PILOTED, IDLE = "QUEUE_prun", "QUEUE_prun_idle"
ENDED = ("done", "finished", "failed", "aborted", "broken")
KINDS = {"jobO": ["--noBuild"], "sources": [], "again": ["--noBuild"]}
SCRIPT = "#!/bin/sh\necho hello from $1\n"


class Stand:
    """Alice with a token and with a VOMS proxy, and Bob; a queue with a pilot, and one without."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self.sandbox, self._folder = sandbox, folder
        self._pilot: PilotProcess | None = None
        self.piloted: Typed
        folder.mkdir()

    def shell(self, way: str, user: str = "alice") -> Shell:
        """One of hers, or his, in a folder with a script."""
        place = self._folder / f"{user}-{way}"
        place.mkdir(exist_ok=True)
        (place / "hello.sh").write_text(SCRIPT)
        (place / "hello.sh").chmod(0o755)
        return Shell(self.sandbox, way, place, user)

    def client(self, way: str) -> Client:
        """The same, for what pandad itself asks."""
        own = {"X509_USER_PROXY": str(self.sandbox.pki.voms_proxy("alice"))} if way == "voms" else {
            "PANDA_AUTH": "oidc", "PANDA_AUTH_ID_TOKEN": self.sandbox.pki.token("alice").read_text()}
        return connect({**self.sandbox.environment(), **own})

    async def begin(self) -> None:
        """Queues, and a pilot with a job of prun's."""
        store = Store(reactor, self.sandbox.config.database)
        for name in (PILOTED, IDLE):
            await store.transact("test_queue", sites.put, queue_from_description(queue_description(name, SITE, ENDPOINT)), "test")
        await store.close()
        if not lacking:
            self.piloted = await in_thread(
                self.shell("oidc").type, "prun", "--exec", "./hello.sh prun > out.txt; cp out.txt h1.txt", "--outputs",
                "out.txt,h*.txt", "--noBuild", "--outDS", "user.alice.piloted", "--site", PILOTED)
            self._pilot = PilotProcess(self._settings(await in_thread(prepare_pilot, PILOTS)))
            await self._pilot.start(reactor)

    async def end(self) -> None:
        """Nothing of the pilot is left."""
        if self._pilot is not None:
            self._pilot.kill()
            await self._pilot.finished

    def place(self, lfn: str) -> Path:
        """Where an output lies."""
        found = path_of(self.sandbox.storage, FileName("user.alice", lfn))
        assert found is not None
        return found

    def _settings(self, source: Path) -> PilotSettings:
        sandbox, server = self.sandbox, self.sandbox.config.server
        return PilotSettings(
            source=source, workdir=sandbox.directory / "pilot-prun", queue=PILOTED, tls_port=server.tls_port,
            http_port=server.http_port, proxy_file=sandbox.pki.proxy("pilot"), ca_dir=sandbox.pki.ca_directory,
            storage_root=sandbox.storage, host=HOST, node="prunnode", lifetime_s=50)


@pytest.fixture(scope="module")
def stand(sandbox: Sandbox, open_directory: Path) -> Iterator[Stand]:
    """The pilot works while the tests run."""
    made = Stand(sandbox, open_directory / "prun")
    try:
        blockon(Deferred.fromCoroutine(made.begin()))
        yield made
    finally:
        blockon(Deferred.fromCoroutine(made.end()))


@pytest.fixture(scope="module", params=["oidc", pytest.param("voms", marks=needs_voms)])
def shell(request: pytest.FixtureRequest, stand: Stand) -> Shell:
    """Alice's."""
    return stand.shell(request.param)


def name_of(shell: Shell, what: str) -> str:
    """An output dataset."""
    return f"user.alice.{shell.way}.{what}"


def prun(shell: Shell, what: str, *more: str) -> Typed:
    """A task that no pilot comes for."""
    return shell.type("prun", "--exec", "./hello.sh me > out.txt", "--outputs", "out.txt", "--outDS", name_of(shell, what),
                      "--site", IDLE, *more)


def packed(shell: Shell, what: str) -> Path:
    """A copy of what prun uploaded."""
    return shell.folder.parent / f"{shell.way}-{what}.tar.gz"


@pytest.fixture(scope="module")
def sent(shell: Shell) -> Mapping[str, Typed]:
    """A task without a build and one with, by the names of what is uploaded for each; and another one without."""
    return {what: prun(shell, what, *kind, "--outTarBall", str(packed(shell, what))) for what, kind in KINDS.items()}


def archive_of(stand: Stand, shell: Shell, task: int) -> str:
    """What it was submitted with."""
    parameters = stand.client(shell.way).get("task/get_task_parameters", task_id=task)
    found = re.search(r"(?:jobO|sources)\.[0-9a-f-]+\.tar\.gz", str(parameters))
    assert found is not None, parameters
    return found[0]


def fetched(stand: Stand, name: str) -> bytes:
    """As a payload fetches it: with no identity."""
    with urllib.request.urlopen(f"http://{HOST}:{stand.sandbox.config.server.http_port}/cache/{name}") as response:
        content: bytes = response.read()
    return content


async def ended(stand: Stand, way: str, task: int) -> str:
    """How a task ends, when it does."""
    async def status() -> str:
        found: str = await in_thread(stand.client(way).get, "task/get_status", task_id=task)
        return found if found in ENDED else ""

    return await until(status, f"task {task} to end")


def jobs_of(stand: Stand, way: str, task: int) -> list[dict[str, Any]]:
    """All jobs that were made of a task."""
    client = stand.client(way)
    ids = client.get("task/get_job_ids", task_id=task)
    return [] if not ids else list(client.post("job/get_description", job_ids=ids))


@pytest.mark.parametrize(("what", "label"), [("jobO", "user"), ("sources", "panda")])
@ensureDeferred
async def test_submitted(stand: Stand, shell: Shell, sent: Mapping[str, Typed], what: str, label: str) -> None:
    """prun gives a task id that pbook takes for one; what it packed is what payloads fetch; and jobs are made: without a build
    those of the user, with one the build first."""
    task = sent[what].task
    assert sent[what].exit_code == 0 and task >= FIRST_TASK, sent[what]
    name = await in_thread(archive_of, stand, shell, task)
    # Unpacked, since prun names an archive in its header but uploads one only if nothing of the same content is there already.
    assert name.startswith(f"{what}.") and decompress(fetched(stand, name)) == decompress(packed(shell, what).read_bytes())

    (job,) = await until(lambda: in_thread(jobs_of, stand, shell.way, task), "jobs to be made")
    assert (job["prodSourceLabel"], job["jediTaskID"]) == (label, task)


def test_uploaded_once(stand: Stand, shell: Shell, sent: Mapping[str, Typed]) -> None:
    """What did not change since the last prun is not uploaded again."""
    assert sent["again"].exit_code == 0 and len({each.task for each in sent.values()}) == len(sent)
    assert archive_of(stand, shell, sent["again"].task) == archive_of(stand, shell, sent["jobO"].task)


@once
def test_the_same_name_twice(shell: Shell, sent: Mapping[str, Typed]) -> None:
    """Another task under the name of one that is under way is refused in PanDA's words; the same one, sent again by somebody who
    did not see the answer, is not stored twice."""
    task = sent["jobO"].task
    assert prun(shell, "jobO", *KINDS["jobO"]).task == task
    other = prun(shell, "jobO", *KINDS["jobO"], "--nJobs", "3")
    assert other.exit_code != 0
    assert re.search(rf"jediTaskID={task} is in the \w+ state for outDS={name_of(shell, 'jobO')}", other.said), other


@pytest.mark.parametrize("verb", ["kill", "finish"])
def test_bob_may_not(stand: Stand, shell: Shell, sent: Mapping[str, Typed], verb: str) -> None:
    """Nobody else steers a task, whatever credential he comes with; he is told so, and for whom he is taken. The task goes on."""
    task, way = sent["jobO"].task, "oidc" if verb == "kill" or no_voms else "voms"
    answered = stand.shell(way, "bob").type("pbook", verb, str(task))
    assert f"task {task} is steered by its owner" in answered.said and re.search(r"you are \S*bob", answered.said), answered
    assert stand.client(shell.way).get("task/get_status", task_id=task) not in ENDED


@ensureDeferred
async def test_pbook(stand: Stand, shell: Shell, sent: Mapping[str, Typed]) -> None:
    """pbook shows a task among others and alone, kills it, and says what cannot be done with it then; another one it finishes."""
    one, other = sent["jobO"].task, sent["sources"].task
    shown = await in_thread(shell.type, "pbook", "show")
    assert shown.exit_code == 0 and str(one) in shown.said and str(other) in shown.said, shown
    shown = await in_thread(shell.type, "pbook", "show", str(one), "format=long")
    assert name_of(shell, "jobO") in shown.said and str(other) not in shown.said, shown
    killed = await in_thread(shell.type, "pbook", "kill", str(one))
    assert f"jediTaskID={one} will be killed" in killed.said, killed

    assert await ended(stand, shell.way, one) == "aborted"
    retried = await in_thread(shell.type, "pbook", "retry", str(one))
    assert f"jediTaskID={one} is in the aborted state" in retried.said, retried
    finished = await in_thread(shell.type, "pbook", "finish", str(other))
    assert f"jediTaskID={other} will be finished soon" in finished.said, finished


@once
@ensureDeferred
async def test_retry(stand: Stand, shell: Shell, sent: Mapping[str, Typed]) -> None:
    """A task whose job was lost is failed; pbook sets it going once more, and it gets a new job."""
    task = sent["again"].task
    (lost,) = await until(lambda: in_thread(jobs_of, stand, shell.way, task), "a job")
    await in_thread(stand.client(shell.way).post, "job/kill", job_ids=[lost["PandaID"]])
    assert await ended(stand, shell.way, task) == "failed"
    retried = await in_thread(shell.type, "pbook", "retry", str(task))
    assert retried.exit_code == 0 and f"{task} is set going" in retried.said, retried

    async def more() -> bool:
        return len(await in_thread(jobs_of, stand, shell.way, task)) > 1

    await until(more, "a new job")


def test_not_in_his_name(stand: Stand) -> None:
    """prun lets nobody submit into somebody else's datasets: it goes by the name that the credential has."""
    answered = stand.shell("oidc", "bob").type(
        "prun", "--exec", "true", "--noBuild", "--outDS", "user.alice.bobs", "--site", IDLE)
    assert answered.exit_code != 0 and "user.bob" in answered.said, answered


def test_the_page(stand: Stand) -> None:
    """What the page tells a newcomer to type works as it stands there."""
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "prun.md").read_text("utf-8")
    lines = page.partition("```sh\n")[2].partition("```")[0].replace("DIR", str(stand.sandbox.directory))
    shown = stand.shell("oidc").lines(lines)
    assert shown.exit_code == 0 and f"{shown.task}" in shown.said.partition("PBook user: Alice Example")[2], shown


@pytest.mark.skipif(bool(lacking), reason="; ".join(lacking))
@ensureDeferred
async def test_run_to_its_end(stand: Stand) -> None:
    """A real pilot fetches what was uploaded, runs the command, and stores its outputs under the names of the task: job finished,
    task done."""
    assert stand.piloted.exit_code == 0, stand.piloted
    task = stand.piloted.task
    assert await ended(stand, "oidc", task) == "done"
    (job,) = await in_thread(jobs_of, stand, "oidc", task)
    assert job["jobStatus"] == "finished", job
    outputs = {file["lfn"]: file for file in job["Files"] if file["type"] == "output"}
    (text,) = [lfn for lfn in outputs if lfn.endswith(".out.txt")]
    assert str(task) in text and stand.place(text).read_text() == "hello from prun\n"
    assert any(lfn.endswith(".tgz") and stand.place(lfn).stat().st_size for lfn in outputs)
    shown = await in_thread(stand.shell("oidc").type, "pbook", "show", str(task))
    assert "done" in shown.said and "100%" in shown.said, shown
