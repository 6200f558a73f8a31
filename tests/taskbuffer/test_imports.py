"""Dumps into the store: whole or not at all, served as they came, and a word on what changes."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import cric
import pytest
from factories import a_job, a_queue, stored
from pytest_twisted import ensureDeferred

from pandad.spec.difference import Difference
from pandad.spec.dump import Dump, endpoints_in, links_in, queues_in
from pandad.spec.jobstatus import JobStatus
from pandad.spec.site import QueueStatus
from pandad.taskbuffer import deferrals, sites, sources
from pandad.taskbuffer.imports import BadDump, Halved, Manner, take_endpoints, take_links, take_queues
from pandad.taskbuffer.sources import Mark
from pandad.taskbuffer.store import Store

from .observing import rows, run

SOURCE = "https://cric.example.org/queues.json"
MANNER = Manner(source=SOURCE, who="alice")


async def take(store: Store, data: object, manner: Manner = MANNER) -> Difference:
    """Queues."""
    return await store.transact("take", take_queues, queues_in(data), manner)


async def statuses(store: Store) -> dict[str, str]:
    """That count, by queue."""
    return {queue.name: queue.status.value for queue in await store.read("all", sites.find_all)}


def few(count: int = 4) -> dict[str, dict[str, Any]]:
    """Queues, all online."""
    return {name: {**queue, "status": "online"} for name, queue in cric.queues(count).items()}


@ensureDeferred
async def test_three_hundred_queues_come_back_key_for_key(store: Store) -> None:
    """All of a dump is served as it came: the same keys in the same order, and 1 is not 1.0."""
    dump = cric.queues(300)
    found = await take(store, dump)
    assert (len(found.added), found.is_empty) == (300, False)
    served = await store.read("served", sites.served_all)
    assert {name: json.dumps(json.loads(text)) for name, text in served.items()} == {
        name: json.dumps(description) for name, description in dump.items()}
    name = next(iter(dump))
    assert await store.read("served", sites.served, name) == served[name]


@ensureDeferred
async def test_again_changes_nothing(store: Store) -> None:
    """The same dump once more writes nothing, whoever brings it."""
    await take(store, few())
    before = await store.once("rows", rows, "SELECT name, xmin::text FROM queue")
    found = await take(store, few(), replace(MANNER, who="bob"))
    assert found.is_empty and found.same == 4
    assert await store.once("rows", rows, "SELECT name, xmin::text FROM queue") == before


@ensureDeferred
async def test_what_changes(store: Store) -> None:
    """New, changed and missing queues are told apart; of those that changed each key, with both values."""
    first, second = few(4), few(5)
    await take(store, first)
    a, b, c, _, new = second
    second[a]["maxrss"], second[b]["corecount"] = 1234, float(first[b]["corecount"])
    del second[c], second[b]["country"]
    found = await take(store, second)
    assert (found.added, found.gone, found.same) == ([new], [c], 1)
    (changed,) = found.changed[a]
    assert (changed.key, changed.old, changed.new) == ("maxrss", json.dumps(first[a]["maxrss"]), "1234")
    assert [change.key for change in found.changed[b]] == ["corecount", "country"]
    assert str(found.changed[b][1]) == f'country: "{first[b]["country"]}" -> nothing'


@pytest.mark.parametrize(("key", "wakes"), [("comment", False), ("maxrss", True), ("status", True)])
@ensureDeferred
async def test_what_decides_wakes_the_brokerage(store: Store, key: str, wakes: bool) -> None:
    """Jobs that no queue took are looked at again at once if a key changed that decides, and not for a new comment."""
    dump = few(2)
    await take(store, dump)
    _, before = await store.once("changes", deferrals.changes)
    dump[min(dump)][key] = "test" if key == "status" else 4711
    assert len((await take(store, dump)).changed) == 1
    assert (await store.once("changes", deferrals.changes))[1] == before + wakes


@ensureDeferred
async def test_a_queue_that_is_gone_is_offline(store: Store) -> None:
    """It is not removed: its jobs go on, pilots see it offline, and it is there again when the source has it again."""
    dump = few(3)
    name = next(iter(dump))
    await take(store, dump)
    found = await take(store, {key: value for key, value in dump.items() if key != name})
    assert found.gone == [name] and (await statuses(store))[name] == "offline"
    (standing,) = await store.read("standing", sites.standings, name)
    assert standing.queue.status_reason == f"not in {SOURCE} any more"
    assert json.loads(await store.read("served", sites.served, name)) == {**dump[name], "status": "offline"}
    assert (await take(store, {key: value for key, value in dump.items() if key != name})).is_empty
    found = await take(store, dump)
    assert (found.back, found.changed) == ([name], {}) and (await statuses(store))[name] == "online"


@ensureDeferred
async def test_pruning(store: Store) -> None:
    """What is gone is removed only if that is asked for, and only if no job is there."""
    dump = few(4)
    first, second, *others = dump
    await take(store, dump)
    await store.transact("jobs", stored, [a_job(jobStatus=JobStatus.ACTIVATED, computingSite=first)])
    left = {name: dump[name] for name in others}
    found = await take(store, left, replace(MANNER, prune=True))
    assert (found.gone, found.removed) == ([first], [second])
    assert sorted(await statuses(store)) == sorted([first, *others])
    assert (await take(store, left, replace(MANNER, prune=True))).is_empty


@ensureDeferred
async def test_queues_from_elsewhere_stay(store: Store) -> None:
    """What was added by hand, or is of another source, is not gone because this one does not have it."""
    await store.transact("put", sites.put, a_queue(), "root")
    await take(store, {"OTHER": {}}, replace(MANNER, source="/other.json"))
    await take(store, few(2))
    assert (await take(store, few(2))).is_empty
    assert set((await statuses(store)).values()) == {"online"} and len(await statuses(store)) == 4


@ensureDeferred
async def test_a_source_takes_a_queue_over(store: Store) -> None:
    """A queue that was added by hand becomes its source's, which is told."""
    await store.transact("put", sites.put, a_queue(), "root")
    found = await take(store, {"TEST_QUEUE": dict(a_queue().description)})
    assert [str(change) for change in found.changed["TEST_QUEUE"]] == [f'(imported from): "by hand" -> "{SOURCE}"']
    assert (await take(store, {"TEST_QUEUE": dict(a_queue().description)})).is_empty


@ensureDeferred
async def test_an_operators_word_outlives_an_import(store: Store) -> None:
    """Whatever the source says of the status, and whether or not it still has the queue."""
    dump = few(2)
    name = next(iter(dump))
    await take(store, dump)
    await store.transact("set", sites.set_status, name, QueueStatus.BROKEROFF, "broken", "root")
    await take(store, {**dump, name: {**dump[name], "status": "test"}})
    assert (await statuses(store))[name] == "brokeroff"
    await store.transact("lift", sites.lift, name)
    assert (await statuses(store))[name] == "test"


@pytest.mark.parametrize("dry", [False, True])
@ensureDeferred
async def test_one_bad_queue_stops_all(store: Store, dry: bool) -> None:
    """Every mistake is told by queue and key, and nothing is taken."""
    dump = few(3)
    a, b, _ = dump
    dump[a]["status"], dump[b]["maxrss"] = "onlin", "much"
    with pytest.raises(BadDump) as caught:
        await take(store, dump, replace(MANNER, dry=dry))
    assert str(caught.value).splitlines() == [
        f"{SOURCE}: {a}: status: 'onlin' is none of online, standby, test, brokeroff, offline, paused",
        f"{SOURCE}: {b}: maxrss: 'much' is not a whole number"]
    assert await statuses(store) == {}


@ensureDeferred
async def test_bad_queues_can_be_passed_over(store: Store) -> None:
    """They stay as they are here, are not taken for gone, and the rest is taken."""
    dump = few(3)
    a, b, _ = dump
    await take(store, dump)
    found = await take(store, {**dump, a: {**dump[a], "maxrss": -1}, b: {**dump[b], "maxrss": 5}}, replace(MANNER, skip_bad=True))
    assert (found.unread, list(found.changed), found.gone, found.same) == ([a], [b], [], 1)
    assert json.loads(await store.read("served", sites.served, a)) == dump[a]


@ensureDeferred
async def test_a_dry_run_changes_nothing(store: Store) -> None:
    """It says the same as the real one."""
    await take(store, few(3))
    before = await store.read("served", sites.served_all)
    dump = few(4)
    del dump[next(iter(dump))]
    dry = await take(store, dump, replace(MANNER, dry=True, prune=True))
    assert await store.read("served", sites.served_all) == before
    assert await take(store, dump, replace(MANNER, prune=True)) == dry


@pytest.mark.parametrize("left", [0, 1])
@ensureDeferred
async def test_a_guarded_source_cannot_lose_most(store: Store, left: int) -> None:
    """Nothing at all is refused from anybody; less than half of what there was, where nobody looks on."""
    await take(store, few(4))
    dump = dict(list(few(4).items())[:left])
    with pytest.raises(Halved if left else BadDump, match="has only 1 of the 4 queues" if left else "has no queues"):
        await take(store, dump, replace(MANNER, guarded=True))
    assert set((await statuses(store)).values()) == {"online"}
    assert len((await take(store, dict(list(few(4).items())[:2]), replace(MANNER, guarded=True))).gone) == 2


@ensureDeferred
async def test_what_is_here_may_not_be_what_the_source_had(store: Store) -> None:
    """After any other change of queues the source is asked for all of it, and not only for what is newer than the last time."""
    await store.transact("took", sources.took, "queues", SOURCE, Mark("tag", "date", "digest"))
    assert await store.read("due", sources.due, "queues", SOURCE, 0.0) == Mark("tag", "date", "digest")
    await take(store, few(2), replace(MANNER, source="/by/hand.json"))
    await store.transact("confirmed", sources.confirmed, "queues", SOURCE)
    assert await store.read("due", sources.due, "queues", SOURCE, 0.0) == Mark()


@ensureDeferred
async def test_when_a_source_is_due(store: Store) -> None:
    """At first, and a while after each try, whether or not it went well; another address has no mark, and is due at once."""
    assert await store.read("due", sources.due, "queues", SOURCE, 3600.0) == Mark()
    await store.transact("failed", sources.failed, "queues", SOURCE, "down")
    assert await store.read("due", sources.due, "queues", SOURCE, 3600.0) is None
    await store.transact("took", sources.took, "queues", SOURCE, Mark("tag", None, "digest"))
    assert await store.read("due", sources.due, "queues", SOURCE, 3600.0) is None
    await store.transact("failed", sources.failed, "queues", SOURCE, "down")
    assert await store.read("due", sources.due, "queues", SOURCE, 0.0) == Mark("tag", None, "digest")
    assert await store.read("due", sources.due, "queues", "/other", 3600.0) == Mark()
    (state,) = await store.read("states", sources.find_all)
    assert (state.problem, state.took is None) == ("down", False)


@ensureDeferred
async def test_endpoints(store: Store) -> None:
    """They come and go with their source, and are served as they came."""
    dump = cric.endpoints(6)
    first, second, *_ = dump
    manner = replace(MANNER, source="/ddm.json")
    assert len((await store.transact("take", take_endpoints, endpoints_in(dump), manner)).added) == 6
    served = await store.read("served", sites.served_endpoints)
    assert {name: json.dumps(json.loads(text)) for name, text in served.items()} == {
        name: json.dumps(description) for name, description in dump.items()}
    known, version = await store.read("all", sites.endpoints), await store.read("version", sites.endpoints_version)
    assert sorted(known) == sorted(dump) and (await store.read("all", sites.endpoints))[first] is known[first]
    dump[first]["blacklisted_write"] = True
    del dump[second]
    found = await store.transact("take", take_endpoints, endpoints_in(dump), manner)
    assert (list(found.changed), found.removed, found.same) == ([first], [second], 4)
    assert not (await store.read("all", sites.endpoints))[first].writable
    assert await store.read("version", sites.endpoints_version) != version
    assert (await store.transact("take", take_endpoints, endpoints_in(dump), manner)).is_empty


@ensureDeferred
async def test_an_unreadable_endpoint_is_left_out(store: Store) -> None:
    """What an earlier pandad took and this one cannot read is no reason to have none."""
    dump = cric.endpoints(2)
    await store.transact("take", take_endpoints, endpoints_in(dump), MANNER)
    spoil = "UPDATE endpoint SET description = '{\"detailed_status\": 1}' WHERE name = %(name)s"
    await store.once("spoil", run, spoil.replace("%(name)s", f"'{min(dump)}'"))
    assert list(await store.read("all", sites.endpoints)) == [max(dump)]


@ensureDeferred
async def test_links(store: Store) -> None:
    """They come and go with their source; those from some places can be had without the rest."""
    data = cric.links(4)
    manner = replace(MANNER, source="/links.json")
    assert len((await store.transact("take", take_links, links_in(data), manner)).added) == 16
    assert await store.read("links", sites.links) == links_in(data).links
    a, b, *_ = data
    assert set(await store.read("links", sites.links, [a])) == {(a, to) for to in data}
    data[a][b] = {"AGIS": {"closeness": -1}}
    data[b][a] = {"AGIS": {"closeness": 7}}
    del data[b][b]
    found = await store.transact("take", take_links, links_in(data), manner)
    assert (set(found.changed) <= {f"{a} to {b}", f"{b} to {a}"}, found.removed) == (True, [f"{b} to {b}"])
    assert (await store.read("links", sites.links))[a, b].blocked
    assert (await store.transact("take", take_links, links_in(data), manner)).is_empty


def test_a_dump_knows_its_bad_things_too() -> None:
    """A thing that cannot be read is there all the same."""
    dump: Dump[Any] = queues_in({"A": {}, "B": {"maxrss": "x"}})
    assert set(dump.things) == {"A"} and sorted(dump.names) == ["A", "B"]
