"""One person's dialogue, whatever way it goes over: lines to the desk or, once asked for, to a Python prompt."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred

from pandad.console.desk import Desk, Outcome
from pandad.console.policy import Peer

if TYPE_CHECKING:
    from pandad.console.prompt import Prompt

END = "exit"  # of Python
PROMPT, PYTHON, MORE = "pandad> ", ">>> ", "... "


class Session:
    """Takes one line at a time.

    :param later: takes what is printed when no answer is due.
    """

    def __init__(self, desk: Desk, peer: Peer, later: Callable[[str], object]) -> None:
        self._desk, self._peer, self._later = desk, peer, later
        self._work: Deferred[Outcome] | None = None
        self._python: Prompt | None = None
        self.prompt = PROMPT

    @property
    def in_python(self) -> bool:
        """Whether lines go to a Python prompt, to which an empty one says something."""
        return self._python is not None

    def perform(self, line: str) -> Deferred[dict[str, Any]]:
        """What is said to a line: good, text, data, and the prompt for the next one."""
        if self._work is not None:
            problem = "the line before is not done; interrupt it, or wait"
            done: Deferred[dict[str, Any]] = Deferred()
            done.callback(self._reply(Outcome.of(problem)))
            return done
        if self._python is not None:
            return Deferred.fromCoroutine(self._pushed(self._python, line))
        self._work = self._desk.perform(self._peer, line)
        return self._work.addCallback(self._done)

    def cancel(self) -> None:
        """Ctrl-C: wait for the line no longer."""
        if self._python is not None:
            self._python.reset()
            self.prompt = PYTHON
        if self._work is not None:
            self._work.cancel()

    def completions(self, beginning: str) -> list[str]:
        """Lines that this one may become."""
        return [] if self._python is not None else self._desk.completions(self._peer, beginning)

    def _done(self, outcome: Outcome) -> dict[str, Any]:
        self._work = None
        names = self._desk.bench.python
        if outcome.good and outcome.answer.opens_python and names is not None:
            from pandad.console.prompt import Prompt

            self._python, self.prompt = Prompt(names, self._later), PYTHON
        return self._reply(outcome)

    def _reply(self, outcome: Outcome) -> dict[str, Any]:
        return {"good": outcome.good, "text": outcome.answer.as_text(), "data": outcome.answer.as_json(), "prompt": self.prompt}

    async def _pushed(self, python: Prompt, line: str) -> dict[str, Any]:
        await self._desk.audited(self._peer, f"python: {line}")
        if line.strip() == END:
            self._python, self.prompt = None, PROMPT
            return {"good": True, "text": "", "data": "null", "prompt": self.prompt}
        more, said = python.push(line)
        self.prompt = MORE if more else PYTHON
        return {"good": True, "text": said.rstrip("\n"), "data": "null", "prompt": self.prompt}
