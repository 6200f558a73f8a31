"""Brokerage decisions are kept, the last one per job, with every verdict."""

from __future__ import annotations

from dataclasses import replace

from pytest_twisted import ensureDeferred

from pandad.taskbuffer import decisions
from pandad.taskbuffer.decisions import StoredDecision
from pandad.taskbuffer.store import Store

VERDICTS = [
    {"queue": "A", "verdict": False, "criterion": "-memory", "have": 2000, "need": 4000, "text": "too small: 2000 < 4000 %s"},
    {"queue": "B", "verdict": True, "criterion": None, "have": None, "need": None, "text": "ü"},
]


@ensureDeferred
async def test_last_decision_counts(store: Store) -> None:
    """Each job has its latest decision, as it was made, with the time; before the first there is none."""
    assert await store.once("find", decisions.find, 1) is None
    await store.once("put", decisions.put, [StoredDecision(1, None, VERDICTS[:1]), StoredDecision(2, "B", VERDICTS)])
    first = await store.once("find", decisions.find, 1)
    assert first is not None and first.at is not None and replace(first, at=None) == StoredDecision(1, None, VERDICTS[:1])
    await store.once("put", decisions.put, [StoredDecision(1, "B", VERDICTS)])
    second = await store.once("find", decisions.find, 1)
    assert second is not None and second.at is not None and second.at > first.at
    assert replace(second, at=None) == StoredDecision(1, "B", VERDICTS)


@ensureDeferred
async def test_nothing_to_keep(store: Store) -> None:
    """No decisions are no error."""
    await store.once("put", decisions.put, [])
