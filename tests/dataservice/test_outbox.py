"""Rounds of the outbox: every errand has the effect of one call, and no errand stops another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from stages import Stage

from pandad.dataservice.ddm import DDMRefused, DDMUnavailable, NotNow
from pandad.dataservice.outbox import Done, Handler, Outbox
from pandad.dataserviceconfig import DataServiceConfig
from pandad.spec.errors import StoreUnavailable
from pandad.taskbuffer import outbox
from pandad.taskbuffer.outbox import Errand, Pending, Step
from pandad.taskbuffer.store import Transaction

CONFIG = DataServiceConfig(errand_retry_s=10, errand_retry_max_s=40, give_up_s=1000)


class Noting:
    """Does nothing but note it. ``trouble``: by key, what a call for it raises. ``broken``: keys whose settling fails."""

    def __init__(self, kind: str = "note", together: int = 3) -> None:
        self.kind, self.together = kind, together
        self.calls: list[list[str]] = []
        self.settled: list[tuple[str, Any, str]] = []
        self.trouble: dict[str, Exception] = {}
        self.broken: set[str] = set()
        self.meanwhile: Callable[[], Any] | None = None

    async def call(self, pending: Sequence[Pending]) -> Sequence[str]:
        keys = [each.errand.key for each in pending]
        self.calls.append(keys)
        if self.meanwhile is not None:
            act, self.meanwhile = self.meanwhile, None
            await act()
        for key in keys:
            if key in self.trouble:
                raise self.trouble[key]
        return [f"{key} done" for key in keys]

    async def settle(self, txn: Transaction, done: Sequence[Done]) -> None:
        if self.broken & {each.pending.errand.key for each in done}:
            raise LookupError("a mistake")
        txn.after_commit(lambda: self.settled.extend(
            (each.pending.errand.key, each.result, str(each.error or "")) for each in done))


async def asked(stage: Stage, *keys: str, **but: Any) -> None:
    values: dict[str, Any] = {"kind": "note", "step": Step.FILL, "payload": {}}
    await stage.store.transact("t", outbox.ask, [Errand(**{**values, "key": key, "subject": key, **but}) for key in keys])


def rounds(stage: Stage, *handlers: Handler, config: DataServiceConfig = CONFIG) -> Outbox:
    return Outbox(stage.store, handlers, config)


async def left(stage: Stage) -> list[tuple[str, int, str | None, int]]:
    rows = await stage.sql("""SELECT key, tries, error, round(extract(epoch FROM due - now()))::int FROM errand ORDER BY key""")
    return [(key, tries, error, due_s) for key, tries, error, due_s in rows]


@ensureDeferred
async def test_errands_are_made_together(stage: Stage) -> None:
    """So many of a kind go into one call; each is settled with its own result, and none is left."""
    await asked(stage, *"abcde")
    await asked(stage, "x", kind="other")
    handler, other = Noting(), Noting("other")
    assert await rounds(stage, handler, other).run_once()
    assert (handler.calls, other.calls) == ([["a", "b", "c"], ["d", "e"]], [["x"]])
    assert sorted(handler.settled) == [(key, f"{key} done", "") for key in "abcde"]
    assert await left(stage) == []
    assert not await rounds(stage, handler).run_once()


@ensureDeferred
async def test_a_batch_is_no_end(stage: Stage) -> None:
    """What does not fit into a round, and what waits for a lower step, is made in the next; there is one while it helps."""
    await asked(stage, *"ab", subject="D")
    await asked(stage, "close", subject="D", step=Step.CLOSE)
    handler = Noting()
    box = rounds(stage, handler, config=replace(CONFIG, batch=1))
    assert [await box.run_once() for _ in range(4)] == [True, True, True, False]
    assert handler.calls == [["a"], ["b"], ["close"]]


@ensureDeferred
async def test_what_fails_for_now_is_tried_again(stage: Stage) -> None:
    """Each time after twice as long, up to a limit, and says why; then it is done as if nothing had been."""
    await asked(stage, "a")
    handler = Noting()
    handler.trouble["a"] = DDMUnavailable("no answer")
    box = rounds(stage, handler)
    seen = []
    for _ in range(4):
        assert not await box.run_once()
        ((_, tries, error, due_s),) = await left(stage)
        seen.append((tries, error, due_s))
        await stage.sql("UPDATE errand SET due = now() RETURNING 1")
    assert seen == [(1, "no answer", 10), (2, "no answer", 20), (3, "no answer", 40), (4, "no answer", 40)]
    handler.trouble.clear()
    assert await box.run_once()
    assert handler.settled == [("a", "a done", "")]


@ensureDeferred
async def test_what_one_cannot_have_now(stage: Stage) -> None:
    """Where the system answers that it cannot do this now, those are done that it can."""
    await asked(stage, *"abc")
    handler = Noting()
    handler.trouble["b"] = NotNow("its database has a problem")
    assert await rounds(stage, handler).run_once()
    assert sorted(key for key, *_ in handler.settled) == ["a", "c"]
    assert await left(stage) == [("b", 1, "its database has a problem", 10)]


@ensureDeferred
async def test_patience_ends(stage: Stage) -> None:
    """What could not be done for so long is settled as failed, and its neighbour in the call goes on waiting."""
    await asked(stage, "a", "b")
    await stage.sql("UPDATE errand SET asked = now() - interval '1001 s' WHERE key = 'a' RETURNING 1")
    handler = Noting()
    handler.trouble["b"] = DDMUnavailable("no answer")
    assert await rounds(stage, handler).run_once()
    assert handler.settled == [("a", None, "no answer")]
    assert [key for key, *_ in await left(stage)] == ["b"]


@ensureDeferred
async def test_the_refused_one_is_found(stage: Stage) -> None:
    """Of several in a call that is refused each is made alone: the culprit is settled as failed, the others are done."""
    await asked(stage, *"abc")
    handler = Noting()
    handler.trouble["b"] = DDMRefused("no")
    assert await rounds(stage, handler).run_once()
    assert sorted(handler.settled) == [("a", "a done", ""), ("b", None, "no"), ("c", "c done", "")]
    assert await left(stage) == []


@pytest.mark.parametrize("where", ["call", "settle"])
@ensureDeferred
async def test_a_mistake_stops_nobody(stage: Stage, where: str) -> None:
    """An errand that no code can make, or settle, is put off and says why; those beside it come to their end."""
    await asked(stage, "a", "b")
    await asked(stage, "x", kind="other")
    handler, other = Noting(), Noting("other")
    if where == "call":
        handler.trouble["a"] = LookupError("a mistake")
    else:
        handler.broken.add("a")
    assert await rounds(stage, handler, other).run_once()
    assert (handler.settled, other.settled) == ([("b", "b done", "")], [("x", "x done", "")])
    assert await left(stage) == [("a", 1, "LookupError: a mistake", 40)]


@ensureDeferred
async def test_settled_by_another(stage: Stage) -> None:
    """An errand that another process made and settled meanwhile is settled by it alone."""
    await asked(stage, "a")
    first, second = Noting(), Noting()
    first.meanwhile = rounds(stage, second).run_once
    await rounds(stage, first).run_once()
    assert (first.calls, second.calls) == ([["a"]], [["a"]])
    assert (first.settled, second.settled) == ([], [("a", "a done", "")])


@ensureDeferred
async def test_a_lost_commit(stage: Stage) -> None:
    """A round whose last transaction does not come through leaves the errand, and the loop hears why."""
    await asked(stage, "a")
    handler = Noting()
    handler.trouble["a"] = StoreUnavailable("the database is gone")
    with pytest.raises(StoreUnavailable):
        await rounds(stage, handler).run_once()
    assert [key for key, *_ in await left(stage)] == ["a"]


@ensureDeferred
async def test_nobody_to_do_it(stage: Stage) -> None:
    """Where there is nothing to call, errands stay for the day on which there is."""
    await asked(stage, "a")
    assert not await rounds(stage).run_once()
    assert [key for key, *_ in await left(stage)] == ["a"]
