"""One sandbox with a real daemon for all tests of this directory, its users, and the demos that run beside the other tests."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from pytest_twisted import blockon
from twisted.internet import reactor
from twisted.internet.defer import Deferred

from clients.demos import Demo
from clients.user import User, user_of
from pandad.embedded.pilot import missing_requirements
from pandad.embedded.sandbox import INTERFACE, USUAL_PORTS, Sandbox

HERE = Path(__file__).parent


def pytest_configure(config: pytest.Config) -> None:
    """Announce our marker."""
    config.addinivalue_line("markers", "last: looks at what was begun early and takes minutes of mere waiting")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the marked tests of this directory behind the others."""
    ours = [place for place, item in enumerate(items) if item.path.parent == HERE]
    later = sorted((items[place] for place in ours), key=lambda item: item.get_closest_marker("last") is not None)
    for place, item in zip(ours, later, strict=True):
        items[place] = item


def started_sandbox(directory: Path) -> Iterator[Sandbox]:
    """A sandbox on ports of its own, ready; stopped at the end."""
    made = Sandbox(reactor, directory, ports=(0, 0))
    blockon(Deferred.fromCoroutine(made.start()))
    yield made
    blockon(Deferred.fromCoroutine(made.stop()))


@pytest.fixture(scope="package")
def sandbox(open_directory: Path) -> Iterator[Sandbox]:
    """For tests that leave it as it is."""
    yield from started_sandbox(open_directory / "sandbox")


@pytest.fixture(scope="package")
def alice(sandbox: Sandbox) -> User:
    """A user with a proxy."""
    return user_of(sandbox, sandbox.pki.proxy("alice"))


@pytest.fixture(scope="package")
def bob(sandbox: Sandbox) -> User:
    """Another one."""
    return user_of(sandbox, sandbox.pki.proxy("bob"), PANDA_NICKNAME="bob")


@pytest.fixture(scope="package", autouse=True)
def begun_early(request: pytest.FixtureRequest) -> None:
    """Starts the demos before the first test of this directory, if there is one that looks at them."""
    if any("demos" in getattr(item, "fixturenames", ()) for item in request.session.items) and not missing_requirements():
        request.getfixturevalue("demos")


@pytest.fixture(scope="package")
def demos(open_directory: Path) -> Iterator[Mapping[str, Demo]]:
    """Running demos: plain, and with faults on the way. While they start, PanDA's usual ports are taken."""
    with ExitStack() as taken:
        for port in USUAL_PORTS:
            taken.enter_context(_held(port))
        running = {"plain": Demo(open_directory / "demo-plain"),
                   "faulty": Demo(open_directory / "demo-faulty", "--kill-daemon", "--stop-database", "20")}
        yield running
        for demo in running.values():
            demo.end()
            shutil.rmtree(demo.directory, ignore_errors=True)


def _held(port: int) -> socket.socket:
    """A listening socket, unless somebody else holds the port already."""
    holder = socket.socket()
    with suppress(OSError):
        holder.bind((INTERFACE, port))
        holder.listen()
    return holder
