"""What pilots are told."""

from __future__ import annotations

import pytest

from pandad.spec.pilotcommand import DEBUG_OFF, KILL, is_debug_command, parts, told


@pytest.mark.parametrize(
    ("debug", "command", "text"),
    [(False, None, None), (True, None, "debug"), (False, "ps -ef", "ps -ef"), (True, "ps -ef", "debug,ps -ef")],
)
def test_there_and_back(debug: bool, command: str | None, text: str | None) -> None:
    """What is told can be read again."""
    assert told(debug, command) == text
    assert parts(text) == (debug, command)


def test_other_words() -> None:
    """A kill is no debug mode; nothing and an empty text are alike; what ends debug mode has the space that pilots look for."""
    assert parts(KILL) == (False, KILL) and parts("") == (False, None)
    assert is_debug_command(DEBUG_OFF) and not is_debug_command("debug") and is_debug_command("debug,ps -ef")
