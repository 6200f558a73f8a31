"""A Python prompt inside the daemon, for developers: off unless [console] python says otherwise. Twisted's own interpreter of
consoles runs what is typed; nothing else of pandad does such a thing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from twisted.conch.manhole import ManholeInterpreter

from pandad.console.policy import STEER
from pandad.console.verb import Answer, Bench, Call, verb
from pandad.spec.errors import Forbidden

HELLO = "Python, inside the daemon: one slow line stops everything. Each line is in the audit. exit ends it."
END = "exit"


@verb("python", STEER)
async def python(bench: Bench, call: Call) -> Answer:
    """A Python prompt inside the daemon, if [console] python allows it: for developers who look for a fault."""
    if bench.python is None:
        raise Forbidden("there is no Python prompt; [console] python = true makes one, for who accepts what it can do")
    return Answer({"python": sorted(bench.python)}, f"{HELLO}\nThere are: {', '.join(sorted(bench.python))}", True)


class Prompt:
    """One session's interpreter.

    :param later: takes what is printed after a line's own output, as by Deferreds that fire.
    """

    def __init__(self, names: Mapping[str, Any], later: Callable[[str], object]) -> None:
        self._later, self._said = later, ""
        self._interpreter = ManholeInterpreter(self, {"__name__": "__console__", "__doc__": None, **names})

    def addOutput(self, data: str, isAsync: bool | None = None) -> None:
        """See ManholeInterpreter."""
        if isAsync:
            self._later(data)
        else:
            self._said += data

    def push(self, line: str) -> tuple[bool, str]:
        """Take a line: whether it wants another one to be complete, and what was printed."""
        more = bool(self._interpreter.push(line.encode()))
        said, self._said = self._said, ""
        return more, said

    def reset(self) -> None:
        """Forget the lines of what is not complete."""
        self._interpreter.resetBuffer()
