"""The daemon under twistd, as an operator meets it: the command line, signals, and what it says while its database is away."""

from __future__ import annotations

import json
import re
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import replace
from http.client import HTTPSConnection
from pathlib import Path

import psycopg2
import pytest
from pytest_twisted import async_yield_fixture, blockon, ensureDeferred
from twisted.internet import reactor
from twisted.internet.defer import Deferred

from clients.conftest import started_sandbox
from clients.twistd import Answer, Daemon, command, environment
from clients.twistd import daemon as daemon_command
from clients.user import User, user_of
from clients.waiting import in_thread, until
from pandad.embedded.pki import SANDBOX_USERS
from pandad.embedded.sandbox import QUEUE, Sandbox
from pandad.taskbuffer import migrate
from pandad.taskbuffer.store import Store

LIMIT_S = 60
HELP = """
import sys
from twisted.scripts.twistd import run
try:
    run()
finally:
    print("imported:", sorted(name for name in sys.modules if name.split(".")[0] in ("pandad", "klein", "txpostgres")))
"""


def run(words: list[str]) -> subprocess.CompletedProcess[str]:
    """A program that ends by itself."""
    return subprocess.run(words, capture_output=True, text=True, timeout=LIMIT_S, env=environment(), check=False)


def test_help_lists_it_without_importing_it() -> None:
    """`twistd --help` stays quick, and works, whatever is wrong with pandad."""
    python = command()[0]
    shown = run([python, "-c", HELP, "--help"])
    assert "pandad " in shown.stdout and "The PanDA server as one daemon." in shown.stdout
    assert shown.stdout.rstrip().endswith("imported: []")


def test_a_bad_configuration_is_refused(tmp_path: Path) -> None:
    """Each mistake is named with file and line and what to write instead; the exit code is 1 and nothing starts."""
    config = tmp_path / "pandad.toml"
    config.write_text('[server]\ntls_prot = 25443\nhttp_port = "25080"\n[tls]\nhost_key = "/nowhere/hostkey.pem"\n')
    refused = run(daemon_command(config))
    said = refused.stdout + refused.stderr
    assert refused.returncode == 1
    assert f"{config}:2: " in said and "did you mean tls_port?" in said
    assert f"{config}:3: " in said and "without quotes" in said
    assert f"{config}:5: " in said and "/nowhere/hostkey.pem" in said
    assert "Traceback" not in said


def test_a_missing_configuration_is_refused(tmp_path: Path) -> None:
    """Likewise a file that is not there."""
    refused = run(daemon_command(tmp_path / "nothing.toml"))
    assert refused.returncode == 1
    assert str(tmp_path / "nothing.toml") in refused.stdout + refused.stderr
    assert "Traceback" not in refused.stdout + refused.stderr


@pytest.fixture(scope="module")
def idle(open_directory: Path) -> Iterator[Sandbox]:
    """A sandbox whose own daemon has been stopped. Calls do not wait long for its database, so that an outage is a short test."""
    for made in started_sandbox(open_directory / "idle"):
        blockon(Deferred.fromCoroutine(made.daemon.stop()))
        made.config_file.write_text(made.config_file.read_text().replace("[database]", "[database]\nwait_s = 1"))
        yield made


def test_a_taken_port_is_said_in_one_line(idle: Sandbox, tmp_path: Path) -> None:
    """Who cannot listen says where, what to do, and ends."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        config = tmp_path / "pandad.toml"
        config.write_text(re.sub(r"tls_port = \d+", f"tls_port = {taken}", idle.config_file.read_text()))
        refused = run(daemon_command(config))
    said = refused.stdout + refused.stderr
    assert refused.returncode == 1
    assert f"127.0.0.1:{taken}" in said and "set another port in [server]" in said
    assert "Traceback" not in said


async def ready(daemon: Daemon) -> None:
    """Wait for it; a daemon that ended will never be."""

    async def good() -> bool:
        answer = await in_thread(daemon.ask, "/readyz")
        assert daemon.lives, "the daemon ended"
        return answer.status == 200

    await until(good, "readiness")


@async_yield_fixture
async def daemon(idle: Sandbox) -> AsyncIterator[Daemon]:
    """A daemon that is ready."""
    started = Daemon(idle)
    await ready(started)
    yield started
    if started.lives:
        started.end(signal.SIGKILL)


@ensureDeferred
async def test_an_upgrade_may_take_long(idle: Sandbox) -> None:
    """A migration is not held to statement_timeout_s: on a table of millions it would be given up and begun again for ever."""
    usual = idle.config_file.read_text()
    idle.config_file.write_text(usual.replace("[database]", "[database]\nstatement_timeout_s = 0.3"))
    with closing(psycopg2.connect(idle.config.database.dsn)) as beside, beside.cursor() as cursor:
        beside.autocommit = True
        cursor.execute("SELECT pg_advisory_lock(7261636)")  # as another process that is at it
        started = Daemon(idle)
        try:
            def waits_for_long() -> bool:
                cursor.execute(
                    "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory' AND query_start < now() - interval '1 s'"
                )
                return bool(cursor.fetchone()[0])

            await until(lambda: in_thread(waits_for_long), "a statement that waits for more than a second")
            cursor.execute("SELECT pg_advisory_unlock(7261636)")
            await ready(started)
        finally:
            started.end(signal.SIGKILL)
            idle.config_file.write_text(usual)


async def older(idle: Sandbox) -> str:
    """A database of the sandbox's server that lacks the newest migration; its DSN."""
    await idle.postgres.create_database("older")
    config = replace(idle.config.database, dsn=idle.postgres.dsn_of("older"), connections=1)
    store = Store(reactor, config)
    await store.transact("upgrade", migrate.upgrade, migrate.known()[:-1])
    await store.close()
    return config.dsn


@ensureDeferred
async def test_an_upgrade_may_be_left_to_the_operator(idle: Sandbox) -> None:
    """A daemon that may not upgrade by itself says what to do, does nothing on the older schema, answers so that callers come
    again, and works in the same process as soon as the operator has done it."""
    known, usual = len(migrate.known()), idle.config_file.read_text()
    idle.config_file.write_text(re.sub("(?m)^dsn = .*", f'dsn = "{await older(idle)}"\nupgrade_at_start = false', usual))
    started = Daemon(idle)

    async def complaint() -> str | None:
        answer = await in_thread(started.ask, "/readyz")
        return answer.text if "run `pandad upgrade`" in answer.text else None

    try:
        assert await until(complaint, "a complaint") == (
            f"not ready: the database has schema {known - 1}, and this pandad needs {known}: run `pandad upgrade` "
            "([database] upgrade_at_start is false)\n")
        no_job = await in_thread(started.tell, "getJob", siteName=QUEUE, prodSourceLabel="user", node="n1", diskSpace=10000)
        assert (no_job.status, json.loads(no_job.text)["StatusCode"]) == (200, 20)
        update = await in_thread(started.tell, "updateJob", jobId=1, attemptNr=1, state="running", node="n1", siteName=QUEUE)
        assert update.status == 503
        assert (await in_thread(started.ask, "/startupz")).status == 503
        words = [sys.executable, "-m", "pandad.cli", "upgrade", "--config", str(idle.config_file), "--now", "--no-backup"]
        upgraded = await in_thread(run, words)
        assert upgraded.returncode == 0 and f"the database has schema {known}" in upgraded.stdout, upgraded
        await ready(started)
    finally:
        started.end(signal.SIGKILL)
        idle.config_file.write_text(usual)


@pytest.fixture
def alice(idle: Sandbox) -> User:
    """Somebody with jobs."""
    return user_of(idle, idle.pki.proxy("alice"))


def a_job(name: str) -> dict[str, object]:
    """A job without files."""
    return {"jobName": name, "transformation": "x.sh", "prodSourceLabel": "user", "computingSite": QUEUE}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@ensureDeferred
async def test_stops_when_asked(idle: Sandbox, daemon: Daemon, number: signal.Signals) -> None:
    """It winds up without an error in its log and gives its ports back; then twistd ends by that signal, as systemd expects."""
    before = idle.log_file.stat().st_size
    assert await in_thread(daemon.end, number) in (0, -number)
    said = idle.log_file.read_bytes()[before:].decode()
    assert "Server Shut Down" in said
    assert "Traceback" not in said and "Unhandled" not in said
    assert daemon.ask("/healthz").status == 0


@ensureDeferred
async def test_reads_its_files_again(idle: Sandbox, daemon: Daemon) -> None:
    """SIGHUP has certificates and issuers of tokens read again: the process lives on, and a connection that is open is not
    dropped."""
    context = ssl.create_default_context(capath=str(idle.pki.ca_directory))
    context.load_cert_chain(idle.pki.voms_proxy("prod"))
    held = HTTPSConnection("localhost", idle.config.server.tls_port, context=context, timeout=LIMIT_S)
    assert (await in_thread(asked_who, held)) == SANDBOX_USERS["prod"]
    before = await reloads(daemon)

    auth, path = idle.directory / "auth" / "sandbox_auth_config.json", "/auth/sandbox.pilot_auth_config.json"
    assert (await in_thread(daemon.ask, path)).status == 404
    (auth.parent / "sandbox.pilot_auth_config.json").write_text(auth.read_text())

    async def more() -> bool:
        return await reloads(daemon) > before and (await in_thread(daemon.ask, path)).status == 200

    daemon.tell_to(signal.SIGHUP)
    await until(more, "the files to be read again")
    assert (await in_thread(asked_who, held)) == SANDBOX_USERS["prod"]
    held.close()
    assert daemon.lives


def asked_who(connection: HTTPSConnection) -> str:
    """Who the daemon says is at this end of the connection."""
    connection.request("GET", "/api/v1/system/get_attributes")
    name: str = json.loads(connection.getresponse().read())["data"]["environment"]["SSL_CLIENT_S_DN"]
    return name


async def reloads(daemon: Daemon) -> int:
    """How often the daemon read its files."""
    found = re.search(r'pandad_tls_reloads_total{outcome="done"} (\d+)', (await in_thread(daemon.ask, "/metrics")).text)
    return int(found[1]) if found else 0


async def acquired(daemon: Daemon) -> dict[str, object]:
    """A getJob that brings a job."""

    async def one() -> dict[str, object] | None:
        answer = await in_thread(daemon.tell, "getJob", siteName=QUEUE, prodSourceLabel="user", node="n1", diskSpace=10000)
        assert answer.status == 200
        got: dict[str, object] = json.loads(answer.text)
        return got if got["StatusCode"] == 0 else None

    got = await until(one, "a job")
    assert got
    return got


@ensureDeferred
async def test_outlives_its_database(idle: Sandbox, alice: User, daemon: Daemon) -> None:
    """While the database is away it lives, is not ready and says why; a pilot that asks for work gets a calm no with HTTP 200, an
    update is refused so that its pilot repeats it. When the database is back all work again, in the same process."""
    await in_thread(alice.data, "submit", jobs=[a_job("before"), a_job("after")])
    job = await acquired(daemon)
    update = {"jobId": job["PandaID"], "attemptNr": job["attemptNr"], "state": "running", "node": "n1", "siteName": QUEUE}
    assert (await in_thread(daemon.tell, "updateJob", **update)).status == 200

    await idle.postgres.stop("immediate")
    try:
        await away(daemon, update)
    finally:
        await idle.postgres.start()

    await ready(daemon)
    stored = await in_thread(daemon.tell, "updateJob", **update | {"state": "finished"})
    assert (stored.status, json.loads(stored.text)["StatusCode"]) == (200, 0)
    assert (await acquired(daemon))["PandaID"] != job["PandaID"]


async def away(daemon: Daemon, update: dict[str, object]) -> None:
    """What the daemon says without its database."""

    async def complaint() -> Answer | None:
        answer = await in_thread(daemon.ask, "/readyz")
        return answer if answer.status == 503 else None

    not_ready = await until(complaint, "a complaint")
    assert not_ready and "database" in not_ready.text, not_ready
    assert await in_thread(daemon.ask, "/healthz") == Answer(200, "ok\n")
    no_job = await in_thread(daemon.tell, "getJob", siteName=QUEUE, prodSourceLabel="user", node="n1", diskSpace=10000)
    assert (no_job.status, json.loads(no_job.text)["StatusCode"]) == (200, 20)
    assert (await in_thread(daemon.tell, "updateJob", **update)).status == 503
    assert daemon.lives


@ensureDeferred
async def test_a_kill_needs_no_repair(idle: Sandbox, alice: User, daemon: Daemon) -> None:
    """What was acknowledged before kill -9 is there after the next start, and work goes on."""
    before = await in_thread(alice.data, "submit", jobs=[a_job("kept")])
    assert daemon.end(signal.SIGKILL) == -signal.SIGKILL
    again = Daemon(idle)
    try:
        await ready(again)
        (kept,) = await in_thread(alice.data, "status", ids=[before[0][0]])
        assert kept["jobName"] == "kept"
        (row,) = await in_thread(alice.data, "submit", jobs=[a_job("next")])
        assert row[0] > before[0][0]
    finally:
        again.end(signal.SIGTERM)
