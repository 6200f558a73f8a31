"""Errands: asked for with the change that wants them, and removed with the one that follows."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_twisted import ensureDeferred

from pandad.taskbuffer import outbox
from pandad.taskbuffer.outbox import Errand, Pending, PutOff, Step
from pandad.taskbuffer.store import Store, Transaction

from .observing import run

KIND = "close dataset"


def an_errand(key: str = "a", **but: Any) -> Errand:
    values: dict[str, Any] = {"kind": KIND, "key": key, "subject": key, "step": Step.CLOSE, "payload": {"name": key}}
    return Errand(**{**values, **but})


async def due(txn: Transaction, limit: int = 10) -> list[Pending]:
    return await outbox.due(txn, [KIND, "make dataset"], limit)


def keys(pending: list[Pending]) -> list[str]:
    return [each.errand.key for each in pending]


@ensureDeferred
async def test_asked_for_once(store: Store) -> None:
    """An errand comes out as it went in; one that is there already is not asked for again, of another kind or key it is
    another one; of a kind that nobody handles it is not due."""

    async def body(txn: Transaction) -> None:
        first = an_errand(payload={"name": "ä", "files": [1, None]}, panda_id=7)
        await outbox.ask(txn, [first, an_errand("b")])
        await outbox.ask(txn, [an_errand(payload={}), an_errand("a", kind="make dataset", subject="c"), an_errand(kind="other")])
        found = await due(txn)
        assert [(e.errand.kind, e.errand.key) for e in found] == [(KIND, "a"), (KIND, "b"), ("make dataset", "a")]
        assert (found[0].errand, found[0].tries, found[0].error) == (first, 0, None)
        assert 0 <= found[0].age_s < 60
        assert keys(await due(txn, 1)) == ["a"]
        assert txn.hints == {"outbox"}

    await store.transact("t", body)


@ensureDeferred
async def test_the_lowest_step_first(store: Store) -> None:
    """Of the errands with one subject those of the lowest step are due, however late they came; others do not matter."""

    async def body(txn: Transaction) -> None:
        steps = {"close": Step.CLOSE, "erase": Step.ERASE, "fill 1": Step.FILL, "fill 2": Step.FILL, "make": Step.MAKE}
        await outbox.ask(txn, [an_errand(key, subject="D", step=step) for key, step in steps.items()])
        await outbox.ask(txn, [an_errand("elsewhere")])
        seen = []
        while found := await due(txn):
            seen.append(sorted(keys(found)))
            await outbox.take(txn, found)
        assert seen == [["elsewhere", "make"], ["fill 1", "fill 2"], ["close"], ["erase"]]

    await store.transact("t", body)


@ensureDeferred
async def test_put_off(store: Store) -> None:
    """One that failed is not due before its time, says how often and why it failed, and holds back what comes after it; who
    saw it before another one put it off does not put it off again."""

    async def body(txn: Transaction) -> None:
        await outbox.ask(txn, [an_errand("a", subject="D", step=Step.MAKE), an_errand("b", subject="D")])
        (seen,) = await due(txn)
        await outbox.put_off(txn, [PutOff(seen, 60, "no answer " * 100)])
        await outbox.put_off(txn, [PutOff(seen, 0, "later")])
        assert await due(txn) == []
        await run(txn, "UPDATE errand SET due = now()")
        (again,) = await due(txn)
        assert (again.tries, len(again.error or ""), (again.error or "")[:9]) == (1, 500, "no answer")

    await store.transact("t", body)


@ensureDeferred
async def test_taken_once(store: Store) -> None:
    """Of two who made the same errands one is told that they were his to settle; what was withdrawn is nobody's."""

    async def body(txn: Transaction) -> None:
        await outbox.ask(txn, [an_errand(key) for key in "abc"])
        found = await due(txn)
        assert await outbox.withdraw(txn, KIND, ["b", "z"]) == ["b"]
        assert keys(await outbox.take(txn, found)) == ["a", "c"]
        assert await outbox.take(txn, found) == []

    await store.transact("t", body)


@ensureDeferred
async def test_what_a_job_waits_for(store: Store) -> None:
    """Its own errands, and those of what it shares with others; no job's."""

    async def body(txn: Transaction) -> None:
        await outbox.ask(txn, [an_errand("own", panda_id=7), an_errand("other", panda_id=8, subject="D"),
                               an_errand("shared", subject="D"), an_errand("foreign", subject="E")])
        assert sorted(keys(await outbox.of_job(txn, 7, ["D"]))) == ["own", "shared"]
        assert keys(await outbox.of_job(txn, 9)) == []

    await store.transact("t", body)


@ensureDeferred
async def test_an_errand_goes_with_its_change(store: Store) -> None:
    """A transaction that is not committed has asked for nothing."""

    async def body(txn: Transaction) -> None:
        await outbox.ask(txn, [an_errand()])
        raise LookupError

    with pytest.raises(LookupError):
        await store.transact("t", body)
    assert await store.transact("t", due) == []
