"""The pages of those who try pandad out: every command works, and says what its page shows. One file, for one machine."""

from __future__ import annotations

import pytest

from . import desk as desks
from .blocks import Page, of
from .machine import Machine
from .session import tried


def test_the_tutorial(desk: Machine) -> None:
    """It went as it shows (see conftest), and left a job behind that waits for a pilot."""
    assert "activated" in desk.must("pandad job show 3", desks.ENVIRONMENT)


@pytest.mark.parametrize("page", of("desk"), ids=lambda page: page.name)
def test_page(page: Page, desk: Machine) -> None:
    """In a checkout, with a sandbox that runs."""
    found = tried(desk, page, desks.folder(page.name), desks.ENVIRONMENT, desks.RUNNING)
    assert not found, "\n\n".join(found)
