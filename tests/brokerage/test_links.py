"""The ways between endpoints."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pandad.brokerage.links import Links
from pandad.brokerage.snapshot import Snapshot
from pandad.spec.facts import Link

ENDPOINTS = ["A", "B", "C", "D"]
pairs = st.tuples(st.sampled_from(ENDPOINTS), st.sampled_from(ENDPOINTS))
links = st.dictionaries(
    pairs,
    st.builds(Link, distance=st.sampled_from([None, 0, 1, 2]), backlog_bytes=st.sampled_from([0, 5]), blocked=st.booleans()),
)


def price(link: Link) -> tuple[bool, int, int]:
    return link.blocked, 1 if link.distance is None else link.distance, link.backlog_bytes


@given(links, st.lists(st.tuples(st.lists(st.sampled_from(ENDPOINTS), unique=True), st.sampled_from([*ENDPOINTS, None]))))
def test_the_cheapest(known: dict[tuple[str, str], Link], asked: list[tuple[list[str], str | None]]) -> None:
    """One that is open before one that is blocked, then the shorter one, where an unknown length is 1, then that with
    less to move; whatever was asked before."""
    ways = Links(known)
    for sources, goal in asked:
        found = ways.cheapest(sources, goal)
        prices = [price(known[source, goal]) for source in sources if goal is not None and (source, goal) in known]
        assert (price(found) if found is not None else None) == min(prices, default=None)


def test_they_are_ranked_once() -> None:
    """However often the rest of what is known changes in a round."""
    snapshot = Snapshot((), {}, links={("A", "B"): Link()})
    assert Snapshot((), {}, links=snapshot.links).ways is snapshot.ways
