"""Long work in short slices: calls are served in between."""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

SLICE_S = 0.02


class Pace:
    """Who works on calls `rest` often; it gives way when a slice is over."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock, self._since, self._before_s = clock, clock.seconds(), 0.0

    @property
    def worked_s(self) -> float:
        """How long it worked, without the rests."""
        return self._before_s + self._clock.seconds() - self._since

    async def rest(self) -> None:
        """Let the reactor do what waits, if it has waited for a slice."""
        worked_s = self._clock.seconds() - self._since
        if worked_s >= SLICE_S:
            self._before_s += worked_s
            await deferLater(self._clock, 0)
            self._since = self._clock.seconds()
