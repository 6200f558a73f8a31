"""Lives with a part under the scalpel: together they take every mutating call and loop through all their statements."""

from __future__ import annotations

from collections.abc import Mapping

from pandad.spec.caller import Caller
from pandad.spec.jobstatus import JobStatus
from pandad.spec.site import QueueStatus
from pandad.spec.specialhandling import USE_SECRETS

from . import errands
from .errands import HARVESTER, expect
from .limits import LIMITS
from .lives import PILOT, Life
from .queues import QUEUES
from .rights import RIGHTS
from .tasklives import TASKS
from .trouble import TROUBLE
from .ways import Scenario, activated, cut, running
from .world import BAD_SITE, OUT_OF_MEMORY

STRANGER = Caller(PILOT.identity, frozenset(), False, "node.test")
TOO_LITTLE_MB, ENOUGH_MB = 100, 4000


async def finished(life: Life) -> None:
    """The straight way, all of it."""
    with cut(life):
        await activated(life)
        await life.acquire()
        for word in ("starting", "running", "running", "finished"):
            await life.say(word)
        await life.loop("adder")


async def failed(life: Life) -> None:
    """The pilot reports a failure."""
    await running(life)
    with cut(life):
        await life.say("failed")
        await life.loop("adder")


async def taken_with_others(life: Life) -> None:
    """A pilot asks for several jobs at once."""
    await activated(life)
    with cut(life):
        await life.acquire(count=3)


async def checked(life: Life) -> None:
    """Updates by a holder without the pilot role, who is looked at first."""
    await activated(life)
    await life.acquire()
    with cut(life):
        for word in ("running", "running", "finished"):
            await life.say(word, STRANGER)


async def recovered(life: Life) -> None:
    """The pilot keeps the outputs and reports later."""
    await running(life)
    with cut(life):
        await life.say("holding")
        await life.say("finished")


async def killed_early(life: Life) -> None:
    """A user kills a job that no pilot has."""
    await activated(life)
    with cut(life):
        await life.kill()


async def killed_in_slot(life: Life) -> None:
    """A user kills a running job; its pilot obeys."""
    await running(life)
    with cut(life):
        await life.kill()
        await life.say("running")
        await life.say("failed")


async def submitted_together(life: Life) -> None:
    """Three submissions that share a transaction."""
    with cut(life):
        await life.submit(together=3)


async def reported_together(life: Life) -> None:
    """Harvester reports many jobs in one call."""
    await running(life)
    with cut(life):
        await errands.say_many(life, "running")
        await errands.say_many(life, "failed")


async def with_more_memory(life: Life) -> None:
    """A rule gives the job more memory for its next attempt: it stands in another line then."""
    await running(life)
    await life.say("failed", pilot_error_code=OUT_OF_MEMORY)
    with cut(life):
        await life.loop("adder")
    expect(await life.status(), JobStatus.ACTIVATED, "the job")


async def elsewhere(life: Life) -> None:
    """A rule sends the job away from its queue. There is no other one, so its user gives up."""
    await running(life)
    await life.say("failed", pilot_error_code=BAD_SITE)
    with cut(life):
        await life.loop("adder")
        await life.loop("brokerage", lambda: errands.why_not(life))
    expect(await life.status(), JobStatus.DEFINED, "the job")
    await life.kill()


async def with_a_secret(life: Life) -> None:
    """Its owner leaves a secret for the job, its pilot gets it, and the owner takes it back."""
    await activated(life, specialHandling=USE_SECRETS)
    with cut(life):
        await errands.keep_secret(life, "token", "abc")
        await life.acquire()
        expect(life.extra, {"secrets": '{"token":"abc"}'}, "what the pilot got")
        await errands.keep_secret(life, "token", None)


async def debugged(life: Life) -> None:
    """Its owner looks into the job: the pilot is told, answers, and is told to go on."""
    await running(life)
    with cut(life):
        await errands.debug(life, True)
        await errands.ask(life, "ps -ef")
        for tail in ("what was printed", "the processes", "more that was printed"):
            await life.say("running", stdout=tail)
        expect(await errands.outputs(life), [("ps -ef", "the processes")], "what its owner sees")
        await errands.debug(life, False)


async def of_a_worker(life: Life) -> None:
    """The job is in the hands of a worker of Harvester, which ends; then its pilot is not heard of again."""
    await activated(life)
    with cut(life):
        await errands.work(life, "started")
        await life.acquire(harvester_id=HARVESTER, worker_id=life.job_id)
        await life.say("running")
        await errands.work(life, "finished")
    await life.age()
    life.limit = "heartbeat_analysis"
    with cut(life):
        await life.loop("watcher")


async def queue_opened(life: Life) -> None:
    """The only queue takes nothing; then it is switched on, and the job goes there at once."""
    await errands.set_queue(life, QueueStatus.BROKEROFF)
    await life.submit()
    await life.loop("brokerage", lambda: errands.why_not(life))
    with cut(life):
        await errands.set_queue(life, QueueStatus.ONLINE)
        await life.loop("brokerage")


async def queue_gone(life: Life) -> None:
    """The job's queue goes offline before a pilot takes it: it waits for brokerage again, and runs when the queue is back."""
    await activated(life)
    await errands.set_queue(life, QueueStatus.OFFLINE)
    with cut(life):
        await life.loop("rebrokerage")
    expect(await life.status(), JobStatus.DEFINED, "the job")
    await errands.set_queue(life, QueueStatus.ONLINE)
    for loop in ("brokerage", "activator"):
        await life.loop(loop)


async def queue_changed(life: Life) -> None:
    """The only queue is too small for the job; a file with a new description makes it larger, and the job goes there at once."""
    await errands.add_queue(life, TOO_LITTLE_MB)
    await life.submit()
    await life.loop("brokerage", lambda: errands.why_not(life))
    with cut(life):
        await errands.add_queue(life, ENOUGH_MB)
        await life.loop("brokerage")


async def after_an_outage(life: Life) -> None:
    """No process lived for an hour; the first that does notes it, once."""
    await running(life)
    before = await errands.nobody_lives(life)
    with cut(life):
        await life.loop("alive", lambda: errands.outages(life))
        await life.round("alive")  # the next one finds that somebody lives
    expect(await errands.outages(life), before + 1, "outages")


async def restarted(life: Life) -> None:
    """The process takes back what an earlier one of its host held, runs its loops, and gives all back."""
    await life.submit()
    with cut(life):
        await life.answered(lambda world: world.leases.reclaim())
        await life.loop("brokerage")
        await life.answered(lambda world: world.leases.release())


async def held_back(life: Life) -> None:
    """The user has all cores of its cap, then none."""
    await running(life)
    await activated(life)
    with cut(life):
        await life.loop("caps")
    await life.clear_others()
    with cut(life):
        await life.loop("caps")


async def aged(life: Life) -> None:
    """The job waits for days."""
    await activated(life)
    with cut(life):
        await life.age_waiting()


async def archived(life: Life) -> None:
    """The job has ended, and leaves the hot tables; so does a line that no job stands in any more."""
    await activated(life)
    await life.finish()
    await errands.leave_a_line(life)
    with cut(life):
        await life.archive()
        await life.round("historian")
    expect(await errands.old_lines(life), 0, "lines without jobs")


async def counted(life: Life) -> None:
    """What happened to the job is added up, and what its pilot asked for is stored."""
    await running(life)
    with cut(life):
        await life.loop("tally", lambda: errands.unfolded(life))
        await life.round("traffic")
    expect(await errands.unfolded(life), 0, "what is not added up")


SCENARIOS: Mapping[Scenario, JobStatus | None] = {
    finished: JobStatus.FINISHED,
    failed: None,  # a rule may grant another attempt
    taken_with_others: JobStatus.FINISHED,
    checked: JobStatus.FINISHED,
    recovered: JobStatus.FINISHED,
    killed_early: JobStatus.CANCELLED,
    killed_in_slot: None,
    submitted_together: JobStatus.FINISHED,
    reported_together: None,
    with_more_memory: JobStatus.FINISHED,
    elsewhere: JobStatus.CANCELLED,
    with_a_secret: JobStatus.FINISHED,
    debugged: JobStatus.FINISHED,
    of_a_worker: JobStatus.FINISHED,
    queue_opened: JobStatus.FINISHED,
    queue_gone: JobStatus.FINISHED,
    queue_changed: JobStatus.FINISHED,
    after_an_outage: JobStatus.FINISHED,
    restarted: JobStatus.FINISHED,
    held_back: JobStatus.FINISHED,
    aged: JobStatus.FINISHED,
    archived: JobStatus.FINISHED,
    counted: JobStatus.FINISHED,
    **LIMITS,
    **RIGHTS,
    **QUEUES,
    **TROUBLE,
    **TASKS,
}
"""Each with the state in which it must end, None where policy decides."""
