"""The embedded PostgreSQL: it is there when asked for, survives what it should, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.task import deferLater

from pandad.embedded import binaries, layout, leftovers
from pandad.embedded.account import Account, choose_account
from pandad.embedded.postgres import (
    BinariesMissing,
    DirectoryInUse,
    EmbeddedPostgres,
    PostgresError,
    pg_bin_dir,
)

FAST = {"fsync": "off"}
PATIENCE_POLLS = 3000

OWNER = """
import os, sys
from pathlib import Path
from twisted.internet import defer, task
from pandad.embedded.postgres import EmbeddedPostgres

async def main(reactor):
    server = EmbeddedPostgres(reactor, Path(sys.argv[1]), settings={"fsync": "off"})
    await server.start()
    print(server.pid, flush=True)
    await defer.Deferred()

task.react(lambda reactor: defer.ensureDeferred(main(reactor)))
"""


def answer(dsn: str, question: str) -> object:
    connection = psycopg2.connect(dsn)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute(question)
            return cursor.fetchone()[0] if cursor.description else None
    finally:
        connection.close()


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(PATIENCE_POLLS):
        if condition():
            return
        await deferLater(reactor, 0.02)
    raise AssertionError("the condition never came true")


def spawn_owner(directory: Path, **options: Any) -> tuple[subprocess.Popen[str], int]:
    """A process that runs a PostgreSQL in `directory` until killed, and the postmaster's process id."""
    command = [sys.executable, "-c", OWNER, str(directory)]
    owner = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **options)
    assert owner.stdout
    return owner, int(owner.stdout.readline())


def kill(owner: subprocess.Popen[str]) -> None:
    owner.kill()
    owner.communicate()


def spawn_bystander(directory: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(["cat"], stdin=subprocess.PIPE, cwd=directory)


def serves(dsn: str) -> bool:
    try:
        return answer(dsn, "SELECT 1") == 1
    except psycopg2.OperationalError:
        return False


@pytest.fixture
def place(open_directory: Path, request: pytest.FixtureRequest) -> Path:
    return open_directory / str(request.node.name)


@ensureDeferred
async def test_serves_its_database(postgres: EmbeddedPostgres) -> None:
    """A started PostgreSQL accepts connections to the database that its DSN names."""
    assert answer(postgres.dsn, "SELECT current_database()") == "pandad"


@ensureDeferred
async def test_no_tcp(postgres: EmbeddedPostgres) -> None:
    """It listens on no TCP address, and its socket is closed to other accounts."""
    assert answer(postgres.dsn, "SHOW listen_addresses") == ""
    socket_directory = Path(str(answer(postgres.dsn, "SHOW unix_socket_directories")).strip('"'))
    assert stat.S_IMODE(socket_directory.stat().st_mode) == 0o700


@ensureDeferred
async def test_never_root_nor_nobody(postgres: EmbeddedPostgres) -> None:
    """PostgreSQL runs neither as root nor as the account of the payloads."""
    assert postgres.pid
    assert Path(f"/proc/{postgres.pid}").stat().st_uid not in (0, 65534)


@ensureDeferred
async def test_create_database_twice(postgres: EmbeddedPostgres) -> None:
    """Making a database that exists changes nothing and is no error."""
    await postgres.create_database("another")
    await postgres.create_database("another")
    assert answer(postgres.dsn_of("another"), "SELECT current_database()") == "another"


@ensureDeferred
async def test_data_outlives_a_restart(place: Path) -> None:
    """What was committed is there after stop and start, under the same DSN."""
    first = EmbeddedPostgres(reactor, place, settings=FAST)
    await first.start()
    answer(first.dsn, "CREATE TABLE kept AS SELECT 42 AS value")
    await first.stop()
    second = EmbeddedPostgres(reactor, place, settings=FAST)
    await second.start()
    assert second.dsn == first.dsn
    assert answer(second.dsn, "SELECT value FROM kept") == 42
    await second.stop()


@ensureDeferred
async def test_killed_postmaster_is_replaced(place: Path) -> None:
    """A postmaster killed outright is reported and started again, and committed data is there."""
    told: list[PostgresError] = []
    server = EmbeddedPostgres(reactor, place, settings=FAST, on_exit=told.append)
    await server.start()
    answer(server.dsn, "CREATE TABLE kept AS SELECT 42 AS value")
    assert server.pid
    os.kill(server.pid, signal.SIGKILL)
    await until(lambda: bool(told) and serves(server.dsn))
    assert answer(server.dsn, "SELECT value FROM kept") == 42
    assert "signal 9" in told[0].reason
    await server.stop()


@ensureDeferred
async def test_no_restart_if_not_wanted(place: Path) -> None:
    """Without `restart` an exit is reported once and PostgreSQL stays down; stop() is still allowed."""
    told: list[PostgresError] = []
    server = EmbeddedPostgres(reactor, place, settings=FAST, restart=False, on_exit=told.append)
    await server.start()
    assert server.pid
    os.kill(server.pid, signal.SIGQUIT)
    await until(lambda: bool(told))
    await server.stop()
    assert len(told) == 1 and server.pid is None


@ensureDeferred
async def test_one_owner(place: Path) -> None:
    """A second owner of the directory is refused, and the first is not disturbed."""
    first = EmbeddedPostgres(reactor, place, settings=FAST)
    await first.start()
    with pytest.raises(DirectoryInUse):
        await EmbeddedPostgres(reactor, place, settings=FAST).start()
    assert serves(first.dsn)
    await first.stop()


@ensureDeferred
async def test_dies_with_its_owner_and_starts_again(place: Path) -> None:
    """kill -9 of the owner makes PostgreSQL shut down cleanly; a start right after that takes the directory
    over."""
    owner, orphan = spawn_owner(place)
    kill(owner)
    server = EmbeddedPostgres(reactor, place, settings=FAST)
    await server.start()
    assert server.pid != orphan
    assert "database system is shut down" in server.log_file.read_text()
    assert "not properly shut down" not in server.log_file.read_text()
    await server.stop()


@ensureDeferred
async def test_running_orphan_is_stopped(place: Path) -> None:
    """A postmaster that outlived its owner is shut down cleanly before a new one starts."""
    server = EmbeddedPostgres(reactor, place, settings=FAST, restart=False)
    await server.start()
    orphan = server.pid
    assert orphan in leftovers.processes_in(place / "data")
    await leftovers.clear_leftovers(reactor, place / "data")
    assert leftovers.processes_in(place / "data") == set()
    assert not (place / "data" / "postmaster.pid").exists()
    await server.stop()


@ensureDeferred
async def test_reused_process_id(place: Path) -> None:
    """A stale lock file naming a process that is not PostgreSQL neither prevents the start nor harms that
    process."""
    server = EmbeddedPostgres(reactor, place, settings=FAST)
    await server.start()
    await server.stop("immediate")
    bystander = spawn_bystander(place / "data")
    (place / "data" / "postmaster.pid").write_text(f"{bystander.pid}\n{place / 'data'}\n")
    await server.start()
    assert bystander.poll() is None
    assert serves(server.dsn)
    await server.stop()
    bystander.communicate()


@ensureDeferred
async def test_bad_setting(place: Path) -> None:
    """A setting that PostgreSQL refuses ends in an error with PostgreSQL's own words, and releases the
    directory."""
    with pytest.raises(PostgresError) as refused:
        await EmbeddedPostgres(reactor, place, settings={"no_such_setting": "1"}).start()
    assert any("no_such_setting" in line for line in refused.value.log_tail)
    server = EmbeddedPostgres(reactor, place, settings=FAST)
    await server.start()
    await server.stop()


@ensureDeferred
async def test_deep_and_odd_directory(place: Path) -> None:
    """A path too long for a socket address, with blanks and quotes in it, works."""
    server = EmbeddedPostgres(reactor, place / ('it\'s "deep" ' * 10), settings=FAST)
    await server.start()
    assert serves(server.dsn)
    outside = Path(str(answer(server.dsn, "SHOW unix_socket_directories")).strip('"'))
    assert place not in outside.parents
    await server.stop()
    assert server.pid is None and not outside.exists()


@ensureDeferred
async def test_odd_socket_directory(open_directory: Path) -> None:
    """A socket directory with blanks, commas and quotes in its name works."""
    server = EmbeddedPostgres(reactor, open_directory / "a 'b',\"c\" \\", settings=FAST)
    await server.start()
    assert serves(server.dsn)
    await server.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as another account")
@ensureDeferred
async def test_below_a_closed_directory(tmp_path: Path) -> None:
    """Below a directory that only root may enter it works too, and that directory's mode stays."""
    tmp_path.chmod(0o700)
    server = EmbeddedPostgres(reactor, tmp_path / "postgres", settings=FAST)
    await server.start()
    assert serves(server.dsn)
    await server.stop()
    await server.start()
    assert serves(server.dsn)
    await server.stop()
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700


def test_binaries_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the wheel the error says what to install."""
    monkeypatch.setattr(binaries, "PACKAGE", "pandad_no_such_wheel")
    with pytest.raises(BinariesMissing, match=r"pip install 'pandad\[embedded\]'"):
        pg_bin_dir()


def test_wheel_is_not_imported() -> None:
    """Looking for the binaries does not run the wheel's Python."""
    script = "import sys, pandad.embedded.postgres as p; p.pg_bin_dir(); sys.exit(sys.argv[1] in sys.modules)"
    subprocess.run([sys.executable, "-c", script, binaries.PACKAGE], check=True)


class Elsewhere(Account):
    """An account that reaches nothing that is installed."""

    def reaches(self, path: Path) -> bool:
        return False


def test_copied_binaries_run(tmp_path: Path) -> None:
    """Where the account cannot reach the installed binaries, a copy is made once, open to all, and it
    works."""
    account = Elsewhere(os.geteuid(), os.getegid(), drop=False)
    copied = binaries.reachable_bin_dir(account, tmp_path)
    assert tmp_path in copied.parents
    printed = subprocess.run(
        [copied / "psql", "--version"], check=True, capture_output=True, text=True
    ).stdout
    assert printed.startswith("psql (PostgreSQL)")
    assert stat.S_IMODE((copied / "postgres").stat().st_mode) == 0o755
    made = copied.stat().st_ctime_ns
    assert binaries.reachable_bin_dir(account, tmp_path) == copied
    assert copied.stat().st_ctime_ns == made


def test_somebody_elses_runtime_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory prepared by others at the place for sockets is refused."""
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    account = Account(os.geteuid(), os.getegid(), drop=False)
    planned = layout.plan(tmp_path / ("deep" * 30), account)
    planned.runtime.mkdir()
    planned.runtime.chmod(0o777)
    with pytest.raises(PostgresError, match="somebody else"):
        layout.make(planned, account)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root chooses an account")
def test_existing_data_decide_the_account(tmp_path: Path) -> None:
    """Data made under one account are served under it, whatever accounts have appeared since."""
    data = tmp_path / "data"
    data.mkdir()
    os.chown(data, 4711, 4712)
    assert choose_account(data) == Account(4711, 4712, drop=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become an ordinary user")
@ensureDeferred
async def test_as_an_ordinary_user(open_directory: Path) -> None:
    """Without root it runs as the user who started it."""
    home = open_directory / "home"
    home.mkdir()
    user = choose_account(home / "none")
    python = Path(sys.executable)
    if not (user.reaches(python.parent) and user.reaches(python.resolve().parent)):
        pytest.skip("ordinary users cannot run this Python")
    user.give(home)
    owner, pid = spawn_owner(home / "postgres", user=user.uid, group=user.gid, extra_groups=[])
    assert Path(f"/proc/{pid}").stat().st_uid == user.uid
    kill(owner)
    await leftovers.clear_leftovers(reactor, home / "postgres" / "data")
