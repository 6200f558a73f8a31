"""The two machines of the pages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from . import desk as desks
from . import host as hosts
from .blocks import REPOSITORY, read
from .machine import Machine, impossible
from .session import tried

pytest.register_assert_rewrite("docs.restoring", "docs.serving", "docs.upgrading", "docs.pilots")


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


def made_by(page: str, machine: Machine, folder: str, environment: Mapping[str, str], running: Mapping[str, str]) -> Machine:
    """The machine after all that a page does; what it does must go as it says."""
    found = tried(machine, read(REPOSITORY / "docs" / page), folder, environment, running)
    assert not found, "\n\n".join(found)
    return machine


@pytest.fixture(scope="package")
def desk() -> Iterator[Machine]:
    """See desk.py; somebody went through the tutorial there."""
    for machine in booted(systemd=False):
        desks.set_up(machine)
        yield made_by("tutorial/sandbox.md", machine, desks.folder("tutorial"), desks.ENVIRONMENT, desks.RUNNING)


@pytest.fixture(scope="package")
def host() -> Iterator[Machine]:
    """See host.py; pandad was installed there."""
    for machine in booted(systemd=True):
        hosts.set_up(machine)
        yield made_by("how-to/install.md", machine, hosts.CHECKOUT, hosts.ENVIRONMENT, {})
