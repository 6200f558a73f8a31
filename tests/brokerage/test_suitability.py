"""Whether any queue could ever take a job."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
from factories import a_file, a_job, a_queue
from pytest_twisted import ensureDeferred
from stages import Stage
from twisted.internet.task import Clock

from pandad.brokerage.rules import READ, RULES
from pandad.brokerage.suitability import FRESH_S, PINNED, Suitability, never
from pandad.spec.job import JobSpec


@pytest.mark.parametrize("queue", [{}, {"status": "offline"}, {"status": "paused"}, {"status": "brokeroff"}])
def test_what_passes_is_no_obstacle(queue: dict[str, Any]) -> None:
    """A queue that is closed may open, and one that the job is to avoid would take another one like it."""
    assert never(a_job(avoided=["TEST_QUEUE"]), [a_queue(**queue)]) is None


def test_what_the_submitter_rules_out() -> None:
    """A job whose submitter leaves it no queue waits in vain, and is told what to say otherwise."""
    for avoided in (["-TEST_*"], ["!OTHER"]):
        found = never(a_job(avoided=avoided), [a_queue()])
        assert found is not None and found.queue == "TEST_QUEUE"
    found = never(a_job(avoided=["-TEST_*"]), [a_queue()])
    assert found is not None and (found.criterion, found.text) == ("excluded", "the job's submitter ruled it out")
    assert found.next_step == "submit it again without ruling TEST_QUEUE out (excludedSite)"


def test_nearest() -> None:
    """The nearest queue is the one that lacks the fewest things, and of those the one that lacks the least; it is named with its
    first lack, in figures."""
    queues = [a_queue(nickname="BAD", maxrss=5900, corecount=1, cmtconfig="el8"), a_queue(nickname="SMALL", maxrss=1000),
              a_queue(nickname="SITE_A", maxrss=4000, status="offline")]
    found = never(a_job(minRamCount=6000, cmtConfig="el9"), queues)
    assert found is not None
    assert (found.queue, found.criterion, found.have, found.need, found.lacks, found.queues) == (
        "SITE_A", "lowmemory", 4000, 6000, ("lowmemory",), 3)
    assert found.sentence == ("none of 3 registered queues can ever take it; nearest SITE_A: lowmemory, the job needs 6000 MB of "
                              "memory, the queue has 4000")
    assert found.next_step.startswith("ask for at most 4000 MB of memory (memory_mb, minRamCount) instead of 6000")


def test_no_queue_at_all() -> None:
    """Without any queue there is no nearest one."""
    found = never(a_job(), [])
    assert found is not None and (found.queue, found.sentence) == (None, "no queue is registered")
    assert "pandad queue add" in found.next_step


class Recording(JobSpec):
    """A job that notes what is read of it."""

    read: set[str]

    def __getattribute__(self, name: str) -> Any:
        if not name.startswith("_") and name != "read":
            object.__getattribute__(self, "read").add(name)
        return super().__getattribute__(name)


def test_all_that_is_read_is_told_apart() -> None:
    """Jobs share an answer only if they are alike in everything that the rules read."""
    job = Recording.__new__(Recording)
    job.read = set()
    plain = a_job(cmtConfig="x#y&z", AtlasRelease="r", minRamCount=1, maxWalltime=1, Files=[a_file(), a_file(type="input")])
    for each in fields(JobSpec):
        setattr(job, each.name, getattr(plain, each.name))
    odd = a_queue(cmtconfig="a", releases=["s"], architectures=[{"type": "gpu"}], astorages={}, type="production")
    for queue in (a_queue(), odd):
        for rule in RULES:
            rule.check(job, queue)
    assert job.read - {"is_pinned", "inputs", "outputs", "logs", "Files", "inputFileBytes", "avoided", "included",
                       "excluded", "failed_at"} <= {*READ, *PINNED}


@ensureDeferred
async def test_queues_that_change(stage: Stage) -> None:
    """Before a job is told that no queue can ever take it, queues that came or changed are looked at; one that no longer can
    is noticed after some seconds."""
    clock = Clock()
    room = Suitability(stage.store, clock)
    job = a_job(minRamCount=6000)
    assert [each is None for each in await room.never([job, a_job()])] == [False, False]
    await stage.queue(maxrss=8000)
    assert await room.never([job, a_job()]) == [None, None]
    await stage.queue(maxrss=4000)
    assert await room.never([job]) == [None]
    clock.advance(FRESH_S)
    assert (await room.never([job]))[0] is not None


@ensureDeferred
async def test_limits_tell_jobs_apart(stage: Stage) -> None:
    """Jobs alike but for where their submitters want them get answers of their own; names that are no queue's are known."""
    await stage.queue()
    room, jobs = Suitability(stage.store, Clock()), [a_job(), a_job(avoided=["-TEST*"]), a_job(avoided=["!TEST_QUEUE", "-GONE"])]
    assert [each is None for each in await room.never(jobs)] == [True, False, True]
    assert await room.unmatched(jobs) == ["GONE"]
