"""Data management in memory."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pandad.dataservice.ddm import DDMUnavailable, FileName, Replica, UnknownEndpoint
from pandad.dataservice.local import describe


class FakeDDM:
    """Endpoints that are dictionaries. `put` and `out` make the world; `asked` counts the questions."""

    def __init__(self, *endpoints: str) -> None:
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

    def endpoints(self) -> Mapping[str, Mapping[str, Any]]:
        """Their descriptions."""
        return {name: describe(name, number, Path("/", name)) for number, name in enumerate(sorted(self._held), 1)}
