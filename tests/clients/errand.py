"""A real pilot with a credential of the test's choice, and a job for nobody else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from clients.demos import PILOTS
from clients.test_panda_client import submitted
from clients.user import User
from clients.waiting import in_thread, reactor, until
from pandad.dataservice.ddm import FileName
from pandad.dataservice.local import path_of
from pandad.embedded.pilot import PAYLOAD_BASE_URL, PilotProcess, PilotSettings, prepare_pilot, queue_description
from pandad.embedded.sandbox import ENDPOINT, HOST, SITE, Sandbox
from pandad.embedded.tokens import PEOPLE
from pandad.spec.site import queue_from_description
from pandad.taskbuffer import sites
from pandad.taskbuffer.store import Store

SCOPE = "user.alice"


class Errand:
    """A job of alice's that only a pilot at a queue of its own can do, and that pilot.

    :param name: of the job. :param token: of that user of the sandbox, for the server; None: it gets the proxy file.
    """

    def __init__(self, sandbox: Sandbox, user: User, name: str, proxy_file: Path, token: str | None = None) -> None:
        self.sandbox, self._user, self.name = sandbox, user, name
        self._proxy_file, self._token = proxy_file, token
        self._queue = f"QUEUE_{name}"
        self.panda_id = 0
        self._pilot: PilotProcess | None = None

    async def begin(self) -> None:
        store = Store(reactor, self.sandbox.config.database)
        queue = queue_from_description(queue_description(self._queue, SITE, ENDPOINT))
        await store.transact("test_queue", sites.put, queue, "test")
        await store.close()
        self.place(f"{self.name}.in").parent.mkdir(parents=True, exist_ok=True)
        self.place(f"{self.name}.in").write_text(f"by {self.name}\n")
        (self.panda_id,) = await in_thread(submitted, self._user, self._job())
        self._pilot = PilotProcess(self._settings(await in_thread(prepare_pilot, PILOTS)))
        await self._pilot.start(reactor)

    async def dismiss(self) -> None:
        """Nothing of the pilot is left afterwards."""
        if self._pilot is not None:
            self._pilot.kill()
            await self._pilot.finished

    @property
    def output(self) -> str:
        """What the payload wrote: the input in capitals."""
        return self.place(f"{self.name}.out").read_text()

    async def ended(self) -> dict[str, Any]:
        """The job, when it has come to an end."""
        async def job() -> dict[str, Any] | None:
            (found,) = await in_thread(self._user.data, "full_status", ids=[self.panda_id])
            return found if found["jobStatus"] in ("finished", "failed") else None

        found = await until(job, "the job to end")
        assert found is not None
        return found

    def place(self, lfn: str) -> Path:
        """Where a file of the job lies, or would lie."""
        found = path_of(self.sandbox.storage, FileName(SCOPE, lfn))
        assert found is not None
        return found

    def _job(self) -> dict[str, Any]:
        name, dataset = self.name, f"user.alice.{self.name}"
        there = {"scope": SCOPE, "dataset": dataset, "destinationDBlock": dataset, "destinationSE": ENDPOINT}
        return {"jobName": name, "transformation": f"{PAYLOAD_BASE_URL}hello.sh", "prodSourceLabel": "user",
                "computingSite": self._queue, "jobParameters": f"{name}.in {name}.out", "minRamCount": 100, "maxWalltime": 600,
                "Files": [{"type": "input", "lfn": f"{name}.in", "scope": SCOPE, "dataset": dataset},
                          {"type": "output", "lfn": f"{name}.out", **there}, {"type": "log", "lfn": f"{name}.log.tgz", **there}]}

    def _settings(self, source: Path) -> PilotSettings:
        sandbox, server = self.sandbox, self.sandbox.config.server
        return PilotSettings(
            source=source, workdir=sandbox.directory / f"pilot-{self.name}", queue=self._queue, tls_port=server.tls_port,
            http_port=server.http_port, proxy_file=self._proxy_file, ca_dir=sandbox.pki.ca_directory,
            storage_root=sandbox.storage, token_file=sandbox.pki.token(self._token) if self._token else None,
            token_origin=PEOPLE[self._token].origin if self._token else "", host=HOST, node=f"{self.name}node", lifetime_s=50)
