"""What else is asked for during a life, by its owner, its operator and its worker. Each call comes again until it is answered."""

from __future__ import annotations

from typing import Any

from pandad.api.encode import Envelope
from pandad.api.v1.pilot import JobUpdates
from pandad.jobdispatcher.requests import WorkerStatus
from pandad.spec.act import operator_on
from pandad.spec.confidential import Confidential
from pandad.spec.jobstatus import Actor, Event, JobStatus
from pandad.spec.site import QueueStatus, queue_from_description
from pandad.taskbuffer import jobs, moves, sites
from pandad.taskbuffer.store import Transaction
from pandad.userinterface import queuekeeping

from .lives import ALICE, PILOT, TRIES, Life, Stuck, a_job
from .stand import QUEUE
from .world import World

HARVESTER = "faults-harvester"
NOBODY = 10**12  # a PandaID that is never reached
ROOT = operator_on("root", "faults")
OLD_LINE = """
    INSERT INTO line (digest, prodsourcelabel, job_label, processingtype, resource_type, minramcount, maxdiskcount, maxwalltime,
                      corecount, jeditaskid, workinggroup, countrygroup, owneranchor, ownersubject, produsername, used)
    VALUES (md5(%(id)s::text)::uuid, '', '', '', '', 0, 0, 0, 1, %(id)s, '', '', '', '', '', now() - interval '1 year')
    RETURNING 1"""
OLD_LINES = "SELECT count(*) FROM line WHERE used < now() - interval '300 days'"
OUTAGE = "UPDATE alive SET at = now() - interval '1 hour', due = now() - interval '59 minutes' RETURNING 1"
OUTAGES = "SELECT count(*) FROM outage"
UNFOLDED = "SELECT count(*) FROM tally_delta"
WHY_NOT = "SELECT brokerageerrordiag FROM job WHERE pandaid = %(id)s"
WORKERS = "SELECT status FROM worker WHERE harvesterid = %(harvester)s AND workerid = %(worker)s"


def expect(found: object, wanted: object, what: str) -> None:
    """What was acknowledged has to be there.

    :raise Stuck: it is not.
    """
    if found != wanted:
        raise Stuck(f"{what}: {found}, not {wanted}")


# --- its owner


async def keep_secret(life: Life, name: str, value: str | None) -> None:
    """Alice leaves a secret, or takes it back."""
    await life.answered(lambda world: world.secrets.set(ALICE, name, None if value is None else Confidential(value)))
    kept = await life.answered(lambda world: world.secrets.get(ALICE, None))
    expect(kept, {} if value is None else {name: value}, "the secrets")


async def debug(life: Life, on: bool) -> None:
    """Alice switches debug mode."""
    await life.answered(lambda world: world.debug.set_mode(ALICE, life.job_id, on))


async def ask(life: Life, command: str) -> None:
    """Alice wants the pilot to do something."""
    await life.answered(lambda world: world.debug.command(ALICE, life.job_id, command))


async def outputs(life: Life) -> list[tuple[object, object]]:
    """What Alice sees of it: (command, output) of each."""
    seen: Any = await life.answered(lambda world: world.debug.output(ALICE, life.job_id))
    return [(each["command"], each["output"]) for each in seen["commands"]]


# --- its pilot, and the worker that this is


async def say_many(life: Life, word: str) -> None:
    """Harvester reports the job and one that is not there, in one call; what was refused for now comes again."""
    rows: list[dict[str, Any]] = [
        {"job_id": i, "job_status": word, "attempt_nr": life.attempt_nr} for i in (life.job_id, NOBODY)]
    for _ in range(TRIES):
        envelopes = await life.answered(lambda world: _envelopes(world, rows))
        if all(envelope.success for envelope in envelopes):
            own, other = (envelope.data["command"] for envelope in envelopes)
            life.history.heard[life.job_id, life.attempt_nr, word].append(own)
            expect(other, "tobekilled", "the answer on a job that is not there")
            return
    raise Stuck("a row is never taken")


async def _envelopes(world: World, rows: list[dict[str, Any]]) -> list[Envelope]:
    return list(await world.pilot.update_jobs_bulk(PILOT, JobUpdates(job_list=rows)))


async def work(life: Life, status: str) -> None:
    """The worker begins or ends."""
    said = WorkerStatus(worker_id=life.job_id, harvester_id=HARVESTER, status=status, site=QUEUE, node_id="node.test")
    await life.answered(lambda world: world.workers.update_status(PILOT, said))
    ((stored,),) = await life.place.observer.rows(WORKERS, harvester=HARVESTER, worker=life.job_id)
    expect(stored, status, "the worker")


# --- its operator


async def set_queue(life: Life, status: QueueStatus) -> None:
    """As `pandad queue set`."""
    await life.answered(lambda world: world.store.transact(
        "queue_set", queuekeeping.set_status, QUEUE, status, "a fault", None, ROOT))


async def add_queue(life: Life, memory_mb: int) -> None:
    """As `pandad queue add`, of a file with this queue and another one that takes nothing."""
    old = await life.answered(lambda world: world.store.read("queue", sites.find, QUEUE))
    new = queue_from_description({**old.description, "maxrss": memory_mb})
    idle = queue_from_description({**old.description, "nickname": "IDLE", "status": QueueStatus.OFFLINE.value})
    await life.answered(lambda world: world.store.transact("queue_add", queuekeeping.put, [new, idle], ROOT))


async def why_not(life: Life) -> str | None:
    """Why no queue takes the job."""
    ((why,),) = await life.place.observer.rows(WHY_NOT, id=life.job_id)
    return str(why) if why else None


# --- what nobody asks for


async def nobody_lives(life: Life) -> int:
    """No process says that it lives, for an hour; how many outages there were before."""
    await life.answered(lambda world: world.loops["alive"]())
    await life.place.observer.rows(OUTAGE)
    return await outages(life)


async def outages(life: Life) -> int:
    """How many there were."""
    ((count,),) = await life.place.observer.rows(OUTAGES)
    return int(count)


async def leave_a_line(life: Life) -> None:
    """A line of which all jobs went a year ago."""
    await life.place.observer.rows(OLD_LINE, id=life.job_id)


async def old_lines(life: Life) -> int:
    """How many such lines are there."""
    ((count,),) = await life.place.observer.rows(OLD_LINES)
    return int(count)


async def unfolded(life: Life) -> int:
    """Rows that stand beside the totals."""
    ((found,),) = await life.place.observer.rows(UNFOLDED)
    return int(found)


async def made_by_a_task(life: Life, **but: Any) -> None:
    """A job that a task has made and nobody has prepared; no room does that yet."""
    async def insert(txn: Transaction) -> int:
        (panda_id,) = await jobs.new_ids(txn, 1)
        job = a_job("of a task", **but)
        job.PandaID, job.jobStatus, job.Files = panda_id, JobStatus.PENDING, []
        assert ALICE.identity is not None
        await jobs.insert(txn, [job], ALICE.identity, Actor.TASK)
        return panda_id

    life.job_id = await life.answered(lambda world: world.store.transact("of_a_task", insert))


async def happen(life: Life, event: Event, actor: Actor) -> None:
    """An event that no room causes yet."""
    change = moves.Change(life.job_id)

    async def move(txn: Transaction) -> None:
        await moves.move(txn, event, [change], actor=actor, who="faults")

    await life.answered(lambda world: world.store.transact("happen", move))
