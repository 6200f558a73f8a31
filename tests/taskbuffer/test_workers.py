"""Harvester workers say of themselves that they began and ended, more than once and in any order."""

from __future__ import annotations

import itertools

import pytest
from pytest_twisted import ensureDeferred

from pandad.taskbuffer import workers
from pandad.taskbuffer.store import Store

from .observing import rows

LOOK = "SELECT status, queue, node, started IS NOT NULL, ended IS NOT NULL FROM worker"


@pytest.mark.parametrize("words", sorted(set(itertools.permutations(["started", "started", "finished", "finished"]))))
@ensureDeferred
async def test_any_order_ends_the_same(store: Store, words: tuple[str, ...]) -> None:
    """Whatever order its words arrive in, a worker that ended has ended, with both times."""
    for word in words:
        await store.once("put", workers.put, "harvester", 1, word, "Q", "n")
    assert await store.once("look", rows, LOOK) == [("finished", "Q", "n", True, True)]


@ensureDeferred
async def test_times_are_of_the_first_word(store: Store) -> None:
    """Repeating a word does not move its time, and what a later word leaves out stays."""
    times = "SELECT started, queue, node FROM worker"
    await store.once("put", workers.put, "harvester", 1, "started", "Q", "n")
    before = await store.once("look", rows, times)
    await store.once("put", workers.put, "harvester", 1, "started", None, None)
    assert await store.once("look", rows, times) == before


@ensureDeferred
async def test_worker_ids_count_per_harvester(store: Store) -> None:
    """The same number at two Harvesters is two workers."""
    for harvester in ("a", "b"):
        await store.once("put", workers.put, harvester, 1, "started", None, None)
    assert await store.once("look", rows, "SELECT harvesterid FROM worker ORDER BY 1") == [("a",), ("b",)]
