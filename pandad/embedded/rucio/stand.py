"""A Rucio server as a child process: made, started, stopped and started again at the same address."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import ssl
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThreadPool

from pandad.embedded.postgres import EmbeddedPostgres
from pandad.embedded.process import LAUNCH, Child
from pandad.embedded.rucio import admin as admins
from pandad.embedded.rucio import agent
from pandad.embedded.rucio.admin import Admin
from pandad.embedded.rucio.settings import ACCOUNT, USER, Settings
from pandad.spec.errors import PandadError

DATABASE = "rucio"
BOOTSTRAP = Path(__file__).with_name("bootstrap.py")
CHORES = Path(__file__).with_name("chores.py")
TLS_FRONT = Path(__file__).with_name("tlsfront.py")
APPLICATION = "rucio.web.rest.flaskapi.v1.main:application"
LISTENING_FD = 3
START_LIMIT_S = 120.0
STOP_LIMIT_S = 10.0
POLL_S = 0.1
LOG_TAIL_LINES = 20
HERMES_S = 2  # between two times that it looks for news
CHORES_S = 2  # between two rounds of the daemons that look after rules and datasets
PACKAGES = Path(__file__).parents[3]  # where pandad is imported from


class RucioError(PandadError):
    """The server did not come up; the text has the end of its log."""


class RucioStand:
    """One Rucio below `directory`, with a database of its own in `postgres`, which runs already.

    :param python: of `install.prepare_rucio`.
    :param x509_identity: a DN that is also its account's. :param issuer: of tokens that count; "" is none.
    """

    def __init__(self, reactor: Any, directory: Path, postgres: EmbeddedPostgres, python: Path,
                 x509_identity: str = "/CN=nobody", issuer: str = "") -> None:
        self._reactor, self._home, self._postgres, self._python = reactor, directory.absolute(), postgres, python
        self._x509_identity, self._issuer = x509_identity, issuer
        self._port = 0
        self._has_tables = False  # and accounts, in its database
        self._child: Child | None = None
        self._tls_child: Child | None = None
        self._daemons: list[Child] = []
        self.account, self.user = ACCOUNT, USER

    @property
    def url(self) -> str:
        """Its address; known once started, and the same after every restart."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def log_file(self) -> Path:
        return self._home / "server.log"

    @property
    def password_file(self) -> Path:
        return self._home / "password"

    @property
    def storage(self) -> Path:
        """The folder of its endpoints' folders."""
        return self._home / "storage"

    @property
    def dsn(self) -> str:
        """Of its database, in libpq's words."""
        return self._postgres.dsn_of(DATABASE)

    async def start(self) -> None:
        """Return when it answers.

        :raise RucioError: it does not come up; nothing is left running.
        """
        self._home.mkdir(parents=True, exist_ok=True)
        await self._postgres.create_database(DATABASE)
        with socket.create_server(("127.0.0.1", self._port)) as listener:  # its port is known before it runs, and nobody takes it
            self._port = listener.getsockname()[1]
            self._settings().write(self._python)
            if not self._has_tables:
                await self._run_to_end([str(BOOTSTRAP)])
                self._has_tables = True
            self._child = self._serve(listener, APPLICATION)
        await self._answering(self._child, self.url)

    async def start_tls(self, host_certificate: Path, host_key: Path, ca_file: Path) -> str:
        """A second front of the same Rucio, with https, that knows by certificate or proxy who calls; its address.

        :raise RucioError: it does not come up.
        """
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self._tls_child = self._serve(
                listener, "--certfile", str(host_certificate), "--keyfile", str(host_key), "--ca-certs", str(ca_file),
                "--cert-reqs", str(int(ssl.CERT_OPTIONAL)), "--config", str(TLS_FRONT), "--pythonpath", str(TLS_FRONT.parent),
                f"{TLS_FRONT.stem}:application")
            url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        await self._answering(self._tls_child, url)
        return url

    def _serve(self, listener: socket.socket, *arguments: str) -> Child:
        command = ["-m", "gunicorn", "--bind", f"fd://{LISTENING_FD}", "--workers", "1", "--threads", "4",
                   "--worker-tmp-dir", str(self._home), "--no-control-socket", *arguments]
        return self._spawn(command, {LISTENING_FD: listener.fileno()})

    async def tell(self, endpoint: str, user: str, password: str) -> None:
        """Have Rucio's hermes post what happened to rules since it did so last, as to an Elasticsearch, and return when it has.

        :raise RucioError: it did not come to its end.
        """
        settings = self._settings()
        settings.write_hermes(endpoint, user, password)
        await self._run_to_end([str(self._python.with_name("rucio-hermes")), "--run-once"], settings.hermes_file)

    def follow(self, endpoint: str, user: str, password: str, ca_file: Path) -> None:
        """From now on have files moved as rules demand (agent.py), rules and datasets looked after (chores.py), and have hermes
        do as in `tell` every HERMES_S."""
        settings = self._settings()
        settings.write_hermes(endpoint, user, password)
        hermes = [str(self._python.with_name("rucio-hermes")), "--sleep-time", str(HERMES_S)]
        mover = ["-m", agent.__name__, self.url, self.account, self.user, str(self.password_file), "--retry-stuck"]
        self._daemons += [self._spawn(hermes, {}, settings.hermes_file, REQUESTS_CA_BUNDLE=str(ca_file)),
                          self._spawn([str(CHORES), str(CHORES_S)], {}),
                          self._spawn(mover, {}, None, Path(sys.executable), PYTHONPATH=str(PACKAGES))]

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Return when it is gone. SIGKILL: as a fault would."""
        for child in (*self._daemons, self._child, self._tls_child):
            if child is not None and child.ending is None:
                await self._end(child, number)

    async def _end(self, child: Child, number: signal.Signals) -> None:
        _signal(child, number)
        insist = self._reactor.callLater(STOP_LIMIT_S, _signal, child, signal.SIGKILL)
        await child.ended()
        if insist.active():
            insist.cancel()

    def password(self) -> str:
        """Of its account; made by the first call."""
        if not self.password_file.exists():
            self.password_file.touch(mode=0o600)
            self.password_file.write_text(secrets.token_hex(16), "utf-8")
        return self.password_file.read_text("utf-8")

    def admin(self) -> Admin:
        """A hand on it. Blocks."""
        return Admin(self.url, self.account, self.user, self.password())

    async def furnish(self, endpoints: Sequence[str], scopes: Sequence[str]) -> None:
        """Make endpoints and scopes that are not there yet."""
        await self.in_thread(lambda: admins.furnish(self.admin(), self.storage, endpoints, scopes, self.account))

    async def in_thread(self, job: Any) -> Any:
        """What blocks must not stop the reactor."""
        return await deferToThreadPool(self._reactor, self._reactor.getThreadPool(), job)

    def _settings(self) -> Settings:
        database = self._postgres.url_of(DATABASE, "postgresql+psycopg")
        return Settings(self._home, self.url, database, self.password(), self._x509_identity, self._issuer)

    async def _run_to_end(self, arguments: Sequence[str], config: Path | None = None) -> None:
        child = self._spawn(arguments, {}, config)
        ending = await child.ended()
        if child.exit_code != 0:
            raise RucioError(f"{Path(arguments[0]).stem} of Rucio failed: {ending}\n{self._tail()}")

    async def _answering(self, child: Child, url: str) -> None:
        deadline = self._reactor.seconds() + START_LIMIT_S
        while not await self.in_thread(lambda: admins.answers(url)):
            if child.ending is None and self._reactor.seconds() > deadline:
                await self._end(child, signal.SIGKILL)
            if child.ending is not None:
                raise RucioError(f"Rucio did not start: {child.ending}\n{self._tail()}")
            await deferLater(self._reactor, POLL_S)

    def _spawn(self, arguments: Sequence[str], fds: dict[int, int], config: Path | None = None, python: Path | None = None,
               **more: str) -> Child:
        """It ends with this process, and sees nothing of its environment."""
        environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": str(self._home), "RUCIO_HOME": str(self._home),
                       "RUCIO_CONFIG": str(config or self._settings().config_file), "PYTHONUNBUFFERED": "1",
                       **more}
        launch = ["-I", "-S", str(LAUNCH), str(os.getpid()), str(int(signal.SIGTERM)), "-", "-", str(self._home)]
        child = Child()
        log = os.open(self.log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            self._reactor.spawnProcess(child, sys.executable, [sys.executable, *launch, str(python or self._python), *arguments],
                                       env=environment, childFDs={0: "w", 1: log, 2: log, **fds})
        finally:
            os.close(log)
        return child

    def _tail(self) -> str:
        lines = self.log_file.read_text("utf-8", "replace").splitlines()[-LOG_TAIL_LINES:]
        return "\n".join(f"  {line}" for line in lines)


def _signal(child: Child, number: signal.Signals) -> None:
    """To it and to what it started: a worker of gunicorn's outlives it, and goes on to answer."""
    with suppress(ProcessLookupError):
        if child.ending is None:
            os.killpg(child.pid, number)
