"""A real Rucio for the tests that are marked `rucio`: `make test-rucio`, or pytest -m rucio --rucio FOLDER."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_twisted import blockon
from twisted.internet import reactor
from twisted.internet.defer import Deferred

from pandad.embedded.issuer import Issuer
from pandad.embedded.pki import SANDBOX_USERS
from pandad.embedded.postgres import EmbeddedPostgres
from pandad.embedded.rucio.install import RucioUnavailable, prepare_rucio
from pandad.embedded.rucio.stand import RucioStand

OPTION = "--rucio"
ROBOT, RUCIO_CLAIMS = "prod", {"aud": "rucio", "scope": "openid profile"}  # whom it knows by a token, and what has to be in it
ENDPOINTS, SCOPES = ("SITE_DISK", "SITE_TAPE"), ("panda", "user.alice")


def add_option(parser: pytest.Parser) -> None:
    """Where Rucio is installed."""
    parser.addoption(OPTION, metavar="FOLDER", help="run the tests that need a real Rucio, which is installed in this folder")


def deselect(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without the option nobody asked for them."""
    if config.getoption(OPTION) is None:
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("rucio")])
        items[:] = [item for item in items if not item.get_closest_marker("rucio")]


@pytest.fixture(scope="session")
def rucio(request: pytest.FixtureRequest, postgres: EmbeddedPostgres, open_directory: Path) -> Iterator[RucioStand]:
    """A running server with ENDPOINTS and SCOPES, shared by all tests."""
    try:
        python = prepare_rucio(Path(request.config.getoption(OPTION)))
    except RucioUnavailable as error:
        pytest.skip(f"no real Rucio here: {error.reason}")
    stand = RucioStand(reactor, open_directory / "rucio", postgres, python, SANDBOX_USERS["prod"])
    blockon(Deferred.fromCoroutine(stand.start()))
    blockon(Deferred.fromCoroutine(stand.furnish(ENDPOINTS, SCOPES)))
    yield stand
    blockon(Deferred.fromCoroutine(stand.stop()))


@pytest.fixture(scope="session")
def issuer(rucio: RucioStand, open_directory: Path) -> Iterator[Issuer]:
    """Of tokens, by which ROBOT is the account of that server."""
    made = Issuer(reactor, open_directory / "issuer", time.time)
    made.start()
    rucio.trust(made.url, ROBOT)
    yield made
    blockon(Deferred.fromCoroutine(made.stop()))
