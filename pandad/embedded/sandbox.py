"""A whole PanDA below one directory, on loopback only: database, certificates, queue, storage, daemon; to play and to test."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from twisted.internet.threads import deferToThreadPool

from pandad.config import Config, load
from pandad.embedded import clientenv, payload
from pandad.embedded.containment import contained_account
from pandad.embedded.daemon import DaemonProcess
from pandad.embedded.issuer import Issuer
from pandad.embedded.pilotsettings import PAYLOAD_BASE_URL, queue_description
from pandad.embedded.pki import SANDBOX_USERS, SANDBOX_VO, SandboxPki, make_sandbox_pki
from pandad.embedded.postgres import EmbeddedPostgres
from pandad.embedded.rucio.surroundings import Surroundings
from pandad.embedded.tokens import auth_config
from pandad.spec.errors import NotFound
from pandad.spec.site import queue_from_description
from pandad.taskbuffer import migrate, sites, vault
from pandad.taskbuffer.store import Store, Transaction

HOST = "localhost"
INTERFACE = "127.0.0.1"
USUAL_PORTS = (25443, 25080)
QUEUE = "SANDBOX"
SITE = "SANDBOX_SITE"
ENDPOINT = "SANDBOX_DISK"
HELLO = """#!/bin/sh
# The payload of the sandbox: write the input to the output in capital letters, then end with the exit code asked for.
# usage: hello.sh INPUT OUTPUT [EXIT_CODE]
tr '[:lower:]' '[:upper:]' < "$1" > "$2" && exit "${3:-0}"
"""


class Sandbox:
    """One sandbox. Data stay below `directory` between runs; everything else is made anew when it is missing."""

    def __init__(self, reactor: Any, directory: Path, ports: tuple[int, int] = USUAL_PORTS, rucio: Path | None = None) -> None:
        self._reactor, self.directory, self._wished_ports = reactor, directory.absolute(), ports
        self.postgres = EmbeddedPostgres(reactor, self.directory / "postgres")
        self.rucio = Surroundings(reactor, self.directory / "rucio", self.postgres, rucio, SANDBOX_USERS["prod"], ENDPOINT) \
            if rucio is not None else None
        self.daemon: DaemonProcess
        self.issuer: Issuer
        self.pki: SandboxPki
        self.config: Config

    @property
    def storage(self) -> Path:
        """Where the files of ENDPOINT lie."""
        return self.directory / "storage" if self.rucio is None else self.rucio.storage

    @property
    def config_file(self) -> Path:
        """The daemon's configuration."""
        return self.directory / "pandad.toml"

    @property
    def ready_file(self) -> Path:
        """Exists while the sandbox is ready."""
        return self.directory / "ready"

    @property
    def log_file(self) -> Path:
        """What the daemon says."""
        return self.directory / "log" / "pandad.log"

    async def start(self) -> None:
        """Return when the daemon is ready, `env.sh` is there and `ready` exists.

        :raise PostgresError, DaemonError: with the end of the log. Nothing is left running then.
        """
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def _start(self) -> None:
        self.directory.mkdir(mode=0o755, parents=True, exist_ok=True)
        self.ready_file.unlink(missing_ok=True)
        await self.postgres.start()
        self.pki = await deferToThreadPool(
            self._reactor, self._reactor.getThreadPool(), _make_pki, self.directory / "pki")
        self._make_directories()
        self._start_issuer()
        if self.rucio is not None:
            await self.rucio.start()
        self._write_config()
        self.config = load(self.config_file)
        await self._prepare_database()
        self.daemon = DaemonProcess(self._reactor, self.config_file, self.config.server.http_port, self.log_file)
        await self.daemon.start()
        if self.rucio is not None:
            self.rucio.follow(f"https://{HOST}:{self.config.server.tls_port}/ddm/callback", self.pki.ca_file)
        clientenv.write(self.directory, self.environment())
        self.ready_file.touch()

    async def stop(self) -> None:
        """Return when daemon and database are gone."""
        self.ready_file.unlink(missing_ok=True)
        if hasattr(self, "daemon"):
            await self.daemon.stop()
        if hasattr(self, "issuer"):
            await self.issuer.stop()
        if self.rucio is not None:
            await self.rucio.stop()
        await self.postgres.stop()

    def environment(self) -> Mapping[str, str]:
        """What a client needs to talk to this sandbox as user alice; panda-client runs with it unattended."""
        tls = f"https://{HOST}:{self.config.server.tls_port}/server/panda"
        return {
            "PANDA_URL": f"http://{HOST}:{self.config.server.http_port}/server/panda",
            "PANDA_URL_SSL": tls,
            "PANDACACHE_URL": tls,
            "X509_CERT_DIR": str(self.pki.ca_directory),
            "X509_VOMS_DIR": str(self.pki.vomsdir),
            "X509_USER_PROXY": str(self.pki.proxy("alice")),
            "PANDAD_PKI": str(self.pki.directory),
            "PANDAD_DSN": self.config.database.dsn,
            "PANDAD_CONFIG": str(self.config_file),
            # panda-client: no VOMS, no question on a terminal, no shuffling of host names
            "PANDA_AUTH": "x509_no_grid",
            # and with PANDA_AUTH=oidc
            "PANDA_AUTH_VO": SANDBOX_VO,
            "PANDA_NICKNAME": "alice",
            "PANDA_BEHIND_REAL_LB": "1",
            "PANDA_CONFIG_ROOT": str(self.directory / "client"),
        }

    def _make_directories(self) -> None:
        for name in ("storage", "rucio" if self.rucio else "storage", "trf/user", "cache", "log", "client", "auth"):
            (self.directory / name).mkdir(mode=0o755, parents=True, exist_ok=True)
        vault.make(self.directory / "secrets.key")
        account = contained_account()
        if account.drop:  # pilots write there, and as root they are another account
            os.chown(self.directory / "storage", account.uid, account.gid)
        wrapper = Path(payload.__file__).read_text("utf-8")
        for name, text in (("hello.sh", HELLO), ("runGen-00-00-02", wrapper), ("buildGen-00-00-01", wrapper)):
            script = self.directory / "trf" / "user" / name
            script.write_text(text, "utf-8")
            script.chmod(0o755)

    def _start_issuer(self) -> None:
        """On the port it had before, which is in the names of its tokens; unless that is taken."""
        file = self.directory / "auth" / f"{SANDBOX_VO}_auth_config.json"
        before = urlsplit(json.loads(file.read_bytes())["oidc_config_url"]).port if file.exists() else 0
        port, _ = free_ports((before or 0, 0))
        self.issuer = Issuer(self._reactor, self.directory / "issuer", time.time, port)
        self.issuer.start()
        self.issuer.write_tokens(self.pki.directory)
        file.write_text(json.dumps(auth_config(self.issuer.url)), "utf-8")

    def _write_config(self) -> None:
        """New settings for what this start decides; ports stay as they were, so that clients find the sandbox again."""
        before = load(self.config_file, on_this_host=False).server if self.config_file.exists() else None
        wished = (before.tls_port, before.http_port) if before else self._wished_ports
        tls_port, http_port = free_ports(wished)
        users = {name: f'"{dn}"' for name, dn in SANDBOX_USERS.items()}
        draft = CONFIG.format(
            interface=INTERFACE, tls_port=tls_port, http_port=http_port, dsn=_toml(self.postgres.dsn), directory=self.directory,
            scripts=PAYLOAD_BASE_URL.removesuffix("/trf/user/"), console=_short(self.directory / "console"),
            pilot=users["pilot"], production=users["prod"], vo=SANDBOX_VO,
            backend="local" if self.rucio is None else "rucio", endpoint=ENDPOINT)
        if self.rucio is not None:
            draft += self.rucio.config()
        self.config_file.write_text(draft, "utf-8")

    async def _prepare_database(self) -> None:
        store = Store(self._reactor, self.config.database)
        try:
            await store.transact("upgrade", migrate.upgrade)
            await store.transact("sandbox_queue", ensure_queue)
        finally:
            await store.close()


CONFIG = """# Made by `pandad sandbox` at each start. Stop the sandbox before you change the ports; the rest is written anew.
[server]
interface = "{interface}"
tls_port = {tls_port}
http_port = {http_port}

[tls]
host_certificate = "{directory}/pki/hostcert.pem"
host_key = "{directory}/pki/hostkey.pem"
ca_directory = "{directory}/pki/certificates"
vomsdir = "{directory}/pki/vomsdir"

[database]
dsn = {dsn}

[identity]
pilot = [{pilot}]
production = [{production}]
vos = ["{vo}"]

[tokens]
auth_config_directory = "{directory}/auth"

[secrets]
key_file = "{directory}/secrets.key"

[console]
socket = "{console}"

[files]
trf_directory = "{directory}/trf"

[cache]
folder = "{directory}/cache"

[jedi]
wn_script_base_url = "{scripts}"

[dataservice]
backend = "{backend}"
missing_retry_s = 5

[dataservice.endpoints]
{endpoint} = "{directory}/storage"
"""


LONGEST_SOCKET = 100  # unix(7): the path of a socket has at most 107 bytes


def _short(path: Path) -> str:
    """The path, or "" where no socket can be."""
    return str(path) if len(os.fsencode(path)) <= LONGEST_SOCKET else ""


def _make_pki(directory: Path) -> SandboxPki:
    from pandad.embedded.voms import make_sandbox_voms  # asn1crypto comes with what a sandbox needs, not with pandad

    pki = make_sandbox_pki(directory)
    make_sandbox_voms(pki, datetime.now(UTC))
    return pki


def free_ports(wished: tuple[int, int]) -> tuple[int, int]:
    """The wished ports, each replaced by a free one if it is taken (or 0)."""
    with closing(socket.socket()) as first, closing(socket.socket()) as second:
        return _bound(first, wished[0]), _bound(second, wished[1])


def _bound(probe: socket.socket, wished: int) -> int:
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    with suppress(OSError):
        probe.bind((INTERFACE, wished))
        return int(probe.getsockname()[1])
    probe.bind((INTERFACE, 0))
    return int(probe.getsockname()[1])


async def ensure_queue(txn: Transaction) -> None:
    """The sandbox's own queue, if it is not there; one that was changed stays as it is."""
    try:
        await sites.find(txn, QUEUE)
    except NotFound:
        await sites.put(txn, queue_from_description(queue_description(QUEUE, SITE, ENDPOINT)), "sandbox")


def _toml(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
