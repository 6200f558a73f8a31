"""A real Rucio for the tests that are marked `rucio`: `make test-rucio`, or pytest -m rucio --rucio FOLDER."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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
ROBOT = "prod"  # whom it knows by a token
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
def issuer(open_directory: Path) -> Iterator[Issuer]:
    """Of tokens, by which ROBOT is the account of the server."""
    made = Issuer(reactor, open_directory / "issuer", time.time)
    made.start()
    yield made
    blockon(Deferred.fromCoroutine(made.stop()))


@pytest.fixture(scope="session")
def rucio(
    request: pytest.FixtureRequest, postgres: EmbeddedPostgres, issuer: Issuer, open_directory: Path
) -> Iterator[RucioStand]:
    """A running server with ENDPOINTS and SCOPES, shared by all tests."""
    try:
        python = prepare_rucio(Path(request.config.getoption(OPTION)))
    except RucioUnavailable as error:
        pytest.skip(f"no real Rucio here: {error.reason}")
    stand = RucioStand(reactor, open_directory / "rucio", postgres, python, SANDBOX_USERS["prod"], issuer.url)
    blockon(Deferred.fromCoroutine(stand.start()))
    blockon(Deferred.fromCoroutine(stand.furnish(ENDPOINTS, SCOPES)))
    stand.admin().ensure("POST", f"/accounts/{stand.account}/identities", {
        "identity": f"SUB={ROBOT}, ISS={issuer.url}", "authtype": "OIDC", "email": "nobody@example.org"})
    yield stand
    blockon(Deferred.fromCoroutine(stand.stop()))


def token_of(issuer: Issuer, user: str = ROBOT, **but: Any) -> str:
    """As that Rucio wants them, or otherwise."""
    return issuer.token(user, **{"aud": "rucio", "scope": "openid profile", **but})
