"""Lives of queues: what operators do about them, and their source."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from pandad.embedded.pilotsettings import queue_description
from pandad.embedded.sandbox import QUEUE as SANDBOX
from pandad.embedded.sandbox import ensure_queue
from pandad.spec.dump import as_it_is, queues_in
from pandad.spec.jobstatus import JobStatus
from pandad.spec.site import QueueStatus, queue_from_description
from pandad.taskbuffer import sources
from pandad.taskbuffer.imports import Manner
from pandad.userinterface import queuekeeping

from .errands import ROOT, expect
from .lives import Life
from .rights import ACTS, typed
from .stand import ENDPOINT, SITE
from .ways import Scenario, cut
from .world import SOURCE

STANDS = "SELECT status, override, gone IS NOT NULL FROM queue WHERE name = %(name)s"
OVER = "UPDATE queue SET until = now() - interval '1 second' WHERE name = %(name)s RETURNING 1"
PROBLEM = "SELECT problem IS NOT NULL FROM source WHERE kind = 'queues'"
AWAY = "DELETE FROM queue WHERE name = %(name)s RETURNING 1"


def _name() -> str:
    return f"Q{uuid.uuid4().hex}"


def _description(name: str, **but: Any) -> dict[str, Any]:
    """Of a queue that takes nothing: other lives' jobs keep away from it."""
    return {**queue_description(name, SITE, ENDPOINT), "status": QueueStatus.OFFLINE.value, **but}


async def _stands(life: Life, name: str) -> list[tuple[Any, ...]]:
    return await life.place.observer.rows(STANDS, name=name)


async def _acts(life: Life, name: str) -> list[str]:
    """What the audit says, what was done once more after a lost answer said once."""
    return list(dict.fromkeys(act for (act,) in await life.place.observer.rows(ACTS, mark=name)))


async def queue_kept(life: Life) -> None:
    """`pandad queue add`, `set` and `rm`."""
    name = _name()
    queue = queue_from_description(_description(name))
    with cut(life):
        await typed(life, "queue_add", queuekeeping.put, [queue], ROOT)
        await typed(life, "queue_set", queuekeeping.set_status, name, QueueStatus.TEST, "a fault", timedelta(hours=1), ROOT)
    expect(await _stands(life, name), [("offline", "test", False)], "the queue")
    with cut(life):
        await typed(life, "queue_set", queuekeeping.set_status, name, None, "", None, ROOT)
        await typed(life, "queue_rm", queuekeeping.remove, name, ROOT)
    expect(await _stands(life, name), [], "the queue")
    expect(await _acts(life, name), ["put queue", "set queue", "remove queue"], "the audit")


async def queue_imported(life: Life) -> None:
    """`pandad queue import`, and once more without one of two queues and with --prune. Each is noted once."""
    name, stays = _name(), _name()
    for prune, names in ((False, [name, stays]), (True, [stays])):
        dump = queues_in({each: _description(each) for each in names}, as_it_is)
        manner = Manner(source=f"/{name}.json", who="root@faults", prune=prune)
        with cut(life):
            await typed(life, "queue_import", queuekeeping.take_in, sources.QUEUES, dump, manner, ROOT)
        expect([len(await _stands(life, each)) for each in (name, stays)], [name in names, True], "queues")
    acts = await life.place.observer.rows(ACTS, mark=name)
    await life.place.observer.rows(AWAY, name=stays)
    expect(acts, [("import queues",)] * 2, "the audit")


async def source_followed(life: Life) -> None:
    """The loop takes a queue from its source, keeps it while the source is unreadable, and ends an operator's word in time."""
    name, file = _name(), life.place.storage / SOURCE
    file.write_text(json.dumps({name: _description(name)}))
    with cut(life):
        await life.loop("queues", lambda: _stands(life, name))
    expect(await _stands(life, name), [("offline", None, False)], "the queue")
    file.write_text("{")
    with cut(life):
        await life.loop("queues", lambda: life.place.observer.rows(PROBLEM))
    await typed(life, "queue_set", queuekeeping.set_status, name, QueueStatus.TEST, "", timedelta(hours=1), ROOT)
    await life.place.observer.rows(OVER, name=name)
    with cut(life):
        await life.loop("queues", lambda: _stands(life, name))
    expect(await _stands(life, name), [("offline", None, False)], "the queue")
    await life.place.observer.rows(AWAY, name=name)
    file.unlink()


async def with_a_queue_of_its_own(life: Life) -> None:
    """A sandbox is started on a database without its queue, and then on one with it."""
    for _ in range(2):
        with cut(life):
            await typed(life, "sandbox_queue", ensure_queue)
    expect(len(await life.place.observer.rows(AWAY, name=SANDBOX)), 1, "the queue")


QUEUES: Mapping[Scenario, JobStatus | None] = dict.fromkeys(
    (queue_kept, queue_imported, source_followed, with_a_queue_of_its_own))
