"""The verdicts of all queues, counted."""

from __future__ import annotations

from typing import Any

from pandad.userinterface.funnel import able, funnel, nearest, step_of


def refused(queue: str, criterion: str, have: object, need: object, text: str = "") -> dict[str, Any]:
    return {"queue": queue, "verdict": "no", "criterion": criterion, "have": have, "need": need, "text": text}


VERDICTS = [
    *(refused(f"S{n}", "lowmemory", 1000 + n, 4000) for n in range(9)), refused("OFF", "status", "offline", "online"),
    refused("FULL", "cap", 20, 10), {"queue": "A", "verdict": "ok", "weight": 0.1, "text": ""},
    {"queue": "B", "verdict": "ok", "weight": 2.0, "text": ""}]


def test_counts() -> None:
    """How many queues can take it, and by which criteria how many cannot, the commonest first, with the figure of the nearest."""
    found = funnel(VERDICTS)
    assert (found["queues"], found["able"]) == (13, 2)
    assert found["text"] == (
        "9 of 13 queues: lowmemory 1008 < 4000; 1 of 13 queues: cap 20 > 10; 1 of 13 queues: status offline, needed online")
    assert funnel([]) == {"queues": 0, "able": 0, "criteria": [], "text": ""}


def test_order() -> None:
    """Of those that can the best first; of the others first what passes by itself, then what an operator can open, and then
    what the job lacks, the least first."""
    assert [v["queue"] for v in able(VERDICTS)] == ["B", "A"]
    assert [v["queue"] for v in nearest(VERDICTS)][:4] == ["FULL", "OFF", "S8", "S7"]


def test_steps() -> None:
    """Each refusal has its step."""
    assert step_of(VERDICTS[0]).startswith("ask for at most 1000 MB of memory")
    assert "pandad queue set OFF status=online" in step_of(VERDICTS[9])
