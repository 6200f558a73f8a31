"""A sandbox with a Rucio: a job's input comes from far away, a real pilot reads it, and the output goes home, all by itself."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from clients.demos import PILOTS
from clients.shell import Shell
from docs.blocks import REPOSITORY, read
from pytest_twisted import blockon, ensureDeferred
from ruciokills.kills import kills
from ruciokills.points import some
from ruciooutage.outage import Plan, QuickSandbox, outage
from ruciostand import OPTION
from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from pandad.cli.client import Client, connect
from pandad.cli.description import jobs_of
from pandad.cli.jobsubmit import accepted
from pandad.cli.submission import submission
from pandad.dataservice.ddm import FileName
from pandad.dataservice.local import path_of
from pandad.embedded.pilot import PAYLOAD_BASE_URL, PilotProcess, PilotSettings, missing_requirements, prepare_pilot
from pandad.embedded.rucio.admin import RestError
from pandad.embedded.rucio.install import RucioUnavailable, prepare_rucio
from pandad.embedded.rucio.surroundings import CONTENT, DATASET, FAR, INSIDE, SAMPLE
from pandad.embedded.sandbox import ENDPOINT, HOST, QUEUE, Sandbox
from pandad.spec.jobstatus import FINAL, JobStatus
from pandad.spec.reason import Reason
from pandad.tomlsource import Source

pytestmark = pytest.mark.rucio
lacking = missing_requirements()
LIMIT_S, POLL_S = 120, 0.5
SEED = 6
OUTPUT = FileName("user.alice", "far.out")
JOB = f"""
[[jobs]]
transformation = "{PAYLOAD_BASE_URL}hello.sh"
arguments = "{SAMPLE} {OUTPUT.lfn}"
inputs = [{{ lfn = "{SAMPLE}", scope = "user.alice" }}]
outputs = [{{ lfn = "{OUTPUT.lfn}", scope = "user.alice" }}]
"""
ENDED = frozenset(FINAL)


class HastySandbox(QuickSandbox):
    """One that does not wait long before it asks again."""

    more = "errand_retry_s = 1\nerrand_retry_max_s = 3\n"

    def _write_config(self) -> None:
        super()._write_config()
        with self.config_file.open("a", encoding="utf-8") as file:
            file.write("\n[loops]\ncloser_s = 2\n")


@pytest.fixture(scope="module")
def sandbox(request: pytest.FixtureRequest, open_directory: Path) -> Iterator[Sandbox]:
    """Ready."""
    try:
        prepare_rucio(Path(request.config.getoption(OPTION)))
    except RucioUnavailable as error:
        pytest.skip(f"no real Rucio here: {error.reason}")
    made = HastySandbox(reactor, open_directory / "rucio-sandbox", (0, 0), Path(request.config.getoption(OPTION)))
    blockon(Deferred.fromCoroutine(made.start()))
    yield made
    blockon(Deferred.fromCoroutine(made.stop()))


class OfTask:
    """A task of prun, as its owner sees it, and its datasets at Rucio."""

    def __init__(self, sandbox: Sandbox, number: int) -> None:
        assert sandbox.rucio is not None
        self._stand, self._number = sandbox.rucio.stand, number
        self._client = connect({**sandbox.environment(), "PANDA_AUTH": "oidc",
                                "PANDA_AUTH_ID_TOKEN": sandbox.pki.token("alice").read_text()})

    async def status(self, wanted: Container[str]) -> str:
        """Its state, when it is one of these."""
        try:
            return await _until(lambda: str(self._client.get("task/get_status", task_id=self._number)), wanted)
        except AssertionError as error:
            why = [await deferToThread(lambda i: self._client.get("job/why", job_id=i)["summary"], job["PandaID"])
                   for job in await self.jobs()]
            raise AssertionError(error, why) from None

    async def jobs(self) -> list[dict[str, Any]]:
        """All of them."""
        ids = await deferToThread(lambda: self._client.get("task/get_job_ids", task_id=self._number))
        return list(await deferToThread(lambda: self._client.post("job/get_description", job_ids=ids)))

    async def activated(self) -> None:
        """Return when its jobs wait for pilots alone."""
        def states() -> str:
            ids = self._client.get("task/get_job_ids", task_id=self._number)
            return ",".join({job["jobStatus"] for job in self._client.post("job/get_description", job_ids=ids)})

        await _until(states, {JobStatus.ACTIVATED})

    async def inside(self, container: str) -> list[tuple[str, list[str]]]:
        """The datasets of a container, and their files."""
        def asked() -> list[tuple[str, list[str]]]:
            admin = self._stand.admin()
            return [(each["name"], [file["name"] for file in admin.lines("GET", f"/dids/user.alice/{each['name']}/files")])
                    for each in admin.lines("GET", f"/dids/user.alice/{container}/dids")]

        return await deferToThread(asked)

    async def closed(self, dataset: str) -> None:
        """Return when it is."""
        await _until(lambda: str(self._stand.admin().call("GET", f"/dids/user.alice/{dataset}")["open"]), {"False"})


async def _until(ask: Callable[[], str], wanted: Container[str]) -> str:
    said = ""
    for _ in range(int(LIMIT_S / POLL_S)):
        said = await deferToThread(ask)
        if said in wanted:
            return said
        await deferLater(reactor, POLL_S)
    raise AssertionError(said)


async def _settings(sandbox: Sandbox, workdir: str) -> PilotSettings:
    """Of a pilot for its queue."""
    return PilotSettings(
        source=await deferToThread(prepare_pilot, PILOTS), workdir=sandbox.directory / workdir, queue=QUEUE, host=HOST,
        tls_port=sandbox.config.server.tls_port, http_port=sandbox.config.server.http_port,
        proxy_file=sandbox.pki.proxy("pilot"), ca_dir=sandbox.pki.ca_directory, storage_root=sandbox.storage)


class Sent:
    """The job, as its owner sees it. ``reasons``: all that `why` gave."""

    def __init__(self, client: Client) -> None:
        self._client, self.reasons = client, set[str]()
        jobs = jobs_of(Source(JOB, "job.toml"), scope="user.alice", run="x")
        for file in jobs[0].outputs:
            file.destinationSE = FAR
        (row,) = accepted(jobs, client.post("job/submit", jobs=submission(jobs)))
        self.panda_id: int = row["PandaID"]

    async def until(self, wanted: Container[str]) -> str:
        """Its state, when it is one of these."""
        for _ in range(int(LIMIT_S / POLL_S)):
            said: Any = await deferToThread(lambda: self._client.get("job/why", job_id=self.panda_id))
            self.reasons.add(said["reason"])
            if said["jobStatus"] in wanted:
                return str(said["jobStatus"])
            await deferLater(reactor, POLL_S)
        raise AssertionError(said["summary"])


@ensureDeferred
async def test_there_and_back(sandbox: Sandbox) -> None:
    """Brokered to the queue that has not got the input; moved by the agent, told by hermes, activated; run by the real pilot; the
    output registered, moved to where it is wanted, with what the payload made of the input; `why` says so on the way."""
    job = await deferToThread(lambda: Sent(connect(sandbox.environment())))
    await job.until({JobStatus.ACTIVATED})
    assert job.reasons & {Reason.INPUT_WANTED, Reason.INPUT_MOVES}
    path = path_of(sandbox.storage, FileName("user.alice", SAMPLE))
    assert path is not None and path.read_bytes() == CONTENT
    if lacking:
        pytest.skip("no pilot can be run here safely: " + "; ".join(lacking))
    pilot = PilotProcess(await _settings(sandbox, "pilot"))
    await pilot.start(reactor)
    try:
        assert await job.until(ENDED) == JobStatus.FINISHED
    finally:
        pilot.kill()
        await DeferredList([pilot.finished], consumeErrors=True)
    home = path_of(sandbox.storage.parent / FAR, OUTPUT)
    assert home is not None and home.read_bytes() == CONTENT.upper()


@ensureDeferred
async def test_rules_and_datasets_are_looked_after(sandbox: Sandbox) -> None:
    """As at a real site, by Rucio's own daemons: a rule brings what comes into its dataset later; a dataset that was erased goes,
    and its rule."""
    assert sandbox.rucio is not None
    admin = await deferToThread(sandbox.rucio.stand.admin)
    grows, rule = "/dids/user.alice/user.alice.grows", {
        "dids": [{"scope": "user.alice", "name": "user.alice.grows"}], "copies": 1, "rse_expression": ENDPOINT, "account": "root",
        "activity": "Analysis Output", "lifetime": None}
    sample = {"scope": "user.alice", "name": SAMPLE}

    def call(method: str, path: str, body: object = None) -> Deferred[Any]:
        return deferToThread(lambda: admin.call(method, path, body))

    await call("POST", grows, {"type": "DATASET"})
    (rule_id,) = await call("POST", "/rules/", rule)
    await call("POST", "/dids/attachments", {
        "attachments": [{"scope": "user.alice", "name": "user.alice.grows", "dids": [sample]}]})
    await _until(lambda: str(admin.call("GET", f"/rules/{rule_id}")["locks_ok_cnt"]), {"1"})
    path = path_of(sandbox.storage, FileName("user.alice", SAMPLE))
    assert path is not None and path.read_bytes() == CONTENT
    await call("POST", f"{grows}/meta/lifetime", {"value": 0})
    search = "/dids/user.alice/dids/search?type=dataset&name=user.alice.grows"
    await _until(lambda: str(admin.lines("GET", search)), {"[]"})
    with pytest.raises(RestError, match="RuleNotFound"):
        await call("GET", f"/rules/{rule_id}")


@ensureDeferred
async def test_prun_with_input(sandbox: Sandbox, open_directory: Path) -> None:
    """What the page tells a newcomer to type: prun with a dataset whose files are far away. Its job waits until they have come by
    a rule, the real pilot runs it, the output is in the dataset of the task in the container that prun names, which is closed,
    and the task is done."""
    folder = open_directory / "prun-with-input"
    folder.mkdir()
    shell = Shell(sandbox, "oidc", folder)
    (block,) = [b for b in read(REPOSITORY / "docs/how-to/prun.md").blocks if b.notes.get("not run") == "needs Rucio"]
    typed = await deferToThread(shell.lines, block.text.replace("DIR", str(sandbox.directory)))
    assert typed.exit_code == 0, typed
    task = OfTask(sandbox, typed.task)
    assert await task.status({"running"}) == "running"
    await task.activated()
    for lfn, content in INSIDE.items():
        near = path_of(sandbox.storage, FileName("user.alice", lfn))
        assert near is not None and near.read_bytes() == content
    if lacking:
        pytest.skip("no pilot can be run here safely: " + "; ".join(lacking))
    pilot = PilotProcess(await _settings(sandbox, "pilot-prun"))
    await pilot.start(reactor)
    try:
        assert await task.status({"done", "finished", "failed", "broken"}) == "done"
    finally:
        pilot.kill()
        await DeferredList([pilot.finished], consumeErrors=True)
    ((job,),) = [await task.jobs()]
    assert {(f["lfn"], f["prodDBlock"]) for f in job["Files"] if f["type"] == "input"} == {
        (lfn, f"user.alice:{DATASET}") for lfn in INSIDE}
    written = await task.inside("user.alice.read_out.txt")
    assert [name for name, _ in written] == [f"user.alice.read_out.txt.{typed.task}"]
    ((lfn,),) = [lfns for _, lfns in written]
    path = path_of(sandbox.storage, FileName("user.alice", lfn))
    assert path is not None and path.read_bytes() == b"".join(INSIDE.values())
    ((_, logs),) = await task.inside("user.alice.read.log")
    assert logs == [f["lfn"] for f in job["Files"] if f["type"] == "log"]
    await task.closed(f"user.alice.read_out.txt.{typed.task}")


@ensureDeferred
async def test_rucio_goes_away_and_comes_back(sandbox: Sandbox) -> None:
    """Killed amid work, away for some seconds, back: the daemon is ready and answers pilots all the time, every job finishes
    after one attempt, every file was moved once and is there, no dataset or rule is doubled. (For minutes: tests.ruciooutage.)"""
    plan = Plan(12, before_s=6, away_s=15, limit_s=LIMIT_S, pilots=4, run_s=6, closing=False)
    figures, flaws = await outage(reactor, sandbox, plan)
    assert (flaws, figures["while_away"]["readyz_calls"] > 5) == ([], True)


@ensureDeferred
async def test_killed_between_rucio_and_the_commit(sandbox: Sandbox, request: pytest.FixtureRequest) -> None:
    """The daemon is killed (SIGKILL) before, after or amid an exchange, and started again, so often: every job finishes after one
    attempt, every file was moved once and is there, every dataset is closed, no dataset or rule is doubled."""
    points = some(request.config.getoption("--kills"), Random(SEED))
    figures, flaws = await kills(reactor, sandbox, points)
    assert (flaws, figures["kills"]) == ([], len(points))
