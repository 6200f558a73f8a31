"""Queues: their description as it came, pandad's word on their status, and what is on them."""

from __future__ import annotations

import pytest
from factories import QUEUE, a_job, a_queue, stored
from pytest_twisted import ensureDeferred
from twisted.internet import reactor

from pandad.config import DatabaseConfig
from pandad.spec.errors import NotFound
from pandad.spec.jobstatus import JobStatus
from pandad.spec.site import QueueStatus
from pandad.taskbuffer import moves, sites
from pandad.taskbuffer.store import Store, Transaction

from .observing import eventually, rows

S = JobStatus


@ensureDeferred
async def test_comes_back_as_it_came(store: Store) -> None:
    """The description is kept whole, with keys that pandad does not know."""
    queue = a_queue(copytools={"xrdcp": {"setup": ""}}, unknown=[1, None, "ü"])
    await store.transact("put", sites.put, queue, "root")
    assert await store.once("find", sites.find, QUEUE) == queue


@ensureDeferred
async def test_put_replaces(store: Store) -> None:
    """A second description of a queue takes the place of the first, its status included."""
    await store.transact("put", sites.put, a_queue(maxrss=1), "root")
    await store.transact("status", sites.set_status, QUEUE, QueueStatus.OFFLINE, "down", "root")
    await store.transact("put", sites.put, a_queue(maxrss=2), "root")
    found = await store.once("find", sites.find, QUEUE)
    assert (found.maxrss_mb, found.status) == (2, QueueStatus.ONLINE)


@ensureDeferred
async def test_set_status(store: Store) -> None:
    """The status that was set is the status, also in the description that pilots read; who and why are kept."""
    await store.transact("put", sites.put, a_queue(), "root")
    answered = await store.transact("status", sites.set_status, QUEUE, QueueStatus.BROKEROFF, "full disk", "alice")
    found = await store.once("find", sites.find, QUEUE)
    assert answered == found and found.status is QueueStatus.BROKEROFF and found.description["status"] == "brokeroff"
    assert await store.once("why", rows, "SELECT reason, changedby FROM queue") == [("full disk", "alice")]


@ensureDeferred
async def test_unknown_queue(store: Store) -> None:
    """A queue that is not there is NotFound, by name."""
    for call in (
        store.transact("find", sites.find, "NO"),
        store.transact("set", sites.set_status, "NO", QueueStatus.ONLINE, "", "x"),
    ):
        with pytest.raises(NotFound, match="no queue NO"):
            await call


@ensureDeferred
async def test_all_by_name(store: Store) -> None:
    """All queues, sorted."""
    for name in ("B", "A", "C"):
        await store.transact("put", sites.put, a_queue(nickname=name), "root")
    assert [q.name for q in await store.once("all", sites.find_all)] == ["A", "B", "C"]


@ensureDeferred
async def test_change_of_a_queue_wakes_the_brokerage(database: DatabaseConfig, store: Store) -> None:
    """A new queue or status makes every waiting defined job due at once, and the brokerage of every process hears of it."""
    heard: list[int] = []
    other = Store(reactor, database)
    other.listen("brokerage", lambda: heard.append(1))
    other.start()
    await eventually(lambda: bool(heard))
    heard.clear()

    async def put(txn: Transaction) -> None:
        await sites.put(txn, a_queue(), "root")

    async def set_status(txn: Transaction) -> None:
        await sites.set_status(txn, QUEUE, QueueStatus.ONLINE, "", "root")

    for change in (put, set_status):
        (panda_id,) = await store.transact("insert", stored, [a_job()])
        await eventually(lambda: bool(heard))
        await store.once("defer", moves.defer, [panda_id], S.DEFINED, 3600)
        heard.clear()
        await store.transact("change", change)
        await eventually(lambda: bool(heard))
        heard.clear()
        assert await store.once("due", rows, "SELECT count(*) FROM job WHERE nextcheck > now()") == [(0,)]
    await other.close()
