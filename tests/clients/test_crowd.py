"""The daemon among too many clients, and among clients that keep it busy with nothing."""

from __future__ import annotations

import json
import re
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from pytest_twisted import async_yield_fixture, blockon, ensureDeferred
from twisted.internet.defer import Deferred

from clients.conftest import started_sandbox
from clients.twistd import Daemon, environment
from clients.user import User, user_of
from clients.waiting import in_thread, until
from pandad.embedded.sandbox import HOST, QUEUE, Sandbox

MOST_OPEN = 60  # connections of one address
SLOW = 300
FLOODING = 4
LIMITS = f"""[limits]
connections_per_address = {MOST_OPEN}
calls_per_s = 1000000
calls_burst = 1000000
lag_s = 0.05

"""


@pytest.fixture(scope="module")
def narrow(open_directory: Path) -> Iterator[Sandbox]:
    """A sandbox whose own daemon has been stopped, with low limits."""
    for made in started_sandbox(open_directory / "narrow"):
        blockon(Deferred.fromCoroutine(made.daemon.stop()))
        made.config_file.write_text(LIMITS + made.config_file.read_text())
        yield made


@async_yield_fixture
async def daemon(narrow: Sandbox) -> AsyncIterator[Daemon]:
    """A daemon that is ready."""
    started = Daemon(narrow)

    async def good() -> bool:
        assert started.lives, "the daemon ended"
        return (await in_thread(started.ask, "/readyz")).status == 200

    await until(good, "readiness")
    yield started
    if started.lives:
        started.end(signal.SIGKILL)


@pytest.fixture
def alice(narrow: Sandbox) -> User:
    """Somebody with jobs."""
    return user_of(narrow, narrow.pki.proxy("alice"))


async def acquired(daemon: Daemon, alice: User) -> dict[str, object]:
    """A job in a pilot's hands: what its reports begin with."""
    job = {"jobName": "a", "transformation": "x.sh", "prodSourceLabel": "user", "computingSite": QUEUE}
    await in_thread(alice.data, "submit", jobs=[job])

    async def one() -> dict[str, object] | None:
        answer = await in_thread(daemon.tell, "getJob", siteName=QUEUE, prodSourceLabel="user", node="n1", diskSpace=10000)
        got = json.loads(answer.text)
        return got if got["StatusCode"] == 0 else None

    got = await until(one, "a job")
    assert got is not None
    return {"jobId": got["PandaID"], "attemptNr": got["attemptNr"], "node": "n1", "siteName": QUEUE}


async def metric(daemon: Daemon, name: str) -> float:
    """A number of /metrics; 0 if it is not there yet."""
    text = (await in_thread(daemon.ask, "/metrics")).text
    found = re.search(rf"^pandad_{re.escape(name)} (\S+)", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


@ensureDeferred
async def test_no_port_beyond_the_two(daemon: Daemon) -> None:
    """By default nothing else listens: not another port, not on UDP, and of sockets only the console, for this user alone."""
    process = Path(f"/proc/{daemon.pid}")
    sockets = {link.readlink().name for link in (process / "fd").iterdir() if link.is_symlink()}
    inodes = {found[1] for name in sockets if (found := re.fullmatch(r"socket:\[(\d+)\]", name))}
    listening = [row for table in ("tcp", "tcp6") for row in rows(process, table) if row[3] == "0A" and row[9] in inodes]
    assert len(listening) == 2
    assert [row for table in ("udp", "udp6", "raw", "raw6") for row in rows(process, table) if row[9] in inodes] == []
    (console,) = [row[7] for row in rows(process, "unix") if row[6] in inodes and row[3] == "00010000"]
    assert stat.S_IMODE(Path(console).stat().st_mode) == 0o600


def rows(process: Path, table: str) -> list[list[str]]:
    """Of a table of sockets of the kernel (proc(5))."""
    path = process / "net" / table
    return [line.split() for line in path.read_text().splitlines()[1:]] if path.exists() else []


@ensureDeferred
async def test_slow_clients(narrow: Sandbox, daemon: Daemon, alice: User) -> None:
    """While several times as many slow connections come as may be open, all from the pilot's own address, its calls succeed."""
    update = await acquired(daemon, alice)
    server = narrow.config.server
    words = {
        server.http_port: [b"", b"GET /server/panda/isAlive HTTP/1.1\r\nx-slow: ", b"GET"],
        server.tls_port: [b"", b"\x16\x03\x01\x02\x00\x01"],
    }
    slow: list[socket.socket] = []
    for number in range(SLOW):
        port = (server.http_port, server.tls_port)[number % 2]
        slow.append(await in_thread(socket.create_connection, (HOST, port)))
        slow[-1].send(words[port][number // 2 % len(words[port])])
        if number % 60 == 59:
            assert (await in_thread(daemon.tell, "updateJob", **update, state="running")).status == 200
    assert (await in_thread(daemon.tell, "updateJob", **update, state="finished")).status == 200
    assert await metric(daemon, 'connections_total{fate="displaced"}') > SLOW / 2
    for each in slow:
        each.close()


@ensureDeferred
async def test_more_than_it_can_bear(narrow: Sandbox, daemon: Daemon, alice: User) -> None:
    """Under more calls than it can answer it puts calls off, and says so; a pilot's last word is stored, one that asks for work
    is answered in its protocol; and when the flood is over, nothing is put off any more."""
    update = await acquired(daemon, alice)
    words = [sys.executable, "-m", "clients.flood", str(narrow.config.server.http_port), str(FLOODING)]
    path = {**environment(), "PYTHONPATH": str(Path(__file__).parent.parent)}
    flood = subprocess.Popen(words, env=path)
    try:
        async def pressed() -> bool:
            return await metric(daemon, 'calls_put_off_total{urgency="list"}') > 0

        await until(pressed, "overload")
        no_job = await in_thread(daemon.tell, "getJob", siteName=QUEUE, prodSourceLabel="user", node="n1", diskSpace=10000)
        assert no_job.status == 200 and json.loads(no_job.text)["StatusCode"] in (0, 20)
        stored = await in_thread(daemon.tell, "updateJob", **update, state="finished")
        assert (stored.status, json.loads(stored.text)["StatusCode"]) == (200, 0)
        assert flood.poll() is None
    finally:
        flood.kill()
        flood.wait()

    async def relieved() -> bool:
        return await metric(daemon, "load_level") == 0

    await until(relieved, "relief")
    assert (await in_thread(daemon.ask, "/server/panda/isAlive")).text == "alive=yes"
