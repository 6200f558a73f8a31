"""How many connections are open at a time, in all, from one address and of one identity. Who comes when it is full takes the
place of whoever has waited longest without a call under way: so nobody can keep others out by holding connections, slowly or not
at all used."""

from __future__ import annotations

import resource
from collections.abc import Hashable, Iterable, Iterator
from itertools import islice
from typing import Any

from pandad import metrics
from pandad.api.network import network_of
from pandad.limitsconfig import LimitsConfig

LOOKED_AT = 100  # the oldest; if all of them are busy, there is no room
OWN_DESCRIPTORS = 128  # of connections to the database, logs, files that are sent


class Door:
    """Of one or several ports. A connection has `client` (address first), `is_busy` and `abortConnection`.

    :param most: connections in all. :param most_per_address: of one address. :param most_per_identity: of one identity.
    """

    def __init__(self, most: int = 10_000, most_per_address: int = 2_000, most_per_identity: int = 1_000) -> None:
        self.most, self.most_per_address, self.most_per_identity = most, most_per_address, most_per_identity
        self._inside: dict[Any, None] = {}  # the oldest first
        self._by_address: dict[str, dict[Any, None]] = {}
        self._whose: dict[Any, Hashable] = {}
        self._by_identity: dict[Hashable, dict[Any, None]] = {}

    def adopt(self, limits: LimitsConfig) -> None:
        """From now on these, as far as this process can have so many; who is inside already stays."""
        self.most, self.most_per_address = room_for(limits.connections), limits.connections_per_address
        self.most_per_identity = limits.connections_per_identity

    def __len__(self) -> int:
        return len(self._inside)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._inside)

    def admits(self, address: str) -> bool:
        """Whether one more may come in from there; another one may have to leave for it."""
        from_there = self._by_address.get(network_of(address), {})
        if len(from_there) >= self.most_per_address and not self._displaced(from_there):
            return False
        return len(self._inside) < self.most or self._displaced(self._inside)

    def enter(self, connection: Any) -> None:
        """It is in."""
        self._inside[connection] = None
        self._by_address.setdefault(network_of(connection.client[0]), {})[connection] = None

    def belongs(self, connection: Any, who: Hashable) -> bool:
        """A call of somebody came by it: it is his from now on. Whether he may have it; another one of his may have to leave."""
        if self._whose.get(connection) == who or connection not in self._inside:
            return True
        self._forget(connection)
        his = self._by_identity.get(who, {})
        if len(his) >= self.most_per_identity and not self._displaced(his):
            return False
        self._whose[connection] = who
        self._by_identity.setdefault(who, his)[connection] = None
        return True

    def leave(self, connection: Any) -> None:
        """It is gone; known or not."""
        self._inside.pop(connection, None)
        _taken(self._by_address, network_of(connection.client[0]), connection)
        self._forget(connection)

    def _forget(self, connection: Any) -> None:
        """Whose it is."""
        if connection in self._whose:
            _taken(self._by_identity, self._whose.pop(connection), connection)

    def _displaced(self, those: Iterable[Any]) -> bool:
        idle = next((each for each in islice(those, LOOKED_AT) if not each.is_busy), None)
        metrics.CONNECTIONS.add("refused" if idle is None else "displaced")
        if idle is not None:
            self.leave(idle)
            idle.abortConnection()
        return idle is not None


def _taken(groups: dict[Any, dict[Any, None]], group: Hashable, connection: Any) -> None:
    """Out of its group, and the group away if it is empty."""
    left = groups.get(group, {})
    left.pop(connection, None)
    if not left:
        groups.pop(group, None)


def room_for(connections: int) -> int:
    """How many of so many connections this process can have, after asking for as many descriptors."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + OWN_DESCRIPTORS
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return connections if soft == resource.RLIM_INFINITY else max(1, min(connections, soft - OWN_DESCRIPTORS))
