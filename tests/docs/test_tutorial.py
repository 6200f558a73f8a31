"""docs/tutorial/sandbox.md: all that it shows is so, on a sandbox that is new."""

from __future__ import annotations

from .machine import Machine


def test_the_tutorial(desk: Machine) -> None:
    """Its commands work, and say what it shows; it leaves a job behind that waits for a pilot."""
    assert "activated" in desk.must("pandad job show 3", {"BASH_ENV": "/root/environment"})
