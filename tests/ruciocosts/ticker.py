"""How long the reactor did nothing else."""

from __future__ import annotations

import time
from typing import Any

TICK_S = 0.002


class Ticker:
    """Notes the longest pause between two turns of the reactor: by the clock, and of that what this process used of the CPU; on a
    machine with much else to do only the second is its own."""

    def __init__(self, reactor: Any) -> None:
        self._reactor, self.longest_s, self.longest_cpu_s = reactor, 0.0, 0.0
        self._last_s, self._last_cpu_s = time.monotonic(), time.process_time()
        self._next = reactor.callLater(TICK_S, self._tick)

    def _tick(self) -> None:
        now_s, cpu_s = time.monotonic(), time.process_time()
        self.longest_s = max(self.longest_s, now_s - self._last_s - TICK_S)
        self.longest_cpu_s = max(self.longest_cpu_s, cpu_s - self._last_cpu_s)
        self._last_s, self._last_cpu_s = now_s, cpu_s
        self._next = self._reactor.callLater(TICK_S, self._tick)

    def stop(self) -> None:
        self._next.cancel()
