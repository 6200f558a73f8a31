"""A Python prompt inside the daemon, for developers. Twisted's own interpreter of consoles runs what is typed; nothing else of
pandad does such a thing, and this is imported only where [console] python is true."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from twisted.conch.manhole import ManholeInterpreter


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
