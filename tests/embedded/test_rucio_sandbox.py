"""A sandbox with a Rucio: a job whose input is far away is activated by nobody's doing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_twisted import blockon, ensureDeferred
from ruciostand import OPTION
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from pandad.cli.client import connect, submission
from pandad.cli.description import jobs_of
from pandad.cli.job import accepted
from pandad.dataservice.ddm import FileName
from pandad.dataservice.local import path_of
from pandad.embedded.rucio.install import RucioUnavailable, prepare_rucio
from pandad.embedded.rucio.surroundings import CONTENT, FAR, SAMPLE
from pandad.embedded.sandbox import ENDPOINT, Sandbox
from pandad.spec.jobstatus import JobStatus
from pandad.tomlsource import Source

pytestmark = pytest.mark.rucio
LIMIT_S, POLL_S = 120, 0.5
JOB = f"""
[[jobs]]
transformation = "hello.sh"
inputs = [{{ lfn = "{SAMPLE}", scope = "user.alice" }}]
"""


@pytest.fixture
def sandbox(request: pytest.FixtureRequest, open_directory: Path) -> Iterator[Sandbox]:
    """Ready."""
    try:
        prepare_rucio(Path(request.config.getoption(OPTION)))
    except RucioUnavailable as error:
        pytest.skip(f"no real Rucio here: {error.reason}")
    made = Sandbox(reactor, open_directory / "rucio-sandbox", (0, 0), Path(request.config.getoption(OPTION)))
    blockon(Deferred.fromCoroutine(made.start()))
    yield made
    blockon(Deferred.fromCoroutine(made.stop()))


@ensureDeferred
async def test_input_comes_by_itself(sandbox: Sandbox) -> None:
    """Submitted, brokered to the queue that has not got it, moved by the agent, told by hermes; why says so on the way."""
    client = connect(sandbox.environment())
    jobs = jobs_of(Source(JOB, "job.toml"), scope="user.alice", run="x")
    (row,) = await deferToThread(lambda: accepted(jobs, client.post("job/submit", jobs=submission(jobs))))
    panda_id = row["PandaID"]
    reasons: set[str] = set()
    for _ in range(int(LIMIT_S / POLL_S)):
        said: Any = await deferToThread(lambda: client.get("job/why", job_id=panda_id))
        reasons.add(said["reason"])
        if said["jobStatus"] == JobStatus.ACTIVATED:
            break
        await deferLater(reactor, POLL_S)
    log = sandbox.log_file.read_text()[-3000:]
    assert said["jobStatus"] == JobStatus.ACTIVATED, (said["summary"], log)
    assert reasons & {"input-sent-for", "input-moves"}, reasons
    path = path_of(sandbox.storage, FileName("user.alice", SAMPLE))
    assert path is not None and path.read_bytes() == CONTENT and FAR != ENDPOINT
