"""The two machines of the pages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from . import desk as desks
from . import host as hosts
from .blocks import REPOSITORY, read
from .machine import Machine, impossible
from .session import tried


def booted(systemd: bool) -> Iterator[Machine]:
    """A machine for a while; where there can be none the test is skipped, and says why."""
    reason = impossible(systemd)
    if reason is not None:
        pytest.skip(reason)
    machine = Machine("panda.example.org", systemd)
    machine.start()
    try:
        yield machine
    finally:
        machine.stop()


@pytest.fixture(scope="package")
def desk() -> Iterator[Machine]:
    """See desk.py."""
    for machine in booted(systemd=False):
        desks.set_up(machine)
        yield machine


@pytest.fixture(scope="package")
def bare_host() -> Iterator[Machine]:
    """See host.py."""
    for machine in booted(systemd=True):
        hosts.set_up(machine)
        yield machine


@pytest.fixture(scope="package")
def host(bare_host: Machine) -> Machine:
    """The same, with pandad installed as docs/how-to/install.md says."""
    page = read(REPOSITORY / "docs" / "how-to" / "install.md")
    found = tried(bare_host, page, hosts.CHECKOUT, hosts.ENVIRONMENT, {})
    assert not found, "\n\n".join(found)
    return bare_host
