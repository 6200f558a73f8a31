"""Queues: their description as it came, pandad's word on their status, and what is on them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cric import ODD
from factories import QUEUE, a_job, a_queue, stored
from pytest_twisted import ensureDeferred
from twisted.internet import reactor

from pandad.config import DatabaseConfig
from pandad.spec.errors import BadRequest, NotFound
from pandad.spec.jobstatus import JobStatus
from pandad.spec.site import QueueStatus
from pandad.taskbuffer import deferrals, sites
from pandad.taskbuffer.sites import QueueInUse
from pandad.taskbuffer.store import Store, Transaction

from .observing import eventually, rows, run

S = JobStatus


@ensureDeferred
async def test_comes_back_as_it_came(store: Store) -> None:
    """The description is kept whole, with keys that pandad does not know."""
    queue = a_queue(copytools={"xrdcp": {"setup": ""}}, unknown=[1, None, "ü"])
    await store.transact("put", sites.put, queue, "root")
    assert await store.once("find", sites.find, QUEUE) == queue


@ensureDeferred
async def test_numbers_come_back_as_they_are(store: Store) -> None:
    """Whole numbers stay whole and others stay others, however large or small; the order of keys stays too."""
    queue = a_queue(**ODD)
    await store.transact("put", sites.put, queue, "root")
    served = await store.read("served", sites.served, QUEUE)
    assert json.dumps(json.loads(served)) == json.dumps(queue.description)


@ensureDeferred
async def test_put_replaces(store: Store) -> None:
    """A second description of a queue takes the place of the first, the status in it included."""
    await store.transact("put", sites.put, a_queue(maxrss=1), "root")
    await store.transact("put", sites.put, a_queue(maxrss=2, status="offline"), "root")
    found = await store.once("find", sites.find, QUEUE)
    assert (found.maxrss_mb, found.status) == (2, QueueStatus.OFFLINE)


async def words(store: Store) -> tuple[QueueStatus, QueueStatus, QueueStatus | None, str]:
    """Of QUEUE: the status that counts, the source's, an operator's, and why."""
    (found,) = await store.read("standing", sites.standings, QUEUE)
    return found.queue.status, found.told, found.override.status if found.override else None, found.queue.status_reason


@ensureDeferred
async def test_set_status(store: Store) -> None:
    """The status that was set is the status, also in the description that pilots read; who and why are kept."""
    await store.transact("put", sites.put, a_queue(), "root")
    answered = await store.transact("status", sites.set_status, QUEUE, QueueStatus.BROKEROFF, "full disk", "alice")
    found = await store.once("find", sites.find, QUEUE)
    assert answered == found and found.status is QueueStatus.BROKEROFF and found.description["status"] == "brokeroff"
    assert json.loads(await store.read("served", sites.served, QUEUE))["status"] == "brokeroff"
    assert await words(store) == (QueueStatus.BROKEROFF, QueueStatus.ONLINE, QueueStatus.BROKEROFF, "full disk")
    assert await store.once("why", rows, "SELECT reason, setby, changedby FROM queue") == [("full disk", "alice", "root")]


@ensureDeferred
async def test_an_operators_word_outlives_a_description(store: Store) -> None:
    """A new description does not switch a queue on that an operator has switched off, until he takes his word back."""
    await store.transact("put", sites.put, a_queue(), "root")
    await store.transact("status", sites.set_status, QUEUE, QueueStatus.OFFLINE, "down", "alice")
    await store.transact("put", sites.put, a_queue(status="test"), "root")
    assert await words(store) == (QueueStatus.OFFLINE, QueueStatus.TEST, QueueStatus.OFFLINE, "down")
    assert (await store.transact("lift", sites.lift, QUEUE)).status is QueueStatus.TEST
    assert await words(store) == (QueueStatus.TEST, QueueStatus.TEST, None, "")


@ensureDeferred
async def test_a_word_ends_by_itself(store: Store) -> None:
    """When its time is over it counts no more, at once and everywhere; a round then takes it away and wakes the brokerage."""
    await store.transact("put", sites.put, a_queue(), "root")
    for until in (timedelta(hours=1), datetime.now(UTC) + timedelta(hours=1)):
        await store.transact("status", sites.set_status, QUEUE, QueueStatus.OFFLINE, "down", "alice", until)
        assert (await words(store))[0] is QueueStatus.OFFLINE
    assert await store.transact("lapse", sites.lapse) == []
    await store.once("later", run, "UPDATE queue SET until = now() - interval '1 s'")
    assert await words(store) == (QueueStatus.ONLINE, QueueStatus.ONLINE, None, "")
    assert (await store.once("find", sites.find, QUEUE)).status is QueueStatus.ONLINE
    assert [q.status for q in await store.read("all", sites.find_all)] == [QueueStatus.ONLINE]
    _, before = await store.once("changes", deferrals.changes)
    assert await store.transact("lapse", sites.lapse) == [(QUEUE, "offline", "online")]
    assert (await store.once("changes", deferrals.changes))[1] == before + 1


@ensureDeferred
async def test_a_time_that_is_over_is_refused(store: Store) -> None:
    """A word that would end before it begins is a mistake, and changes nothing."""
    await store.transact("put", sites.put, a_queue(), "root")
    with pytest.raises(BadRequest, match="until: is over already"):
        await store.transact("set", sites.set_status, QUEUE, QueueStatus.OFFLINE, "", "x", datetime(2020, 1, 1, tzinfo=UTC))
    assert (await words(store))[0] is QueueStatus.ONLINE


@ensureDeferred
async def test_one_unreadable_description_is_no_harm(store: Store) -> None:
    """What an earlier pandad took and this one cannot read is a queue that is offline and says why; the others stay."""
    for name in ("BAD", "GOOD"):
        await store.transact("put", sites.put, a_queue(nickname=name), "root")
    spoil = "UPDATE queue SET description = jsonb_set(description::jsonb, '{maxrss}', '\"much\"')::text WHERE name = 'BAD'"
    await store.once("spoil", run, spoil)
    await store.transact("set", sites.set_status, "BAD", QueueStatus.ONLINE, "", "root")
    found = await store.read("all", sites.find_all)
    assert [(q.name, q.status.value, q.problem) for q in found] == [
        ("BAD", "offline", "maxrss: 'much' is not a whole number"), ("GOOD", "online", None)]
    (bad, _) = await store.read("standings", sites.standings)
    assert bad.queue.status_reason == "its description cannot be read: maxrss: 'much' is not a whole number"
    assert json.loads(await store.read("served", sites.served, "BAD"))["maxrss"] == "much"
    assert (await store.read("one", sites.find, "BAD")).status is QueueStatus.OFFLINE


@ensureDeferred
async def test_remove(store: Store) -> None:
    """Only a queue that takes nothing and has no jobs can be taken out."""
    await store.transact("put", sites.put, a_queue(), "root")
    with pytest.raises(QueueInUse, match="TEST_QUEUE is online; run `pandad queue set TEST_QUEUE status=offline` first"):
        await store.transact("remove", sites.remove, QUEUE)
    await store.transact("status", sites.set_status, QUEUE, QueueStatus.OFFLINE, "", "root")
    for status in (S.ACTIVATED, S.THROTTLED):
        (panda_id,) = await store.transact("insert", stored, [a_job(jobStatus=status)])
        with pytest.raises(QueueInUse, match="TEST_QUEUE has 1 jobs"):
            await store.transact("remove", sites.remove, QUEUE)
        ended = "UPDATE job SET jobstatus = 'cancelled', endtime = now() WHERE pandaid = %(id)s"
        await store.once("end", run, ended, id=panda_id)
    await store.transact("remove", sites.remove, QUEUE)
    assert await store.read("all", sites.find_all) == []


@ensureDeferred
async def test_what_was_read_is_read_once(store: Store) -> None:
    """A description that did not change is the same object again, of another status too; a changed one is read anew."""
    await store.transact("put", sites.put, a_queue(), "root")
    first, again = [(await store.read("all", sites.find_all))[0] for _ in range(2)]
    assert first is again
    await store.transact("status", sites.set_status, QUEUE, QueueStatus.TEST, "", "root")
    (other,) = await store.read("all", sites.find_all)
    assert other == replace(first, status=QueueStatus.TEST, description={**first.description, "status": "test"})
    await store.transact("put", sites.put, a_queue(maxrss=77), "root")
    assert [q.maxrss_mb for q in await store.read("all", sites.find_all)] == [77]


@ensureDeferred
async def test_unknown_queue(store: Store) -> None:
    """A queue that is not there is NotFound, by name."""
    for call in (
        store.transact("find", sites.find, "NO"),
        store.transact("served", sites.served, "NO"),
        store.transact("lift", sites.lift, "NO"),
        store.transact("remove", sites.remove, "NO"),
        store.transact("set", sites.set_status, "NO", QueueStatus.ONLINE, "", "x"),
    ):
        with pytest.raises(NotFound, match="no queue NO"):
            await call


@ensureDeferred
async def test_all_by_name(store: Store) -> None:
    """All queues, sorted."""
    for name in ("B", "A", "C"):
        await store.transact("put", sites.put, a_queue(nickname=name), "root")
    assert [q.name for q in await store.read("all", sites.find_all)] == ["A", "B", "C"]
    assert list(await store.read("served", sites.served_all)) == ["A", "B", "C"]


@ensureDeferred
async def test_change_of_a_queue_wakes_the_brokerage(database: DatabaseConfig, store: Store) -> None:
    """A new queue or status is counted, by which brokerage knows that it may concern any job, and every process hears of it."""
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

    async def lift(txn: Transaction) -> None:
        await sites.lift(txn, QUEUE)

    for change in (put, set_status, lift):
        _, before = await store.once("changes", deferrals.changes)
        await store.transact("change", change)
        await eventually(lambda: bool(heard))
        heard.clear()
        assert (await store.once("changes", deferrals.changes))[1] == before + 1
    await other.close()
