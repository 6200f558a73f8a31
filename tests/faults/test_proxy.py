"""The proxy cuts where it says, and spreads its faults evenly."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from .proxy import Fault, Plan, call_of, position

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
LINE = HEAD.index(b"\r\n")
BODIES = st.binary(min_size=3, max_size=200)

RANGES = {
    Fault.NOT_SENT: lambda n: (0, 0),
    Fault.IN_REQUEST_HEAD: lambda n: (1, len(HEAD) - 1),
    Fault.IN_REQUEST_BODY: lambda n: (len(HEAD), len(HEAD) + n - 1),
    Fault.LAST_REQUEST_BYTE: lambda n: (len(HEAD) + n - 1, len(HEAD) + n - 1),
    Fault.AFTER_REQUEST: lambda n: (len(HEAD) + n, len(HEAD) + n),
    Fault.NO_REPLY_BYTE: lambda n: (0, 0),
    Fault.IN_STATUS_LINE: lambda n: (1, LINE),
    Fault.IN_HEADERS: lambda n: (LINE + 1, len(HEAD) - 4),
    Fault.FIRST_BODY_BYTE: lambda n: (len(HEAD) + 1, len(HEAD) + 1),
    Fault.IN_BODY: lambda n: (len(HEAD) + 1, len(HEAD) + n - 1),
    Fault.LAST_BODY_BYTE: lambda n: (len(HEAD) + n - 1, len(HEAD) + n - 1),
    Fault.AFTER_REPLY: lambda n: (len(HEAD) + n, len(HEAD) + n),
}


@given(st.sampled_from(Fault), BODIES, st.integers())
def test_a_cut_falls_into_its_class(fault: Fault, body: bytes, seed: int) -> None:
    """The position lies in the part of the message that the fault names; a fault that is no cut has none."""
    found = position(fault, HEAD, body, Random(seed))
    if fault not in RANGES:
        assert found is None
    else:
        low, high = RANGES[fault](len(body))
        assert found is not None and low <= found <= high


def test_faults_are_spread_evenly() -> None:
    """All kinds of calls meet all kinds of faults, none of them much more often than another; the same seed, the same faults."""
    plans = [Plan(7), Plan(7)]
    met = [[plan.next(call) for _ in range(500) for call in ("submit", "kill")] for plan in plans]
    assert met[0] == met[1]
    assert len(plans[0].done) == 2 * len(Fault)
    for call in ("submit", "kill"):
        counts = [plans[0].done[call, fault] for fault in Fault]
        assert max(counts) - min(counts) <= 1


def test_no_faults_when_it_is_off() -> None:
    """The drain is without faults."""
    plan = Plan(1)
    plan.on = False
    assert {plan.next("submit") for _ in range(100)} == {None}


def test_the_proxy_knows_the_call() -> None:
    """Clients name it in User-Agent."""
    assert call_of(b"POST / HTTP/1.1\r\nUser-Agent: kill\r\nHost: x\r\n\r\n") == "kill"
    assert call_of(b"POST / HTTP/1.1\r\n\r\n") == "other"
