"""A loop for each issuer of tokens whose keys are fetched: issuers come and go while the daemon runs."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Protocol

from twisted.application.service import MultiService
from twisted.internet.interfaces import IReactorTime

from pandad.daemons.loop import Loop


class Source(Protocol):
    """Where keys come from. ``wake``: set here, runs its loop now."""

    address: str
    wake: Callable[[], None]

    async def run_once(self) -> bool:
        """One round."""


class KeyLoops(MultiService):
    """Each runs every `period_s`."""

    def __init__(self, clock: IReactorTime, period_s: float) -> None:
        super().__init__()
        self._clock, self._period_s = clock, period_s
        self._loops: dict[Source, Loop] = {}

    def follow(self, sources: Collection[Source]) -> None:
        """Run loops for these, and no others; one that is followed already goes on."""
        for gone in self._loops.keys() - set(sources):
            self._loops.pop(gone).disownServiceParent()
        for source in sources:
            if source not in self._loops:
                self._loops[source] = loop = Loop(self._clock, f"keys of {source.address}", self._period_s, source.run_once)
                source.wake = loop.wake
                loop.setServiceParent(self)
