"""The thing that is broken: one PostgreSQL with its safe settings, several daemons on it, certificates, a queue, a storage."""

from __future__ import annotations

import os
import shutil
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from string import Template
from typing import Any, ClassVar

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater

from pandad.config import DatabaseConfig
from pandad.embedded.daemon import DaemonProcess
from pandad.embedded.pilotsettings import queue_description
from pandad.embedded.pki import SANDBOX_USERS, SandboxPki, make_sandbox_pki
from pandad.embedded.postgres import EmbeddedPostgres
from pandad.embedded.sandbox import HOST, free_ports
from pandad.spec.site import queue_from_description
from pandad.taskbuffer import migrate, sites
from pandad.taskbuffer.store import Store

from .wire import Door

QUEUE, SITE, ENDPOINT = "FAULTS", "FAULTS_SITE", "FAULTS_DISK"
READY_LIMIT_S = 60.0
READY_POLL_S = 0.05

CONFIG = Template("""
[server]
interface = "127.0.0.1"
tls_port = $tls_port
http_port = $http_port
[tls]
host_certificate = "$directory/pki/hostcert.pem"
host_key = "$directory/pki/hostkey.pem"
ca_directory = "$directory/pki/certificates"
[database]
dsn = "$dsn"
wait_s = 3
$database
[console]
socket = ""
[identity]
pilot = ["$pilot"]
[timeouts]
sent_s = $sent_lease_s
[dataservice.endpoints]
$endpoint = "$directory/storage"
[history]
keep_s = 5
[loops]
brokerage_s = 0.5
activator_s = 0.5
adder_s = 0.5
watcher_s = 0.5
alive_s = 0.5
caps_s = 1
ageing_s = 1
historian_s = 1
queues_s = 0.5
cache_s = 0.5
brake_s = 0.5
rebrokerage_s = 0.5
audit_s = 0.5
tally_s = 0.5
tasks_s = 0.5
placements_s = 0.5
outbox_s = 0.5
finisher_s = 0.5
closer_s = 0.5
traffic_s = 0.5
rights_s = 0.5
lease_s = $loop_lease_s
""")


class NotReady(Exception):
    """A daemon did not come back."""


class Stand:
    """Everything below `directory`, which other accounts must be able to enter."""

    database_settings: ClassVar[str] = ""
    """More lines for [database]."""
    pki_age: ClassVar[timedelta] = timedelta()
    """How long all certificates are valid already."""

    def __init__(self, reactor: Any, directory: Path, daemons: int, *, fsync: bool = True, sent_lease_s: int = 3,
                 loop_lease_s: int = 2) -> None:
        self._reactor, self.directory, self._count = reactor, directory, daemons
        self._leases = {"sent_lease_s": sent_lease_s, "loop_lease_s": loop_lease_s}
        self.postgres = EmbeddedPostgres(reactor, directory / "postgres", settings={} if fsync else {"fsync": "off"})
        self.daemons: list[DaemonProcess] = []
        self.doors: list[tuple[str, int]] = []
        self.passive: list[Door] = []
        """The ports that only answer questions."""
        self.pki: SandboxPki

    @property
    def storage(self) -> Path:
        """Where pilots put their output."""
        return self.directory / "storage"

    @property
    def dsn(self) -> str:
        """How the daemons are told to reach the database."""
        return self.postgres.dsn

    @property
    def database(self) -> DatabaseConfig:
        """How to reach the database from beside."""
        return DatabaseConfig(dsn=self.postgres.dsn, wait_s=30)

    @property
    def logs(self) -> list[Path]:
        """What the daemons said."""
        return [daemon.log_file for daemon in self.daemons]

    def config_file(self, number: int = 0) -> Path:
        """The configuration of one daemon."""
        return self.directory / f"pandad{number}.toml"

    async def start(self) -> None:
        """Return when all daemons are ready."""
        for name in ("storage", "log"):
            (self.directory / name).mkdir(parents=True, exist_ok=True)
        await self.start_database()
        self.pki = make_sandbox_pki(self.directory / "pki", datetime.now(UTC) - self.pki_age)
        await self._prepare_database()
        for number in range(self._count):
            self._add_daemon(number)
        await gatherResults([Deferred.fromCoroutine(daemon.start()) for daemon in self.daemons])

    async def stop(self) -> None:
        """Return when nothing runs any more."""
        for daemon in self.daemons:
            await daemon.stop()
        await self.stop_database()

    def environment(self, number: int) -> Mapping[str, str]:
        """What one daemon has in its environment beside ours."""
        return {}

    async def start_database(self) -> None:
        """Return when there is an empty one."""
        await self.postgres.start()

    async def stop_database(self) -> None:
        """Return when it is gone."""
        await self.postgres.stop()

    def clear(self) -> None:
        """Remove all of it."""
        shutil.rmtree(self.directory, ignore_errors=True)

    async def ready(self, daemon: DaemonProcess) -> float:
        """Return when this daemon is ready: how long that took, s.

        :raise NotReady: with its own words.
        """
        began = self._reactor.seconds()
        while (complaint := await daemon.complaint()) is not None:
            if self._reactor.seconds() - began > READY_LIMIT_S:
                raise NotReady(f"{daemon.log_file.name}: {complaint}")
            await deferLater(self._reactor, READY_POLL_S)
        return float(self._reactor.seconds() - began)

    def credentials(self, user: str) -> ssl.SSLContext:
        """TLS as that user of the sandbox."""
        context = ssl.create_default_context(capath=str(self.pki.ca_directory))
        context.load_cert_chain(self.pki.proxy(user))
        return context

    def doors_for(self, user: str) -> list[Door]:
        """The TLS ports of all daemons, for that user."""
        context = self.credentials(user)
        return [Door(host, port, context) for host, port in self.doors]

    def _add_daemon(self, number: int) -> None:
        tls_port, http_port = free_ports((0, 0))
        self.config_file(number).write_text(CONFIG.substitute(self._words(), tls_port=tls_port, http_port=http_port), "utf-8")
        log_file = self.directory / "log" / f"pandad{number}.log"
        self.daemons.append(DaemonProcess(self._reactor, self.config_file(number), http_port, log_file, self.environment(number)))
        self.doors.append((HOST, tls_port))
        self.passive.append(Door(HOST, http_port))

    def _words(self) -> Mapping[str, object]:
        return {"directory": self.directory, "dsn": self.dsn, "database": self.database_settings,
                "pilot": SANDBOX_USERS["pilot"], "endpoint": ENDPOINT, **self._leases}

    async def _prepare_database(self) -> None:
        store = Store(self._reactor, self.database)
        try:
            await store.transact("upgrade", migrate.upgrade)
            queue = queue_from_description(queue_description(QUEUE, SITE, ENDPOINT))
            await store.transact("faults_queue", sites.put, queue, "faults")
        finally:
            await store.close()


def entered_by_others(directory: Path) -> Path:
    """The directory, made, and open: as root PostgreSQL runs as another account."""
    directory.mkdir(parents=True, exist_ok=True)
    os.chmod(directory, 0o755)
    return directory
