"""``pandad upgrade``: says first, refuses without a way back, and looks afterwards."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_twisted import blockon
from twisted.internet import reactor
from twisted.internet.defer import Deferred

from pandad.config import Config, DatabaseConfig
from pandad.settings import render
from pandad.taskbuffer import migrate
from pandad.taskbuffer.pool import connect
from pandad.taskbuffer.store import Store

KNOWN = len(migrate.known())
WAY_BACK = "install" if migrate.known()[-1].tolerated else "restore"
Pandad = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def pandad(database: DatabaseConfig, tmp_path: Path) -> Pandad:
    """The command, on a database of this pandad."""
    file = tmp_path / "pandad.toml"
    file.write_text(render(Config(database=database)))

    def run(*words: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pandad.cli", "upgrade", "--config", str(file), *map(str, words)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    return run


def change(database: DatabaseConfig, statement: str) -> None:
    """Something done to the database."""

    async def done() -> None:
        link = await connect(reactor, database, "test")
        await link.execute(statement)
        link.close()

    blockon(Deferred.fromCoroutine(done()))


@pytest.fixture
def behind(database: DatabaseConfig) -> None:
    """Made anew, without the newest migration."""

    async def made() -> None:
        store = Store(reactor, database)
        await store.transact("upgrade", migrate.upgrade, migrate.known()[:-1])
        await store.close()

    change(database, "DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    blockon(Deferred.fromCoroutine(made()))


def test_nothing_to_do(pandad: Pandad) -> None:
    """Exit code 0, asked or told."""
    for words in ((), ("--now",)):
        done = pandad(*words)
        assert (done.returncode, done.stdout) == (0, f"nothing to do: the database has schema {KNOWN}\n")


@pytest.mark.usefixtures("behind")
def test_it_says_first_and_wants_a_way_back(pandad: Pandad, tmp_path: Path) -> None:
    """Without --now nothing is changed; with it a dump is wanted, and one that pg_restore reads; then the upgrade is made and
    looked at."""
    asked = pandad()
    assert asked.returncode == 0 and f"has schema {KNOWN - 1}; an upgrade brings it to {KNOWN}" in asked.stdout
    assert f"the way back: {WAY_BACK} " in asked.stdout and "pg_dump --format=custom" in asked.stdout
    told = pandad("--now")
    assert told.returncode == 1 and "name a dump with --backup FILE" in told.stderr
    (tmp_path / "text.sql").write_text("CREATE TABLE")
    assert "is no dump that pg_restore reads" in pandad("--now", "--backup", tmp_path / "text.sql").stderr
    assert "cannot be read: No such file" in pandad("--now", "--backup", tmp_path / "nothing").stderr
    (tmp_path / "dump").write_bytes(b"PGDMP...")
    done = pandad("--now", "--backup", tmp_path / "dump", "--json")
    said = json.loads(done.stdout)
    assert (done.returncode, said["done"], said["findings"], said["way_back"]) == (0, True, [], WAY_BACK), done
    assert pandad().stdout.startswith("nothing to do")


@pytest.fixture
def beyond(database: DatabaseConfig, request: pytest.FixtureRequest) -> None:
    """As if a newer pandad had been at work, whose migration says this of older ones."""
    row = f"{KNOWN + 1}, 'x', 'x', {request.param}"
    change(database, f"INSERT INTO schema_version (number, name, digest, tolerated) VALUES ({row})")


@pytest.mark.parametrize(("beyond", "code", "said"), [
    (True, 0, f"nothing to do: the database has schema {KNOWN + 1}, which is newer than this pandad's {KNOWN}, and it can work"),
    (False, 1, f"the database has schema {KNOWN + 1}, this pandad knows {KNOWN} and cannot work on it")],
    indirect=["beyond"])
@pytest.mark.usefixtures("beyond")
def test_an_older_pandad(pandad: Pandad, code: int, said: str) -> None:
    """Works on a newer schema if that schema says so, else refuses and says what to do."""
    done = pandad("--now", "--no-backup")
    assert done.returncode == code and said in done.stdout + done.stderr
