"""Data management in memory."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pandad.dataservice.ddm import DDMUnavailable, FileName, Replica, UnknownEndpoint
from pandad.dataservice.local import describe
from pandad.spec.facts import Space, Whereabouts

ROOM_BYTES = 10**12


class FakeDDM:
    """Endpoints that are dictionaries. `put`, `out` and `room` make the world; `asked` counts the questions."""

    moves = False

    def __init__(self, *endpoints: str) -> None:
        self.room = dict.fromkeys(endpoints, ROOM_BYTES)
        self._held: dict[str, dict[FileName, bytes]] = {name: {} for name in endpoints}
        self.out: set[str] = set()
        self.asked = 0

    def put(self, endpoint: str, name: FileName, content: bytes) -> None:
        """A file arrives, or is replaced."""
        self._held[endpoint][name] = content

    async def replicas(self, endpoint: str, names: Sequence[FileName]) -> Mapping[FileName, Replica]:
        """The copies of these files at an endpoint."""
        self.asked += 1
        if endpoint not in self._held:
            raise UnknownEndpoint(f"there is no storage endpoint {endpoint}")
        if endpoint in self.out:
            raise DDMUnavailable(f"{endpoint} does not answer")
        held = self._held[endpoint]
        return {
            name: Replica(name, endpoint, len(held[name]), f"{zlib.adler32(held[name]):08x}") for name in names if name in held
        }

    async def locate(self, names: Sequence[FileName]) -> Whereabouts:
        """Where these files are."""
        self.asked += 1
        copies = {
            name: {place: len(held[name]) for place, held in self._held.items() if place not in self.out and name in held}
            for name in names
        }
        silent = {place: f"{place} does not answer" for place in self._held if place in self.out}
        return Whereabouts({name: places for name, places in copies.items() if places}, silent)

    async def space(self, endpoints: Sequence[str]) -> Mapping[str, Space]:
        """What is free."""
        return {name: Space(ROOM_BYTES, self.room[name]) for name in endpoints if name in self.room and name not in self.out}

    def endpoints(self) -> Mapping[str, Mapping[str, Any]]:
        """Their descriptions."""
        return {name: describe(name, number, Path("/", name)) for number, name in enumerate(sorted(self._held), 1)}
