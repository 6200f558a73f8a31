"""The pages of those who run pandad as a service: every command works, and says what its page shows; and what the unit promises.
One file, for one machine: the tests leave it as they found it."""

from __future__ import annotations

import pytest

from . import host as hosts
from .blocks import REPOSITORY, Page, of, read
from .machine import Machine
from .restoring import test_the_drill as test_restore
from .serving import test_a_reload_ends_when_it_is_done as test_reload
from .serving import test_a_restart_refuses_nobody as test_restart
from .serving import test_a_stop_is_quick_and_clean as test_stop
from .serving import test_it_comes_back as test_comeback
from .session import tried
from .upgrading import test_there_and_back as test_upgrade

__all__ = ["test_comeback", "test_reload", "test_restart", "test_restore", "test_stop", "test_upgrade"]

INSTALL = read(REPOSITORY / "docs" / "how-to" / "install.md")
MOST = 10


def test_ten_commands_install_it() -> None:
    """No more are needed."""
    commands = [line for block in INSTALL.blocks if block.language == "sh" for line in block.text.splitlines() if line.strip()]
    assert len(commands) <= MOST, commands


def test_it_is_installed(host: Machine) -> None:
    """Each command went as it shows (see conftest), and after them the daemon works, as its own user."""
    assert host.must("systemctl show pandad --property=User,Type,ActiveState").split() == [
        "Type=notify", "User=pandad", "ActiveState=active"]


@pytest.mark.parametrize("page", of("host"), ids=lambda page: page.name)
def test_page(page: Page, host: Machine) -> None:
    """Where pandad runs as a service."""
    found = tried(host, page, hosts.CHECKOUT, hosts.ENVIRONMENT, {})
    assert not found, "\n\n".join(found)
