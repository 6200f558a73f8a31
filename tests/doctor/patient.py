"""An installation that is well, to be made ill: a sandbox that runs, with a configuration and a database of the test's own."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stages import Stage
from twisted.internet import reactor as installed
from twisted.internet.protocol import Factory, Protocol

from pandad.config import DatabaseConfig, LoopsConfig
from pandad.doctor.examination import EVERYTHING, Question, examine
from pandad.doctor.finding import Finding
from pandad.doctor.installation import Limits, installation
from pandad.doctor.look import Look
from pandad.embedded.sandbox import Sandbox, ensure_queue
from pandad.taskbuffer import migrate
from pandad.taskbuffer.pool import connect
from pandad.taskbuffer.store import Store

reactor: Any = installed
_numbers = itertools.count()
HEALTHY = "doctor_healthy"

NO_LEASE = ("lease_s", "alive_s", "rights_s", "traffic_s")
LOOPS = ", ".join(f"('{f.name.removesuffix('_s')}')" for f in fields(LoopsConfig) if f.name not in NO_LEASE)
AT_WORK = f"""
    INSERT INTO loop (name, holder, term, leaseuntil, started, finished, runs)
    SELECT name, 'here:1:abc', 1, now() + interval '1 day', now(), now() + interval '1 hour', 9 FROM (VALUES {LOOPS}) AS l (name);
    INSERT INTO alive (at, due) VALUES (now(), now() + interval '1 day')
    ON CONFLICT (one) DO UPDATE SET at = EXCLUDED.at, due = EXCLUDED.due"""


async def sql(dsn: str, *statements: str) -> list[tuple[Any, ...]]:
    """Run them one by one; the rows of the last."""
    link = await connect(reactor, DatabaseConfig(dsn=dsn), "doctor tests")
    try:
        rows: list[tuple[Any, ...]] = []
        for statement in statements:
            rows, _ = await link.execute(statement)
        return rows
    finally:
        link.close()


async def make_healthy(sandbox: Sandbox) -> None:
    """The database that those of the patients are copies of: a daemon is at work on it, as far as it shows."""
    await sandbox.postgres.create_database(HEALTHY)
    dsn = sandbox.postgres.dsn_of(HEALTHY)
    store = Store(reactor, DatabaseConfig(dsn=dsn))
    await store.transact("upgrade", migrate.upgrade)
    await store.transact("queue", ensure_queue)
    await store.close()
    await sql(dsn, AT_WORK)


class Patient:
    """One of them. What is done to it, `recover` undoes.

    ``differs``: fields of the installation, ``stricter``: of its limits, that are not as usual.
    """

    limits = Limits(answer_s=0.5)

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self.sandbox, self.folder = sandbox, folder
        self.text = sandbox.config_file.read_text()
        self.differs: dict[str, Any] = {}
        self.stricter: dict[str, Any] = {}
        self._undo: list[Callable[[], Awaitable[object]]] = []
        self._database: str | None = None

    def say(self, old: str, new: str) -> None:
        """Change the configuration."""
        assert self.text.count(old) == 1, (old, self.text)
        self.text = self.text.replace(old, new)

    def key(self, section: str, line: str) -> None:
        """Write a key into a section, which may be new."""
        header = f"[{section}]\n"
        self.text = self.text.replace(header, f"{header}{line}\n") if header in self.text else f"{self.text}\n{header}{line}\n"

    def dsn(self, dsn: str) -> None:
        """Have another database."""
        self.say(f'dsn = "{self.sandbox.postgres.dsn}"', f'dsn = "{dsn}"\nconnect_timeout_s = 0.5')

    def later(self, undo: Callable[[], Awaitable[object]]) -> None:
        """What is to be done when all is over; the last first."""
        self._undo.append(undo)

    async def database(self, template: str = HEALTHY, more: str = "") -> str:
        """Have one of its own; the DSN."""
        name = f"doctor_{next(_numbers)}"
        await sql(self.sandbox.postgres.dsn, f"CREATE DATABASE {name} TEMPLATE {template} {more}")
        self.later(lambda: sql(self.sandbox.postgres.dsn, f"DROP DATABASE {name} WITH (FORCE)"))
        dsn = self.sandbox.postgres.dsn_of(name)
        self.dsn(dsn)
        self._database = name
        return dsn

    async def sql(self, *statements: str) -> None:
        """Do that in a database of its own."""
        dsn = await self.database()
        await sql(dsn, *statements)

    async def stage(self) -> Stage:
        """Jobs in a database of its own."""
        store = Store(reactor, DatabaseConfig(dsn=await self.database()))
        self.later(store.close)
        return Stage(store)

    async def system(self, name: str, value: str) -> None:
        """Another setting of the whole server, in force at once."""
        await self._set(f"ALTER SYSTEM SET {name} = {value}", name, value.strip("'"))
        self.later(lambda: self._set(f"ALTER SYSTEM RESET {name}", name, None))

    async def _set(self, statement: str, name: str, wanted: str | None) -> None:
        dsn = self.sandbox.postgres.dsn
        (before,), = await sql(dsn, f"SELECT current_setting('{name}')")
        await sql(dsn, statement, "SELECT pg_reload_conf()")
        while True:  # the postmaster reads it when it gets to it
            (now,), = await sql(dsn, f"SELECT current_setting('{name}')")
            if now != before and wanted in (None, now):
                return

    async def role(self, name: str, options: str = "LOGIN") -> str:
        """An account of its own on a database of its own; the DSN."""
        dsn, name = await self.database(), f"{name}_{next(_numbers)}"
        await sql(dsn, f"CREATE ROLE {name} {options}")
        self.later(lambda: sql(self.sandbox.postgres.dsn, f"DROP ROLE {name}"))
        self.later(lambda: sql(dsn, f"DROP OWNED BY {name}"))
        mine = dsn.replace("user=pandad", f"user={name}")
        self.say(f'dsn = "{dsn}"', f'dsn = "{mine}"')
        return mine

    def door(self, answer: Callable[[bytes], bytes]) -> int:
        """A port of this host where everything is answered so; b"" is no answer."""
        factory = Factory.forProtocol(Answering)
        factory.answer = answer  # type: ignore[attr-defined]
        return self.listens(factory)

    def listens(self, factory: Any) -> int:
        """A port of this host."""
        port = reactor.listenTCP(0, factory, interface="127.0.0.1")

        async def close() -> None:
            await port.stopListening()

        self.later(close)
        number: int = port.getHost().port
        return number

    def web(self, **answers: str) -> int:
        """A web server: JSON by the end of the path, with 503 for those that begin with a minus."""
        def answer(request: bytes) -> bytes:
            path = request.split(b" ", 2)[1].decode() if request.count(b" ") > 1 else ""
            ends = path.strip("/").replace("-", "_").replace(".", "_")
            body = next((text for name, text in answers.items() if ends.endswith(name)), "")
            status = "200 OK" if body and not body.startswith("-") else "503 Not Now" if body else "404 Not Found"
            content = body.lstrip("-").encode()
            return f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {len(content)}\r\n\r\n".encode() + content

        return self.door(answer)

    def closed_port(self) -> int:
        """Where nobody listens."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            number: int = probe.getsockname()[1]
        return number

    def write(self) -> Path:
        """The file of its configuration; there may be a password in it."""
        file = self.folder / "pandad.toml"
        file.touch(0o600)
        file.write_text(self.text)
        return file

    async def findings(self, looks: Iterable[Look | Question] = EVERYTHING) -> list[Finding]:
        """What the doctor says."""
        seen, findings = installation(self.write(), datetime.now(UTC))
        assert seen is not None, findings
        limits = replace(self.limits, **self.stricter)
        seen = replace(seen, units=(self.folder,), limits=limits, **self.differs)
        return findings + await examine(reactor, seen, looks)

    async def recover(self) -> None:
        """As it was."""
        for undo in reversed(self._undo):
            await undo()


class Answering(Protocol):
    """Answers each message as its factory says, and hangs up."""

    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        answer = self.factory.answer(data)
        if answer:
            self.transport.write(answer)
            if answer != b"N":
                self.transport.loseConnection()
