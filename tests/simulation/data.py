"""Where the data are in the simulated grid, and how they move: over one link for each pair of endpoints, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from pandad.spec.facts import Link

from .events import Events
from .workload import Dataset

Block = tuple[int, int]  # dataset, number in it
MEDIAN_RATE, RATE_SIGMA = 80e6, 1.0  # bytes/s of a link
SETUP_S = 120.0  # until a transfer that was asked for begins, at the least


class Wire:
    """A link as it is. What is on its way is moved in the order in which it was asked for."""

    def __init__(self, rate: float) -> None:
        self.rate, self.distance = rate, distance_of(rate)
        self.free_at = 0.0
        self.files = 0
        self.bytes = 0

    def arrival(self, now: float, size: int) -> float:
        """When a file would be there that is asked for now."""
        return max(now + SETUP_S, self.free_at) + size / self.rate


class Storage:
    """Which block is at which endpoint. What was brought somewhere stays there and serves those that come later."""

    def __init__(self, seed: int, endpoints: Sequence[str], events: Events) -> None:
        rng = Random(f"{seed}/links")
        self._events = events
        self.wires = {(a, b): Wire(MEDIAN_RATE * rng.lognormvariate(0, RATE_SIGMA))
                      for a in endpoints for b in endpoints if a != b}
        self._brought: dict[Block, set[str]] = {}
        self._awaited: dict[tuple[Block, str], list[Callable[[], None]]] = {}
        self.moved_bytes = 0

    def holders(self, dataset: Dataset, block: Block) -> frozenset[str] | set[str]:
        """Endpoints that have the block."""
        brought = self._brought.get(block)
        return dataset.replicas | brought if brought else dataset.replicas

    def bring(self, dataset: Dataset, block: Block, endpoint: str, then: Callable[[], None]) -> None:
        """See to it that the block comes to the endpoint, from where it is there first; ``then`` is called when it has."""
        holders = self.holders(dataset, block)
        if endpoint in holders:
            then()
            return
        waiting = self._awaited.setdefault((block, endpoint), [])
        waiting.append(then)
        if len(waiting) == 1:
            self._move(dataset.block_bytes, holders, block, endpoint)

    def _move(self, size: int, holders: frozenset[str] | set[str], block: Block, endpoint: str) -> None:
        now = self._events.now
        wire = min((self.wires[each, endpoint] for each in sorted(holders)), key=lambda each: each.arrival(now, size))
        arrives = wire.free_at = wire.arrival(now, size)
        wire.files += 1
        wire.bytes += size
        self._events.at(arrives, self._arrived, wire, size, block, endpoint)

    def _arrived(self, wire: Wire, size: int, block: Block, endpoint: str) -> None:
        wire.files -= 1
        wire.bytes -= size
        self.moved_bytes += size
        self._brought.setdefault(block, set()).add(endpoint)
        for then in self._awaited.pop((block, endpoint)):
            then()

    def links(self) -> dict[tuple[str, str], Link]:
        """As the data service would tell: a rough distance, and what waits to be moved."""
        return {pair: Link(wire.distance, wire.files, wire.bytes) for pair, wire in self.wires.items()}


def distance_of(rate: float) -> int:
    """1 for the fastest links to 6 for the slowest: as an operator would enter it who knows their order of magnitude."""
    return next((distance for distance, least in enumerate((400e6, 200e6, 100e6, 50e6, 25e6), 1) if rate >= least), 6)
