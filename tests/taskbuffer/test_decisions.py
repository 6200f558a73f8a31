"""Brokerage decisions are kept, the last one per job, with every verdict; what jobs share is stored once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from factories import a_decision, a_job, stored
from pytest_twisted import ensureDeferred
from stages import Stage

from pandad.taskbuffer import decisions
from pandad.taskbuffer.decisions import StoredDecision
from pandad.taskbuffer.store import Store

VERDICTS: list[dict[str, Any]] = [
    {"queue": "A", "verdict": "no", "criterion": "lowmemory", "have": 2000, "need": 4000, "text": "too small: 2000 < 4000 %s"},
    {"queue": "B", "verdict": "ok", "weight": 0.5, "text": "can take the job"},
    {"queue": "C", "verdict": "no", "criterion": "status", "have": "ü", "need": None, "text": "off"},
]


@ensureDeferred
async def test_last_decision_counts(store: Store) -> None:
    """Each job has its latest decision, as it was made, with the time; before the first there is none."""
    assert await store.once("find", decisions.find, 1) is None
    await store.once("put", decisions.put, [a_decision(1, None, VERDICTS[:1]), a_decision(2, "B", VERDICTS)])
    first = await store.once("find", decisions.find, 1)
    assert first is not None and first.at is not None and replace(first, at=None) == StoredDecision(1, None, VERDICTS[:1])
    await store.once("put", decisions.put, [replace(a_decision(1, "B", VERDICTS), weight=0.4, before=7)])
    second = await store.once("find", decisions.find, 1)
    assert second is not None and second.at is not None and second.at > first.at
    assert replace(second, at=None) == StoredDecision(1, "B", VERDICTS, weight=0.4, before=7)


@ensureDeferred
async def test_nothing_to_keep(store: Store) -> None:
    """No decisions are no error."""
    await store.once("put", decisions.put, [])


@ensureDeferred
async def test_verdicts_are_shared(store: Store) -> None:
    """However many jobs have the same verdicts, in one round or in several, they are stored once."""
    stage = Stage(store)
    for start in (1, 100):
        await store.once("put", decisions.put, [a_decision(n, "B", VERDICTS) for n in range(start, start + 50)])
    assert await stage.sql("SELECT count(*) FROM decision") == [(1,)]
    assert await stage.sql("SELECT count(*), count(verdicts) FROM job_decision") == [(100, 0)]


@ensureDeferred
async def test_an_older_pandads_decision_is_read(store: Store) -> None:
    """What was stored before verdicts were shared reads as ever, and is replaced as ever."""
    stage = Stage(store)
    await stage.sql("""INSERT INTO job_decision (pandaid, chosen, verdicts)
                       VALUES (1, 'A', '[{"queue": "A", "verdict": "ok", "weight": 1, "text": "x"}]') RETURNING 1""")
    found = await store.once("find", decisions.find, 1)
    assert found is not None
    assert (found.chosen, found.verdicts) == ("A", [{"queue": "A", "verdict": "ok", "weight": 1, "text": "x"}])
    await store.once("put", decisions.put, [a_decision(1, "B", VERDICTS)])
    found = await store.once("find", decisions.find, 1)
    assert found is not None and (found.chosen, found.verdicts) == ("B", VERDICTS)


@ensureDeferred
async def test_unused_verdicts_go(store: Store) -> None:
    """Verdicts to which no job refers any more are removed after a while; others, and fresh ones, stay."""
    stage = Stage(store)
    ids = await store.transact("jobs", stored, [a_job(), a_job()])
    for panda_id, verdicts in zip(ids, (VERDICTS, VERDICTS[1:]), strict=True):
        await store.once("put", decisions.put, [a_decision(panda_id, "B", verdicts)])
    await store.once("put", decisions.put, [a_decision(ids[0], None, VERDICTS[:1])])
    assert await store.once("remove", decisions.remove_unused, 10) == 0
    await stage.sql("UPDATE decision SET used = used - interval '2 h' RETURNING 1")
    assert await store.once("remove", decisions.remove_unused, 10) == 1
    for panda_id, verdicts in zip(ids, (VERDICTS[:1], VERDICTS[1:]), strict=True):
        found = await store.once("find", decisions.find, panda_id)
        assert found is not None and found.verdicts == verdicts
