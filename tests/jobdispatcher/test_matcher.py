"""Rounds of matching: nobody is told "no job" while there is one, however old the windows and whoever else takes jobs."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from factories import a_job, a_pilot
from pytest_twisted import ensureDeferred
from stages import Stage
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import Clock

from pandad import metrics
from pandad.config import DatabaseConfig, SharesConfig
from pandad.jobdispatcher import matcher
from pandad.jobdispatcher.matcher import Matcher
from pandad.spec.job import ClaimedJob
from pandad.spec.jobstatus import Actor, Event, JobStatus
from pandad.taskbuffer.store import Store

ACTIVATED = JobStatus.ACTIVATED


def a_matcher(stage: Stage) -> tuple[Matcher, Clock]:
    """A matcher whose windows age as the clock says."""
    clock = Clock()
    return Matcher(stage.store, clock, SharesConfig()), clock


def ids(jobs: list[ClaimedJob]) -> list[int | None]:
    """Their PandaIDs."""
    return [job.PandaID for job in jobs]


@ensureDeferred
async def test_what_came_after_the_window_was_read(stage: Stage) -> None:
    """A job that was activated a moment ago is found by a pilot for which the window, still young, holds nothing."""
    matching, clock = a_matcher(stage)
    assert await matching.ask(a_pilot()) == []
    clock.advance(0.01)
    panda_id = await stage.job(ACTIVATED)
    assert ids(await matching.ask(a_pilot())) == [panda_id]


@ensureDeferred
async def test_a_better_job_is_seen_when_the_window_is_old(stage: Stage) -> None:
    """A job of higher priority goes first as soon as the window is read anew, after WINDOW_S at the latest."""
    matching, clock = a_matcher(stage)
    low = [await stage.job(ACTIVATED, currentPriority=1) for _ in range(3)]
    assert ids(await matching.ask(a_pilot())) == low[:1]
    high = await stage.job(ACTIVATED, currentPriority=9)
    clock.advance(matcher.WINDOW_MAX_S + 0.1)
    assert ids(await matching.ask(a_pilot())) == [high]


@ensureDeferred
async def test_candidates_that_others_took(stage: Stage) -> None:
    """Jobs of the window that another process took meanwhile are passed over, for those behind them."""
    matching, _ = a_matcher(stage)
    jobs = [await stage.job(ACTIVATED) for _ in range(5)]
    assert ids(await matching.ask(a_pilot())) == jobs[:1]
    assert ids(await stage.claim(count=2)) == jobs[1:3]
    assert ids(await matching.ask(a_pilot())) == [jobs[3]]
    assert ids(await stage.claim()) == [jobs[4]]
    assert await matching.ask(a_pilot()) == []


@ensureDeferred
async def test_a_job_that_changed_its_line_or_queue(stage: Stage) -> None:
    """A job that came back with other needs, or at another queue, is not given out by what an old window says of it."""
    matching, _ = a_matcher(stage)
    first, second, third = [await stage.job(ACTIVATED) for _ in range(3)]
    assert ids(await matching.ask(a_pilot(memory_mb=2000))) == [first]
    (big,) = await stage.jobs(a_job(jobStatus=JobStatus.DEFINED, minRamCount=9000))
    text = "UPDATE job SET line = (SELECT line FROM job WHERE pandaid = %(b)s) WHERE pandaid = %(id)s RETURNING 1"
    await stage.sql(text, b=big, id=second)
    await stage.sql("UPDATE job SET computingsite = 'ELSEWHERE' WHERE pandaid = %(id)s RETURNING 1", id=third)
    assert await matching.ask(a_pilot(memory_mb=2000)) == []


@ensureDeferred
async def test_a_line_that_is_missing(stage: Stage) -> None:
    """Jobs in a line that nobody knows, which fsck tells, stay where they are; the queue's other jobs go out."""
    lost, found = [await stage.job(ACTIVATED, currentPriority=n) for n in (9, 1)]
    await stage.sql("UPDATE job SET line = 0 WHERE pandaid = %(id)s RETURNING 1", id=lost)
    matching, _ = a_matcher(stage)
    assert ids(await matching.ask(a_pilot(count=2))) == [found]


@ensureDeferred
async def test_pilots_of_all_kinds_share_a_statement(stage: Stage) -> None:
    """Pilots of different queues and demands that come together are served by one claim, each with what it can take."""
    small, big = await stage.job(ACTIVATED, minRamCount=500), await stage.job(ACTIVATED, minRamCount=8000, currentPriority=5000)
    other = await stage.job(ACTIVATED, computingSite="OTHER")
    matching, before = a_matcher(stage)[0], metrics.TRANSACTIONS.values["acquire_jobs",]
    asked = [a_pilot(memory_mb=1000, node="wn1"), a_pilot(node="wn2"), a_pilot(queue="OTHER", node="wn3"), a_pilot(queue="NONE")]
    first = matching.ask(a_pilot(queue="NONE"))  # alone in its round
    found = await gatherResults([first, *map(matching.ask, asked)])
    assert list(map(ids, found)) == [[], [small], [big], [other], []]
    assert [job.modificationHost for jobs in found for job in jobs] == ["wn1", "wn2", "wn3"]
    assert metrics.TRANSACTIONS.values["acquire_jobs",] - before == 1


@ensureDeferred
async def test_several_at_once(stage: Stage) -> None:
    """Who asks for many gets as many as there are, best first, and another's share is not touched."""
    jobs = [await stage.job(ACTIVATED, currentPriority=-n) for n in range(7)]
    matching, _ = a_matcher(stage)
    assert ids(await matching.ask(a_pilot(count=3))) == jobs[:3]
    assert ids(await matching.ask(a_pilot(count=50))) == jobs[3:]


@ensureDeferred
async def test_a_bad_question_spoils_no_other(stage: Stage) -> None:
    """If what one pilot says breaks a round, that one hears it and the others of the round get their jobs, each one job."""
    jobs = [await stage.job(ACTIVATED) for _ in range(2)]
    matching, _ = a_matcher(stage)
    first, good, bad = matching.ask(a_pilot()), matching.ask(a_pilot()), matching.ask(a_pilot(queue="\0"))
    assert [ids(await first), ids(await good)] == [jobs[:1], jobs[1:]]
    with pytest.raises(ValueError, match="NUL"):
        await bad


@ensureDeferred
async def test_who_has_gone_gets_nothing(stage: Stage) -> None:
    """A pilot that hung up while it waited takes no job; the one behind it gets the best."""
    panda_id = await stage.job(ACTIVATED)
    matching, _ = a_matcher(stage)
    left, stays = matching.ask(a_pilot(), lambda: True), matching.ask(a_pilot())
    assert [ids(await left), ids(await stays)] == [[], [panda_id]]


@ensureDeferred
async def test_a_lost_claim_leaves_no_ghost(stage: Stage) -> None:
    """A job whose pilot never heard of it goes, once it is activated again, to the next one with the next attempt number."""
    matching, clock = a_matcher(stage)
    await stage.job(ACTIVATED)
    (job,) = await matching.ask(a_pilot())
    assert await stage.event(Event.SENT_EXPIRED, job.PandaID or 0, actor=Actor.WATCHER, attemptNr=2)
    clock.advance(matcher.WINDOW_MAX_S + 0.1)
    (again,) = await matching.ask(a_pilot())
    assert (again.PandaID, again.attemptNr) == (job.PandaID, 2)


JOBS, PILOTS, PROCESSES = 3000, 60, 4


@ensureDeferred
async def test_every_job_once_through_many_matchers(database: DatabaseConfig, stage: Stage) -> None:
    """Pilots of four processes empty a queue of several lines: each job goes out once, and nobody is sent away before the end."""
    choose = random.Random(7)
    wanted = await stage.jobs(
        *(a_job(jobStatus=ACTIVATED, minRamCount=choose.choice((500, 900)), currentPriority=n % 5) for n in range(JOBS)))
    stores = [Store(reactor, database) for _ in range(PROCESSES)]
    matchers = [Matcher(store, reactor, SharesConfig()) for store in stores]
    left = JOBS

    async def pilot(number: int) -> list[int]:
        nonlocal left
        mine: list[int] = []
        while jobs := await matchers[number % PROCESSES].ask(a_pilot(count=choose.choice((1, 1, 3)), node=f"n{number}")):
            mine += [job.PandaID or 0 for job in jobs]
            left -= len(jobs)
        assert left <= PILOTS * 3, "sent away while there were jobs"
        return mine

    found = await gatherResults([Deferred.fromCoroutine(pilot(n)) for n in range(PILOTS)])
    await gatherResults([Deferred.fromCoroutine(store.close()) for store in stores])
    assert Counter(i for mine in found for i in mine) == Counter(wanted)
    assert await stage.sql("SELECT count(*), count(DISTINCT pandaid) FROM job_event WHERE event = 'claimed'") == [(JOBS, JOBS)]
