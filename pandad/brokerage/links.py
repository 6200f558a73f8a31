"""The ways between storage endpoints."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from pandad.spec.facts import Link


class Links(dict[tuple[str, str], Link]):
    """By (from, to). They do not change."""

    def __init__(self, links: Mapping[tuple[str, str], Link]) -> None:
        super().__init__(links)
        self.some_blocked = any(link.blocked for link in links.values())
        self._ranked: dict[str | None, dict[str, tuple[int, Link]]] = {}
        self._asked: tuple[Collection[str | None], str | None] = (), None
        self._best: Link | None = None
        for (source, goal), link in sorted(links.items(), key=lambda pair: (_price(pair[1]), pair[0])):
            there = self._ranked.setdefault(goal, {})
            there[source] = len(there), link

    def cheapest(self, sources: Collection[str | None], endpoint: str | None) -> Link | None:
        """The best one to an endpoint from one of those that have the data; None where none is known."""
        if sources is not self._asked[0] or endpoint != self._asked[1]:  # several rules ask the same, one after the other
            ranked = self._ranked.get(endpoint, {})
            best = min([ranked[source] for source in sources if source in ranked], default=None)
            self._asked, self._best = (sources, endpoint), best[1] if best is not None else None
        return self._best


def _price(link: Link) -> tuple[bool, int, int]:
    return link.blocked, link.distance if link.distance is not None else 1, link.backlog_bytes
