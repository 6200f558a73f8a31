"""What is read anew at SIGHUP: each step by itself, so that a mistake in one file keeps no other from being read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from pandad import metrics

Step = Callable[[], Awaitable[str | None]]
"""Reads something anew; None, or what is wrong with it, and then what was read before stays in force."""


class Reload:
    """Reloads come one after the other. ``problems``: of the last one, by step.

    :param clock: counts as CLOCK_MONOTONIC does, which systemd compares with its own.
    :param tell: lines to systemd.
    """

    log = Logger()

    def __init__(self, clock: IReactorTime, steps: Mapping[str, Step], tell: Callable[..., object]) -> None:
        self._clock, self._steps, self._tell = clock, steps, tell
        self._wanted = self._running = False
        self.problems: Mapping[str, str] = {}

    async def run(self) -> Mapping[str, str]:
        """Do all steps; what is wrong, by step. Asked for while one is under way, another follows that."""
        self._wanted = True
        if not self._running:
            self._running = True
            try:
                while self._wanted:
                    self._wanted = False
                    await self._once()
            finally:
                self._running = False
        return self.problems

    async def _once(self) -> None:
        self._tell("RELOADING=1", f"MONOTONIC_USEC={int(self._clock.seconds() * 1e6)}")
        problems = {name: problem for name, step in self._steps.items() if (problem := await step()) is not None}
        for name, problem in problems.items():
            self.log.error("{step} not reloaded, what was there stays in force: {problem}", step=name, problem=problem)
        self.problems = problems
        metrics.RELOADS.add("in part" if problems else "done")
        said = f"reloaded, but for {', '.join(problems)}: see the log" if problems else "reloaded"
        self.log.info("{said}", said=said)
        self._tell("READY=1", f"STATUS={said}")
