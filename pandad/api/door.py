"""How many connections are open at a time, in all and from one address. Who comes when it is full takes the place of whoever has
waited longest without a call under way: so nobody can keep others out by holding connections, slowly or not at all used."""

from __future__ import annotations

import resource
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from pandad import metrics

LOOKED_AT = 100  # the oldest; if all of them are busy, there is no room
OWN_DESCRIPTORS = 128  # of connections to the database, logs, files that are sent


class Door:
    """Of one or several ports. A connection has `client` (address first), `is_busy` and `abortConnection`.

    :param most: connections in all. :param most_per_address: of one address.
    """

    def __init__(self, most: int = 10_000, most_per_address: int = 2_000) -> None:
        self.most, self.most_per_address = most, most_per_address
        self._inside: dict[Any, None] = {}  # the oldest first
        self._by_address: dict[str, dict[Any, None]] = {}

    def __len__(self) -> int:
        return len(self._inside)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._inside)

    def admits(self, address: str) -> bool:
        """Whether one more may come in from there; another one may have to leave for it."""
        from_there = self._by_address.get(address, {})
        if len(from_there) >= self.most_per_address and not self._displaced(from_there):
            return False
        return len(self._inside) < self.most or self._displaced(self._inside)

    def enter(self, connection: Any) -> None:
        """It is in."""
        self._inside[connection] = None
        self._by_address.setdefault(connection.client[0], {})[connection] = None

    def leave(self, connection: Any) -> None:
        """It is gone; known or not."""
        self._inside.pop(connection, None)
        from_there = self._by_address.get(connection.client[0], {})
        from_there.pop(connection, None)
        if not from_there:
            self._by_address.pop(connection.client[0], None)

    def _displaced(self, those: Iterable[Any]) -> bool:
        idle = next((each for each in islice(those, LOOKED_AT) if not each.is_busy), None)
        metrics.CONNECTIONS.add("refused" if idle is None else "displaced")
        if idle is not None:
            self.leave(idle)
            idle.abortConnection()
        return idle is not None


def room_for(connections: int) -> int:
    """How many of so many connections this process can have, after asking for as many descriptors."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + OWN_DESCRIPTORS
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return connections if soft == resource.RLIM_INFINITY else max(1, min(connections, soft - OWN_DESCRIPTORS))
