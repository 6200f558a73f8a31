"""What many tests share: one PostgreSQL and one certificate authority for the whole session."""

from __future__ import annotations

import atexit
import itertools
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import codewatch
import pytest
import ruciostand
import secretwatch
from hypothesis import HealthCheck, settings
from pytest_twisted import async_yield_fixture, blockon
from ruciostand import issuer as issuer
from ruciostand import rucio as rucio
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.logger import globalLogPublisher

from pandad.config import DatabaseConfig
from pandad.embedded.pki import SandboxPki, make_sandbox_pki
from pandad.embedded.postgres import EmbeddedPostgres
from pandad.taskbuffer import migrate
from pandad.taskbuffer.pool import connect
from pandad.taskbuffer.store import Store

settings.register_profile("anywhere", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("anywhere")  # how long an example takes says how busy the machine is, and nothing of pandad

UNSAFE_BUT_FAST = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
"""Nobody pulls the plug of a test machine; crashes of processes lose nothing with these."""


MEMORY = Path("/dev/shm")  # a database of its own for each test is a thousand files: on a disk that costs more than the tests
ROOM_BYTES = 6 << 30


def _has_room(directory: Path) -> bool:
    return os.access(directory, os.W_OK | os.X_OK) and shutil.disk_usage(directory).free >= ROOM_BYTES


@pytest.fixture(scope="session")
def open_directory() -> Iterator[Path]:
    """A directory that other accounts may enter: pytest's own are closed, and as root PostgreSQL runs as another."""
    directory = Path(tempfile.mkdtemp(prefix="pandad-tests-", dir=MEMORY if _has_room(MEMORY) else None))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(scope="session")
def postgres(open_directory: Path) -> Iterator[EmbeddedPostgres]:
    """A running PostgreSQL; `postgres.dsn` names its database, `await postgres.create_database(name)` makes another.

    Not an async fixture: pytest-twisted has those for single tests only."""
    server = EmbeddedPostgres(reactor, open_directory / "postgres", settings=UNSAFE_BUT_FAST)
    blockon(Deferred.fromCoroutine(server.start()))
    yield server
    blockon(Deferred.fromCoroutine(server.stop("immediate")))


TEMPLATE = "pandad_template"


async def _sql(dsn: str, *statements: str) -> None:
    link = await connect(reactor, DatabaseConfig(dsn=dsn), "pandad tests")
    for statement in statements:
        await link.execute(statement)
    link.close()


async def _make_template(server: EmbeddedPostgres) -> None:
    await server.create_database(TEMPLATE)
    store = Store(reactor, DatabaseConfig(dsn=server.dsn_of(TEMPLATE)))
    await store.transact("upgrade", migrate.upgrade)
    await store.close()


@pytest.fixture(scope="session")
def template(postgres: EmbeddedPostgres) -> str:
    """The name of a migrated, empty database to clone."""
    blockon(Deferred.fromCoroutine(_make_template(postgres)))
    return TEMPLATE


_numbers = itertools.count()


@async_yield_fixture
async def database(postgres: EmbeddedPostgres, template: str) -> AsyncIterator[DatabaseConfig]:
    """A migrated, empty database of the test's own, as a configuration names it."""
    name = f"test_{next(_numbers)}"
    await _sql(postgres.dsn, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield DatabaseConfig(dsn=postgres.dsn_of(name))
    await _sql(postgres.dsn, f"DROP DATABASE {name} WITH (FORCE)")


@async_yield_fixture
async def store(database: DatabaseConfig) -> AsyncIterator[Store]:
    """A store on that database; with a password, which PostgreSQL does not ask for."""
    opened = Store(reactor, replace(database, dsn=f"{database.dsn} password={secretwatch.MARK}"))
    yield opened
    await opened.close()


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> SandboxPki:
    """The sandbox's certificate authority, host certificate and users. Shared: tests that revoke make their own."""
    made = make_sandbox_pki(tmp_path_factory.mktemp("pki"))
    secretwatch.know(made.host_key, *made.directory.glob("*.proxy"), *made.directory.glob("*.cred"))
    return made


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of ours."""
    ruciostand.add_option(parser)
    parser.addoption("--cuts", type=int, default=20, metavar="N",
                     help="so many of the cuts on each way of tests/dataservice/test_cuts.py")
    parser.addoption("--kills", type=int, default=4, metavar="N", help="so many of the points of tests/ruciokills/points.py")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Which tests run."""
    ruciostand.deselect(config, items)


CODEWATCH = Path(tempfile.mkdtemp(prefix="pandad-codewatch-"))
atexit.register(shutil.rmtree, CODEWATCH, ignore_errors=True)
codewatch.watch_processes(CODEWATCH)
sys.addaudithook(codewatch.hook)
globalLogPublisher.addObserver(secretwatch.observer)


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown() -> None:
    """A test in which something became code, or was handed to a shell, or a secret was logged, has failed."""
    found, codewatch.findings[:] = sorted({*codewatch.findings, *codewatch.found_in_processes(CODEWATCH)}), []
    logged, secretwatch.findings[:] = list(secretwatch.findings), []
    assert not found, "code was made of data:\n" + "\n".join(found)
    assert not logged, "a secret was logged:\n" + "\n".join(logged)
