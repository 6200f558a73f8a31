"""docs/how-to/install.md: from nothing to a service of systemd, with real certificates, on a PostgreSQL that was there."""

from __future__ import annotations

from .blocks import REPOSITORY, read
from .machine import Machine

PAGE = read(REPOSITORY / "docs" / "how-to" / "install.md")
MOST = 10


def test_ten_commands() -> None:
    """No more are needed."""
    commands = [line for block in PAGE.blocks if block.language == "sh" for line in block.text.splitlines() if line.strip()]
    assert len(commands) <= MOST, commands


def test_it_is_installed(host: Machine) -> None:
    """Each command works, and after them the daemon does."""
    assert host.must("systemctl show pandad --property=User,Type,ActiveState").split() == [
        "Type=notify", "User=pandad", "ActiveState=active"]
