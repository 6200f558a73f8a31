"""The words that a pilot gets in answer to an update (protocol: back channel of updateJob).

JobSpec.commandToPilot holds them as they are told: nothing, `tobekilled`, `debug`, a debug command such as `ps -ef`, or, in debug
mode, `debug,ps -ef`. A pilot in debug mode sends a heartbeat each minute, with the tail of its payload's output; a debug command
takes the place of that tail until the pilot hears something else.
"""

from __future__ import annotations

NOTHING = "NULL"  # carry on; a JSON null would crash the pilot
KILL = "tobekilled"  # stop the payload and report the job as failed
ALREADY_DONE = "alreadydone"  # the job had ended before; the pilot only notes it
DEBUG = "debug"
# Pilots look for "debug" before "debugoff", so the bare word turns debug mode on. Whatever has a space is taken for a debug
# command, and one that is not allowed ends debug mode (pilot/control/job.py, get_debug_command).
DEBUG_OFF = "debugoff now"

_PREFIX = DEBUG + ","


def told(debug: bool, command: str | None) -> str | None:
    """The commandToPilot of a job in, or not in, debug mode, whose pilot is to do that debug command."""
    if command is None:
        return DEBUG if debug else None
    return _PREFIX + command if debug else command


def parts(text: str | None) -> tuple[bool, str | None]:
    """(whether debug mode is on, the debug command or KILL) of a commandToPilot."""
    if text == DEBUG:
        return True, None
    return (True, text.removeprefix(_PREFIX)) if text and text.startswith(_PREFIX) else (False, text or None)


def is_debug_command(text: str) -> bool:
    """Whether a pilot takes what it is told for a debug command."""
    return " " in text
