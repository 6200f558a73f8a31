"""A real daemon under a manager that speaks systemd's protocols: what it tells, what it keeps open, how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

import codewatch
from console.test_local import Wire
from faults.manager import ManagedDaemon, Notes, _listening
from faults.stand import CONFIG, ENDPOINT
from pytest_twisted import async_yield_fixture, ensureDeferred
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from pandad.cli.exitcodes import AWAY
from pandad.config import DatabaseConfig
from pandad.embedded.daemon import environment_of_pandad
from pandad.embedded.pki import SANDBOX_USERS, SandboxPki

LIMIT_S = 30
STOP_LIMIT_S = 10.0
WATCHDOG_S = 0.6


class Managed:
    """The daemon, and what its manager has of it."""

    def __init__(self, folder: Path, dsn: str, pki: SandboxPki) -> None:
        self.folder, self.config_file = folder, folder / "pandad.toml"
        self.sockets = {name: _listening() for name in ("tls", "http")}
        self.console = folder / "c"
        (folder / "storage").mkdir()
        self.text = CONFIG.safe_substitute(
            directory=folder, dsn=dsn, database="", pilot=SANDBOX_USERS["pilot"], endpoint=ENDPOINT, sent_lease_s=3,
            loop_lease_s=2, tls_port=self.port("tls"), http_port=self.port("http"))
        self.text = self.text.replace(f"{folder}/pki", str(pki.directory)).replace('socket = ""', f'socket = "{self.console}"')
        self.config_file.write_text(self.text, "utf-8")
        self.notes = Notes(folder / "notify")
        environment = {"WATCHDOG_USEC": str(int(WATCHDOG_S * 1e6)), "JOURNAL_STREAM": "8:1"}
        self.daemon = ManagedDaemon(reactor, self.config_file, folder / "log", self.sockets, self.notes, environment)

    def port(self, name: str) -> int:
        """Where its clients go."""
        number: int = self.sockets[name].getsockname()[1]
        return number

    def ask(self, path: str = "/readyz", headers: Mapping[str, str] | None = None) -> HTTPResponse:
        """An answer on a connection of its own, read to its end."""
        link = HTTPConnection("127.0.0.1", self.port("http"), timeout=LIMIT_S)
        link.request("GET", path, headers=dict(headers or {}))
        answer = link.getresponse()
        answer.read()
        return answer

    def say(self, *words: str) -> tuple[int, str]:
        """``pandad console``: exit code, and what it printed."""
        command = [sys.executable, "-m", "pandad.cli", "console", "--config", str(self.config_file), *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False,
                              env=environment_of_pandad())
        return done.returncode, done.stdout + done.stderr

    async def told(self, wanted: Callable[[list[str]], object]) -> list[str]:
        """What the daemon told, once it is that."""
        for _ in range(int(LIMIT_S / 0.05)):
            if wanted(self.notes.lines):
                return self.notes.lines
            await later(0.05)
        raise AssertionError(self.notes.lines)

    def logged(self) -> list[dict[str, Any]]:
        """The lines of its log, without what the journal takes off."""
        lines = self.daemon.log_file.read_text("utf-8").splitlines()
        return [json.loads(line[3:]) for line in lines if line.startswith("<")]


def later(delay_s: float) -> Awaitable[None]:
    """A real pause: the daemon is a real process."""
    return deferLater(reactor, delay_s)


@async_yield_fixture
async def managed(database: DatabaseConfig, pki: SandboxPki, tmp_path: Path) -> AsyncIterator[Managed]:
    """Ready."""
    made = Managed(tmp_path, database.dsn, pki)
    await made.daemon.start()
    yield made
    await made.daemon.stop()
    made.notes.close()
    for each in made.sockets.values():
        each.close()


@ensureDeferred
async def test_a_life_under_a_manager(managed: Managed) -> None:
    """Ready once it works; signs of life; a reload that says when it began and that it is over, with what is wrong; a goodbye."""
    lines = await managed.told(lambda lines: lines.count("WATCHDOG=1") >= 3)
    assert "STATUS=works" in lines
    assert (await deferToThread(managed.ask)).status == 200

    managed.config_file.write_text(managed.text.replace("wait_s = 3", "wait_s = 4") + '[log]\nlevel = "debug"\n', "utf-8")
    managed.notes.clear()
    assert managed.daemon.pid is not None
    os.kill(managed.daemon.pid, signal.SIGHUP)
    lines = await managed.told(lambda lines: "READY=1" in lines)
    assert lines.index("RELOADING=1") < lines.index("READY=1")
    assert next(line for line in lines if line.startswith("MONOTONIC_USEC=")).partition("=")[2].isdigit()
    assert "STATUS=reloaded, but for the configuration: see the log" in lines
    assert any("changes in [database] need a restart" in line["message"] for line in managed.logged())

    managed.notes.clear()
    await managed.daemon.stop()
    assert "STOPPING=1" in managed.notes.lines


ISSUER = """
[tokens.issuers.iam]
issuer = "https://127.0.0.1:1/"
vo = "atlas"
audience = ["pandad"]
"""


@ensureDeferred
async def test_settings_that_take_effect_at_once(managed: Managed) -> None:
    """After SIGHUP other limits, roles and issuers are in force, and the audit says which; a connection that is open stays so. A
    file with a mistake changes nothing, and the log names its line."""
    link = HTTPConnection("127.0.0.1", managed.port("http"), timeout=LIMIT_S)

    def asked() -> int:
        link.request("GET", "/server/panda/getStatus?ids=1")
        answer = link.getresponse()
        answer.read()
        return answer.status

    async def reread(text: str) -> list[str]:
        managed.config_file.write_text(text, "utf-8")
        managed.notes.clear()
        assert managed.daemon.pid is not None
        os.kill(managed.daemon.pid, signal.SIGHUP)
        return await managed.told(lambda lines: "READY=1" in lines)

    def answers() -> list[int]:
        return [asked() for _ in range(3)]

    assert await deferToThread(answers) == [200] * 3
    tight = managed.text.replace('pilot = ["', 'pilot = ["/CN=other pilot", "') + "[limits]\ncalls_burst = 1\ncalls_per_s = 0.1\n"
    assert "STATUS=reloaded" in await reread(tight + ISSUER)
    assert await deferToThread(answers) == [200, 429, 429]
    assert "STATUS=reloaded, but for the configuration: see the log" in await reread(managed.text + "[limits]\ncalls_burst = 0\n")
    assert await deferToThread(asked) == 429
    assert any("limits.calls_burst: is 0; write a number" in line["message"] for line in managed.logged())
    assert "STATUS=reloaded" in await reread(managed.text)
    assert await deferToThread(answers) == [200] * 3
    link.close()
    _, said = await deferToThread(managed.say, "audit", "most=9")
    for change in ("limits.calls_burst: 20000 -> 1", "limits.calls_burst: 1 -> 20000", "identity.pilot: + /CN=other pilot",
                   "tokens.issuers.iam is new", "tokens.issuers.iam is gone"):
        assert change in said, said


@ensureDeferred
async def test_a_restart_refuses_nobody(managed: Managed) -> None:
    """On a connection that is kept, the next answer says that it is the last one, and the stop is quick; who comes while no
    daemon is there waits for the next one, and is answered."""
    link = HTTPConnection("127.0.0.1", managed.port("http"), timeout=LIMIT_S)

    def ask() -> str | None:
        link.request("GET", "/healthz")
        answer = link.getresponse()
        assert (answer.status, answer.read()) == (200, b"ok\n")
        return answer.getheader("connection")

    assert await deferToThread(ask) is None
    stopped = Deferred.fromCoroutine(managed.daemon.stop())
    await managed.told(lambda lines: "STOPPING=1" in lines)
    assert await deferToThread(ask) == "close"
    began = reactor.seconds()
    await stopped
    assert reactor.seconds() - began < STOP_LIMIT_S

    asked = deferToThread(managed.ask, "/healthz")
    await later(0.2)
    assert not asked.called
    await managed.daemon.start()
    assert (await asked).status == 200


@ensureDeferred
async def test_the_console_of_a_daemon(managed: Managed) -> None:
    """One line by its command: text, JSON, and an exit code; no daemon is said in a sentence."""
    code, said = await deferToThread(managed.say, "loop", "run", "watcher")
    assert code == 0 and said.startswith("a round of watcher took"), said
    code, said = await deferToThread(managed.say, "--json", "status")
    assert code == 0 and json.loads(said)["ready"] is True
    assert await deferToThread(managed.say, "drain", "NOWHERE", "reason=a bad disk") == (1, "there is no queue NOWHERE\n")
    code, said = await deferToThread(managed.say, "audit", "most=3")
    assert "drain NOWHERE 'reason=a bad disk'" in said
    code, said = await deferToThread(managed.say, "reload")
    assert (code, said) == (0, "all was read again\n")
    await calls_are_named(managed)
    await managed.daemon.stop()
    code, said = await deferToThread(managed.say, "status")
    assert code == AWAY and "no daemon at" in said and "Traceback" not in said


@ensureDeferred
async def test_the_watch_is_in_the_daemon(managed: Managed) -> None:
    """Code that comes from outside is found in a daemon too: as at its own Python prompt, which is the one place for it."""
    await managed.daemon.stop()
    managed.config_file.write_text(managed.text.replace("[console]", "[console]\npython = true"), "utf-8")
    await managed.daemon.start()
    watch = Path(os.environ["PANDAD_CODEWATCH"])
    assert codewatch.found_in_processes(watch) == []
    wire = await deferToThread(Wire, managed.console)
    try:
        await wire.heard()
        assert (await wire.said(line="python"))["good"]
        assert (await wire.said(line="6 * 7"))["text"] == "42"
    finally:
        wire.close()
    found = codewatch.found_in_processes(watch)
    assert {each.split(" ")[0] for each in found} == {"compile", "exec"}
    assert all("code" in each and f"pandad --config {managed.config_file}" in each for each in found)


async def calls_are_named(managed: Managed) -> None:
    """A client's own id comes back, one that is not sane is replaced; lines of the log have id and identity where they can."""
    answer = await deferToThread(managed.ask, "/healthz", {"X-Request-Id": "client-7"})
    assert answer.getheader("x-request-id") == "client-7"
    answer = await deferToThread(managed.ask, "/healthz", {"X-Request-Id": "*/ DROP"})
    assert answer.getheader("x-request-id") not in (None, "*/ DROP")
    assert all({"time", "level", "logger", "message"} <= set(line) for line in managed.logged())
    (line,) = [line for line in managed.logged() if line["message"].startswith("console: ") and "'status'" in line["message"]]
    assert line["request"] and line["identity"]
