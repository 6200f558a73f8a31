"""Dumps of CRIC: their forms, and what can be wrong in them."""

from __future__ import annotations

import json
from typing import Any

import cric
import pytest

from pandad.spec.dump import completed, endpoints_in, links_in, queues_in, text_of
from pandad.spec.errors import BadRequest
from pandad.spec.facts import Link

Q = {"nickname": "Q", "maxrss": 1}


@pytest.mark.parametrize("data", [{"Q": Q}, {"Q": {"maxrss": 1}}, [Q], Q], ids=["by name", "without a name", "list", "one"])
def test_the_forms_of_a_dump(data: object) -> None:
    """By name, as a list, or a single queue."""
    dump = queues_in(data)
    assert (list(dump.things), dump.mistakes) == (["Q"], ()) and dump.things["Q"].maxrss_mb == 1


def test_the_fixture_is_readable() -> None:
    """All of a dump like CRIC's can be read, odd values and all, and the same seed makes the same dump."""
    dump = queues_in(cric.queues(300))
    assert (len(dump.things), dump.mistakes) == (300, ())
    assert json.dumps(cric.queues(9, seed=2)) == json.dumps(cric.queues(9, seed=2)) != json.dumps(cric.queues(9, seed=3))
    assert endpoints_in(cric.endpoints(30)).mistakes == links_in(cric.links(5)).mistakes == ()


@pytest.mark.parametrize(
    ("data", "mistake"),
    [
        ({"A": {"nickname": "B"}}, "A: nickname: 'B' stands under the name 'A'; make them equal"),
        ({"A": [1]}, "A: is not a table of keys"),
        ({"A/B": {}}, "A/B: nickname: 'A/B' is no name"),
        ([{"maxrss": 1}], "number 1: nickname: is missing"),
        ([Q, Q], "Q: nickname: is there twice"),
        ({"A": {"x": float("nan")}}, "A: x: has a value that cannot be kept"),
        ({"A": {"y": 1, "x": "a\0b"}}, "A: x: has a value that cannot be kept"),
        ({"A": {"x": ["\ud800"]}}, "A: x: has a value that cannot be kept"),
        ({"A": {"status": "closed"}}, "A: status: 'closed' is none of online, standby, test, brokeroff, offline, paused"),
        ({"A": {"fairsharepolicy": "half"}}, "A: fairsharepolicy: 'half' is no share"),
    ],
)
def test_mistakes(data: object, mistake: str) -> None:
    """Each names its queue and key; the others are read."""
    (found,) = queues_in(data).mistakes
    assert str(found).startswith(mistake)


@pytest.mark.parametrize("data", ["x", 3, None])
def test_no_dump_at_all(data: object) -> None:
    """What is neither a table nor a list is no dump."""
    for read in (queues_in, endpoints_in, links_in):
        with pytest.raises(BadRequest, match="is neither a table"):
            read(data)


def test_a_backslash_is_no_nul() -> None:
    """Only the character itself cannot be kept."""
    assert json.loads(text_of({"x": "\\u0000"})) == {"x": "\\u0000"}


def test_a_short_description_is_completed() -> None:
    """What pilots demand is filled in; what it says is kept."""
    (queue,) = queues_in({"Q": {"gstat": "SITE", "status": "test"}}, completed).things.values()
    assert (queue.description["panda_resource"], queue.description["atlas_site"], queue.status) == ("Q", "SITE", "test")


@pytest.mark.parametrize(
    "data",
    [
        {"A": {"B": 3}},
        {"A": {"B": {"distance": 3}}},
        {"A": {"B": {"AGIS": {"closeness": "3"}}}},
        {"A:B": {"closeness": {"latest": 3, "timestamp": "2026-01-01"}}},
        [{"src": "A", "dst": "B", "closeness": 3}],
    ],
    ids=["number", "table", "AGIS", "metrics", "list"],
)
def test_the_forms_of_links(data: Any) -> None:
    """However it is written, it is one distance."""
    assert links_in(data).links == {("A", "B"): Link(distance=3)}


@pytest.mark.parametrize(
    ("data", "mistake"),
    [
        ({"A": {"B": "near"}}, "A to B: distance: 'near' is not a whole number"),
        ({"A": {"B": None}}, "A to B: distance: None says none"),
        ({"A": {"B": True}}, "A to B: distance: True is not a whole number"),
        ({"A": {"B": -2}}, "A to B: distance: -2 is none"),
        ({"A": {"B": float("inf")}}, "A to B: distance: inf is not a whole number"),
        ({"A": 3}, "A to : names no two places"),
        ([3], " to : names no two places"),
    ],
)
def test_mistakes_in_links(data: Any, mistake: str) -> None:
    """Each names its two ends."""
    (found,) = links_in(data).mistakes
    assert str(found).startswith(mistake)


def test_a_blocked_link() -> None:
    """AGIS' -1 is no distance."""
    assert links_in({"A": {"B": -1}}).links == {("A", "B"): Link(blocked=True)}
