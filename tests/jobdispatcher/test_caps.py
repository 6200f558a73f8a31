"""Caps: who has all its cores waits visibly, and goes on when there is room."""

from __future__ import annotations

from factories import ALICE, ANCHOR, QUEUE, a_job
from pytest_twisted import ensureDeferred
from stages import Stage

from pandad.config import SharesConfig
from pandad.jobdispatcher.ageing import Ageing
from pandad.jobdispatcher.caps import Caps
from pandad.spec.account import Account, Directory, People
from pandad.spec.caller import Identity
from pandad.spec.jobstatus import Actor, Event, JobStatus

BOB, TOKEN = Identity(ANCHOR, "/DC=org/DC=test/CN=bob"), Identity("https://issuer.test/", "token-4711")
S = JobStatus


async def counts(stage: Stage, subject: str = "%alice") -> dict[str, int]:
    """Alice's jobs by state."""
    return dict(await stage.sql("SELECT jobstatus, count(*) FROM job WHERE ownersubject LIKE %(s)s GROUP BY 1", s=subject))


@ensureDeferred
async def test_a_user_at_the_cap(stage: Stage) -> None:
    """Activated jobs of a user at the cap are throttled, others' are not; the history says why. Once the user has room, just so
    many come back as fit, the best first."""
    await stage.queue()
    await stage.jobs(*(a_job(jobStatus=S.ACTIVATED, currentPriority=100 + n) for n in range(10)))
    await stage.jobs(a_job(jobStatus=S.ACTIVATED, minRamCount=7), owner=BOB)
    caps = Caps(stage.store, SharesConfig(user_cap=4))
    running = [job.PandaID or 0 for job in await stage.claim(count=4, memory_mb=5)]
    assert not await caps.run_once()
    assert await counts(stage) == {"sent": 4, "throttled": 6} and await counts(stage, "%bob") == {"activated": 1}
    (held,) = await stage.sql("SELECT max(pandaid) FROM job WHERE jobstatus = 'throttled'")
    assert (await stage.history(held[0]))[-1].why == "user /DC=org/DC=test/CN=alice has 4 cores, the cap is 4"
    await caps.run_once()
    assert (await counts(stage))["throttled"] == 6, "at the cap nothing comes back"
    for panda_id in running[:2]:
        await stage.event(Event.REPORTED, panda_id, actor=Actor.PILOT, reportedstatus=S.FINISHED)
    await caps.run_once()
    assert await counts(stage) == {"sent": 2, "holding": 2, "throttled": 4, "activated": 2}
    best = await stage.sql("SELECT max(currentpriority) FROM job WHERE jobstatus = 'throttled'")
    back = await stage.sql("SELECT min(currentpriority) FROM job WHERE jobstatus = 'activated' AND ownersubject LIKE '%%alice'")
    assert back > best


@ensureDeferred
async def test_one_user_with_two_credentials(stage: Stage) -> None:
    """What runs under linked identities counts for the cap together, jobs of all of them are held back, and who asks why reads
    of both names; somebody else is not held back."""
    await stage.queue()
    people = People(Directory(accounts=dict.fromkeys((ALICE, TOKEN), Account(7, "alice", frozenset({ALICE, TOKEN})))))
    for owner, memory_mb in ((ALICE, 1), (TOKEN, 1), (ALICE, 7), (TOKEN, 7), (BOB, 7)):
        await stage.jobs(*(a_job(jobStatus=S.ACTIVATED, minRamCount=memory_mb) for _ in range(2)), owner=owner)
    await stage.claim(count=4, memory_mb=1)
    caps = Caps(stage.store, SharesConfig(user_cap=4), people)
    await caps.run_once()
    assert await counts(stage) == {"sent": 2, "throttled": 2} == await counts(stage, TOKEN.subject)
    assert await counts(stage, "%bob") == {"activated": 2}
    (held,) = await stage.sql("SELECT max(pandaid) FROM job WHERE jobstatus = 'throttled'")
    said = f"user {ALICE.subject} alias {TOKEN.subject} has 4 cores, the cap is 4"
    assert (await stage.history(held[0]))[-1].why == said
    people.learn(Directory())
    await caps.run_once()
    assert await counts(stage) == {"sent": 2, "activated": 2} == await counts(stage, TOKEN.subject)


@ensureDeferred
async def test_a_line_that_is_missing(stage: Stage) -> None:
    """A running job whose line nobody knows, which fsck tells, counts for no one, and keeps no cap from being kept."""
    await stage.queue()
    await stage.jobs(*(a_job(jobStatus=S.ACTIVATED) for _ in range(3)))
    await stage.jobs(a_job(jobStatus=S.ACTIVATED, minRamCount=7), owner=BOB)
    await stage.claim(count=4)
    await stage.sql("UPDATE job SET line = 0 WHERE ownersubject = %(bob)s RETURNING 1", bob=BOB.subject)
    await stage.jobs(a_job(jobStatus=S.ACTIVATED))
    await Caps(stage.store, SharesConfig(user_cap=3)).run_once()
    assert await counts(stage) == {"sent": 3, "throttled": 1}


@ensureDeferred
async def test_a_group_at_the_cap(stage: Stage) -> None:
    """A group's cap holds for all its members together, in cores, and for nobody else."""
    await stage.queue()
    for owner in (BOB, Identity(ANCHOR, "/CN=carol")):
        await stage.jobs(*(a_job(jobStatus=S.ACTIVATED, workingGroup="higgs", coreCount=2) for _ in range(3)), owner=owner)
    (free,) = await stage.jobs(a_job(jobStatus=S.ACTIVATED))
    await stage.claim(count=2, working_group="higgs")
    await Caps(stage.store, SharesConfig(group_caps={"higgs": 4})).run_once()
    assert await counts(stage, "%") == {"sent": 2, "throttled": 4, "activated": 1} and await stage.status(free) is S.ACTIVATED


@ensureDeferred
async def test_no_cap_no_wait(stage: Stage) -> None:
    """With a cap taken away everything that was held back goes on."""
    await stage.queue()
    await stage.jobs(*(a_job(jobStatus=S.ACTIVATED) for _ in range(5)))
    await stage.claim(count=2)
    await Caps(stage.store, SharesConfig(user_cap=2)).run_once()
    assert (await counts(stage))["throttled"] == 3
    await Caps(stage.store, SharesConfig(user_cap=0)).run_once()
    assert await counts(stage) == {"sent": 2, "activated": 3}


@ensureDeferred
async def test_ageing(stage: Stage) -> None:
    """A user job gains 40 for each day that it waits, once a day; a fresh one and a production job gain nothing."""
    old, fresh = await stage.jobs(*(a_job(jobStatus=S.ACTIVATED) for _ in range(2)))
    (managed,) = await stage.jobs(a_job(jobStatus=S.ACTIVATED, prodSourceLabel="managed"))
    await stage.sql("UPDATE job SET statechangetime = now() - interval '25 h' WHERE pandaid <> %(id)s RETURNING 1", id=fresh)
    ageing = Ageing(stage.store)
    for gained in (40, 40, 80):
        assert not await ageing.run_once()
        priorities = [(await stage.look(i)).currentPriority - 1000 for i in (old, fresh, managed)]
        assert priorities == [gained, 0, 0]
        if gained == 40:
            await stage.sql("UPDATE job SET nextcheck = nextcheck - interval '12 h' WHERE pandaid = %(id)s RETURNING 1", id=old)
    assert (await stage.look(old)).computingSite == QUEUE
