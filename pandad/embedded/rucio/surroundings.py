"""A Rucio with all that belongs to it, for a sandbox: the server, who moves the files, and who tells pandad of it."""

from __future__ import annotations

import os
import secrets
import zlib
from pathlib import Path
from typing import Any

from twisted.internet.threads import deferToThreadPool

from pandad.embedded.containment import contained_account
from pandad.embedded.postgres import EmbeddedPostgres
from pandad.embedded.rucio.admin import Admin
from pandad.embedded.rucio.agent import Transfer, path_of
from pandad.embedded.rucio.install import prepare_rucio
from pandad.embedded.rucio.stand import RucioStand

FAR = "FAR_DISK"
SCOPES = ("panda", "user.alice", "user.bob")
SAMPLE, CONTENT = "hello.txt", b"hello from far away\n"
DATASET, INSIDE = "user.alice.greetings", {"greeting.1.txt": b"hello\n", "greeting.2.txt": b"from far away\n"}
HERMES = "hermes"

CONFIG = """
[dataservice.rucio]
url = "{url}"
account = "{account}"
username = "{user}"
password_file = "{password_file}"
endpoints_s = 10
callback_user = "{hermes}"
callback_password_file = "{callback_file}"
"""


class Surroundings:
    """All of it below `directory`. ``near``: the endpoint of the sandbox's queue; FAR has files and no queue."""

    def __init__(self, reactor: Any, directory: Path, postgres: EmbeddedPostgres, cache: Path, identity: str, near: str) -> None:
        self._reactor, self._home, self._postgres, self._cache = reactor, directory, postgres, cache
        self._identity, self._near = identity, near
        self.stand: RucioStand  # once started

    @property
    def storage(self) -> Path:
        """The folder of the near endpoint."""
        return self._home / "storage" / self._near

    @property
    def url(self) -> str:
        """Of the server."""
        return self.stand.url

    @property
    def log_file(self) -> Path:
        """What its programs say."""
        return self.stand.log_file

    @property
    def _callback_file(self) -> Path:
        return self._home / "callback-password"

    async def start(self) -> None:
        """Return when the server answers, with endpoints, scopes and files. The first time it is installed, which takes minutes.

        :raise RucioUnavailable: it is not to be had. :raise RucioError: it does not come up.
        """
        python = await self._in_thread(lambda: prepare_rucio(self._cache))
        self.stand = RucioStand(self._reactor, self._home, self._postgres, python, self._identity)
        await self.stand.start()
        await self.stand.furnish([self._near, FAR], SCOPES)
        await self._in_thread(lambda: self._fill(self.stand.admin()))

    def config(self) -> str:
        """The daemon's settings for it."""
        if not self._callback_file.exists():
            self._callback_file.touch(mode=0o600)
            self._callback_file.write_text(secrets.token_hex(16), "utf-8")
        stand = self.stand
        return CONFIG.format(url=stand.url, account=stand.account, user=stand.user, password_file=stand.password_file,
                             hermes=HERMES, callback_file=self._callback_file)

    def follow(self, callback: str, ca_file: Path) -> None:
        """From now on files are moved, and pandad is told at that address."""
        self.stand.follow(callback, HERMES, self._callback_file.read_text("utf-8"), ca_file)

    async def stop(self) -> None:
        """Return when all of it is gone."""
        if hasattr(self, "stand"):
            await self.stand.stop()

    def _fill(self, admin: Admin) -> None:
        """Files far away; and the near folder is a pilot's to write to, who may be another account."""
        for name, content in {SAMPLE: CONTENT, **INSIDE}.items():
            entry = {"scope": SCOPES[1], "name": name, "bytes": len(content), "adler32": f"{zlib.adler32(content):08x}"}
            admin.ensure("POST", "/replicas", {"rse": FAR, "files": [entry]})
            path = path_of(admin, Transfer(SCOPES[1], name, FAR))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        admin.ensure("POST", f"/dids/{SCOPES[1]}/{DATASET}", {"type": "DATASET"})
        inside = {"scope": SCOPES[1], "name": DATASET, "dids": [{"scope": SCOPES[1], "name": name} for name in INSIDE]}
        admin.call("POST", "/dids/attachments", {"attachments": [inside], "ignore_duplicate": True})
        account = contained_account()
        if account.drop:
            os.chown(self.storage, account.uid, account.gid)

    async def _in_thread(self, job: Any) -> Any:
        return await deferToThreadPool(self._reactor, self._reactor.getThreadPool(), job)
