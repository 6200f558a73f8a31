"""Long work in short slices: calls are served in between."""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

SLICE_S = 0.02


class Pace:
    """Who works on calls `rest` often; it gives way when a slice is over."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock, self._since = clock, clock.seconds()

    async def rest(self) -> None:
        """Let the reactor do what waits, if it has waited for a slice."""
        if self._clock.seconds() - self._since >= SLICE_S:
            await deferLater(self._clock, 0)
            self._since = self._clock.seconds()
