"""Leases of timed loops: one holder at a time, terms that tell holders apart, notes of the holder only."""

from __future__ import annotations

from pytest_twisted import ensureDeferred
from twisted.internet.defer import gatherResults

from pandad.taskbuffer import loops
from pandad.taskbuffer.loops import LoopState
from pandad.taskbuffer.store import Store

from .observing import run

LOOP = "broker"


async def lease(store: Store, holder: str, name: str = LOOP) -> int | None:
    """For an hour."""
    return await store.once("lease", loops.lease, name, holder, 3600)


async def expire(store: Store) -> None:
    """An hour passes."""
    await store.once("expire", run, "UPDATE loop SET leaseuntil = leaseuntil - interval '3601 s'")


async def state(store: Store) -> LoopState:
    """Of the one loop."""
    (found,) = await store.once("all", loops.find_all)
    return found


@ensureDeferred
async def test_one_holder(store: Store) -> None:
    """Of many that ask at once one gets the lease, in term 1; it can renew it, in the same term."""
    terms = await gatherResults([store.once("lease", loops.lease, LOOP, f"h{n}", 3600) for n in range(16)])
    assert sorted(t for t in terms if t is not None) == [1]
    holder = f"h{terms.index(1)}"
    assert await lease(store, holder) == 1 and (await state(store)).holder == holder


@ensureDeferred
async def test_takeover_after_expiry(store: Store) -> None:
    """An expired lease goes to whoever asks, in the next term; the old holder is out until that one expires too."""
    assert await lease(store, "a") == 1 and await lease(store, "b") is None
    await expire(store)
    assert await lease(store, "b") == 2 and await lease(store, "a") is None
    await expire(store)
    assert await lease(store, "a") == 3


@ensureDeferred
async def test_takeover_after_release(store: Store) -> None:
    """Released leases are free at once, all of that holder and no others'."""
    assert [await lease(store, "a"), await lease(store, "a", "other"), await lease(store, "b", "third")] == [1, 1, 1]
    await store.once("release", loops.release, "a")
    assert [await lease(store, "b"), await lease(store, "b", "other"), await lease(store, "a", "third")] == [2, 2, None]


@ensureDeferred
async def test_notes_of_the_holder(store: Store) -> None:
    """Runs are counted, failures in a row kept with the last error, and a good run clears both."""
    assert await lease(store, "a") == 1
    for error in ("E: one", "E: two"):
        await store.once("finished", loops.finished, LOOP, "a", 1, error)
    bad = await state(store)
    assert (bad.runs, bad.failures, bad.error, bad.finished_at) == (2, 2, "E: two", None)
    await store.once("finished", loops.finished, LOOP, "a", 1, None)
    good = await state(store)
    assert (good.runs, good.failures, good.error) == (3, 0, None)
    assert good.finished_at is not None and good.started_at is not None and good.finished_at >= good.started_at


@ensureDeferred
async def test_outlived_term_notes_nothing(store: Store) -> None:
    """A holder that slept through its lease changes nothing of its successor's notes, even if it holds a later term."""
    assert await lease(store, "a") == 1
    await expire(store)
    assert await lease(store, "b") == 2
    before = await state(store)
    for holder, term in (("a", 1), ("a", 2), ("b", 1)):
        await store.once("finished", loops.finished, LOOP, holder, term, "late")
    assert await state(store) == before


@ensureDeferred
async def test_all_by_name(store: Store) -> None:
    """Every loop that ever ran, sorted."""
    for name in ("b", "a"):
        await lease(store, "h", name)
    assert [s.name for s in await store.once("all", loops.find_all)] == ["a", "b"]
