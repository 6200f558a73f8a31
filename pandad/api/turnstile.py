"""How fast the connections of one address begin their TLS handshake. It costs 2 ms of CPU, before it is known who it is.

Nobody is refused, for any connection may bring a job's last word: who comes too fast waits, unheard, until it is his turn.
"""

from __future__ import annotations

from collections import deque
from typing import Protocol

from twisted.internet.interfaces import IReactorTime

from pandad import metrics
from pandad.api.buckets import Buckets
from pandad.api.network import network_of
from pandad.limitsconfig import LimitsConfig


class Comer(Protocol):
    """A connection that has not said anything yet."""

    client: tuple[str, int]
    """Its address first."""
    connected: bool

    def go_on(self) -> None:
        """It is its turn."""


class Turnstile:
    """Of one process. It keeps those who wait, by address, the first one first."""

    def __init__(self, clock: IReactorTime, limits: LimitsConfig) -> None:
        self._clock, self._limits, self._buckets = clock, limits, Buckets(clock)
        self._waiting: dict[str, deque[Comer]] = {}

    def adopt(self, limits: LimitsConfig) -> None:
        """From now on these; who waits already may do so for a while longer."""
        self._limits = limits

    def admits(self, comer: Comer) -> bool:
        """Whether it may begin at once; else it is told to go on, later."""
        network = network_of(comer.client[0])
        if network not in self._waiting:
            wait_s = self._take(network)
            if not wait_s:
                return True
            self._waiting[network] = deque()
            self._clock.callLater(wait_s, self._let_in, network)
        self._waiting[network].append(comer)
        metrics.HANDSHAKES_WAITED.add()
        return False

    def _let_in(self, network: str) -> None:
        waiting = self._waiting[network]
        while waiting:
            if waiting[0].connected:
                wait_s = self._take(network)
                if wait_s:
                    self._clock.callLater(wait_s, self._let_in, network)
                    return
                waiting[0].go_on()
            waiting.popleft()
        del self._waiting[network]

    def _take(self, network: str) -> float:
        return self._buckets.take(network, self._limits.handshakes_per_s, self._limits.handshakes_burst)
