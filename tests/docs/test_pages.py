"""Every command of every page works, and says what its page shows."""

from __future__ import annotations

import pytest

from . import desk as desks
from . import host as hosts
from .blocks import Page, paths, read
from .machine import Machine
from .session import tried

PAGES = [page for page in map(read, paths()) if page.commands and ", by " not in page.machine]


def of(machine: str) -> list[Page]:
    """The pages that are tried there."""
    return [page for page in PAGES if page.machine == machine]


def name(page: Page) -> str:
    """For parametrize."""
    return page.name


@pytest.mark.parametrize("page", of("desk"), ids=name)
def test_at_a_desk(page: Page, desk: Machine) -> None:
    """In a checkout, with a sandbox that runs."""
    found = tried(desk, page, desks.folder(page.name), desks.ENVIRONMENT, desks.RUNNING)
    assert not found, "\n\n".join(found)


@pytest.mark.parametrize("page", of("host"), ids=name)
def test_on_a_host(page: Page, host: Machine) -> None:
    """Where pandad runs as a service."""
    found = tried(host, page, hosts.CHECKOUT, hosts.ENVIRONMENT, {})
    assert not found, "\n\n".join(found)
