"""Lives of jobs at queues that are not good for them: one that eats jobs, and one that another should take the job from."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from pandad.embedded.pilotsettings import queue_description
from pandad.spec.jobstatus import JobStatus
from pandad.spec.site import QueueStatus, queue_from_description
from pandad.userinterface import queuekeeping

from . import errands
from .errands import ROOT, expect
from .lives import Life
from .rights import typed
from .stand import ENDPOINT, QUEUE, SITE
from .ways import Scenario, activated, cut

EATS = """
    INSERT INTO queue_end (bucket, queue, started, finished, failed, fast)
    SELECT date_trunc('minute', now()), queue, 50, 50 - fast, fast, fast
    FROM (VALUES (%(queue)s::text, 50), ('ELSEWHERE', 0)) AS e(queue, fast)
    ON CONFLICT (bucket, queue) DO UPDATE SET started = 50, finished = EXCLUDED.finished, fast = EXCLUDED.fast RETURNING 1"""
BY_LINE = """
    INSERT INTO line_end (bucket, queue, line, started, finished, fast)
    SELECT date_trunc('minute', now()), queue, (SELECT min(id) FROM line), 50, 50 - fast, fast
    FROM (VALUES (%(queue)s::text, 50), ('ELSEWHERE', 0)) AS e(queue, fast)
    ON CONFLICT (bucket, queue, line) DO UPDATE SET finished = EXCLUDED.finished, fast = EXCLUDED.fast RETURNING 1"""
FORGOTTEN = """
    WITH ends AS (DELETE FROM queue_end WHERE queue IN (%(queue)s, 'ELSEWHERE')),
    lines AS (DELETE FROM line_end WHERE queue IN (%(queue)s, 'ELSEWHERE'))
    DELETE FROM queue_brake RETURNING 1"""
BRAKED = "SELECT count(*) FROM queue_brake WHERE released IS NULL"
LONG_AGO = "UPDATE job SET statechangetime = statechangetime - interval '3 days' WHERE pandaid = %(id)s RETURNING 1"
PLACE = "SELECT computingsite FROM job WHERE pandaid = %(id)s"
AWAY = "DELETE FROM queue WHERE name = %(name)s RETURNING 1"


async def queue_braked(life: Life) -> None:
    """The job's queue eats jobs: it is braked, the job waits for brokerage again, and runs when that is forgotten."""
    await activated(life)
    for statement in (EATS, BY_LINE):
        await life.place.observer.rows(statement, queue=QUEUE)
    with cut(life):
        await life.loop("brake", lambda: life.place.observer.rows(BRAKED))
        await life.loop("rebrokerage")
    expect(await life.status(), JobStatus.DEFINED, "the job")
    await life.place.observer.rows(FORGOTTEN, queue=QUEUE)
    for loop in ("brokerage", "activator"):
        await life.loop(loop)


async def queue_left(life: Life) -> None:
    """The job has waited for days at a queue that takes no more work: it goes to another one, and back when that is gone."""
    await activated(life)
    other = f"Q{uuid.uuid4().hex}"
    await typed(life, "queue_add", queuekeeping.put, [queue_from_description(queue_description(other, SITE, ENDPOINT))], ROOT)
    await errands.set_queue(life, QueueStatus.BROKEROFF)
    await life.place.observer.rows(LONG_AGO, id=life.job_id)
    with cut(life):
        await life.loop("rebrokerage", lambda: _place(life))
    expect(await _place(life), [(other,)], "its queue")
    await errands.set_queue(life, QueueStatus.ONLINE)
    await typed(life, "queue_set", queuekeeping.set_status, other, QueueStatus.OFFLINE, "", None, ROOT)
    for loop in ("rebrokerage", "brokerage", "activator"):
        await life.loop(loop)
    expect(await _place(life), [(QUEUE,)], "its queue")
    await life.place.observer.rows(AWAY, name=other)


async def _place(life: Life) -> list[tuple[Any, ...]]:
    return await life.place.observer.rows(PLACE, id=life.job_id)


TROUBLE: Mapping[Scenario, JobStatus | None] = dict.fromkeys((queue_braked, queue_left), JobStatus.FINISHED)
