"""A database after a varied life: jobs in every state, some in their second attempt, some in the history."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from factories import ALICE, PILOT, QUEUE, a_decision, a_file, a_job
from stages import Stage

from pandad.config import JediConfig
from pandad.jedi.refiner import refine
from pandad.spec.act import operator_on
from pandad.spec.caller import Identity
from pandad.spec.file import FileSpec
from pandad.spec.job import JobSpec
from pandad.spec.jobstatus import IN_SLOT, Actor, Event, JobStatus
from pandad.spec.task import LOWEST_TASK_ID, PSEUDO_DATASET
from pandad.spec.taskstatus import Kind, TaskEvent
from pandad.taskbuffer import (
    audit,
    cachefiles,
    decisions,
    files,
    history,
    jobs,
    loops,
    moves,
    outbox,
    shipments,
    taskfiles,
    tasks,
    users,
    workers,
)
from pandad.taskbuffer.moves import Change
from pandad.taskbuffer.store import Transaction
from pandad.userinterface import administration
from pandad.userinterface.administration import Whom

S, E, A = JobStatus, Event, Actor
BOB = Identity(ALICE.anchor, "/DC=org/DC=test/CN=bob")

BROKERED = (E.BROKERED, A.BROKERAGE)
READY = (E.INPUT_READY, A.DATASERVICE)
CLAIMED = (E.CLAIMED, A.PILOT)
RUNNING = (E.RUNNING, A.PILOT)
REPORTED = (E.REPORTED, A.PILOT)
QUEUED = (BROKERED, READY)
RAN = (*QUEUED, CLAIMED, (E.STARTED, A.PILOT), RUNNING)

WAYS: dict[str, tuple[tuple[Event, Actor], ...]] = {
    "defined": (),
    "assigned": (BROKERED,),
    "waiting": (BROKERED, (E.INPUT_MISSING, A.DATASERVICE)),
    "activated": QUEUED,
    "throttled": (*QUEUED, (E.THROTTLE, A.WATCHER)),
    "sent": (*QUEUED, CLAIMED),
    "running": RAN,
    "recovering": (*RAN, (E.RECOVERING, A.PILOT)),
    "reported": (*RAN, REPORTED),
    "transferring": (*RAN, REPORTED, (E.TRANSFER_STARTED, A.DATASERVICE)),
    "merging": (*RAN, REPORTED, (E.MERGE_STARTED, A.TASK)),
    "finished": (*RAN, REPORTED, (E.COMPLETED, A.DATASERVICE)),
    "failed": (*RAN, (E.LOST, A.WATCHER)),
    "cancelled": (BROKERED, (E.KILLED, A.USER)),
    "closed": (BROKERED, (E.CLOSED, A.WATCHER)),
    "second": (*QUEUED, CLAIMED, (E.SENT_EXPIRED, A.WATCHER)),
    "second running": (*RAN, (E.RETRIED, A.WATCHER), CLAIMED, RUNNING),
    "again": (*QUEUED, (E.UNBROKERED, A.USER)),
    "refused": (BROKERED, (E.REFUSED, A.DATASERVICE)),
}

EACH = 3  # jobs of each way
TASK = LOWEST_TASK_ID
UPLOAD = "jobO.01234567-89ab-4def-8123-456789abcdef.tar.gz"


@dataclass(frozen=True)
class Life:
    """Where the jobs are now: PandaIDs by way, and by what was done beside."""

    jobs: dict[str, list[int]] = field(default_factory=dict)

    def where(self, *ways: str) -> list[int]:
        """The jobs of those ways."""
        return [panda_id for way in ways for panda_id in self.jobs[way]]


async def live(stage: Stage) -> Life:
    """Let it all happen."""
    store, life = stage.store, Life()
    await stage.queue()
    await store.transact("beside", _beside)
    life.jobs["history"] = [await a_life(stage, "finished", WAYS["finished"]) for _ in range(EACH)]
    await store.once("months", history.make_months)
    await stage.sql("SELECT make_archive_month((now() - interval '1 month')::date)")
    assert await store.once("archive", history.archive, 0, EACH) == EACH
    for way, events in WAYS.items():
        life.jobs[way] = [await a_life(stage, way, events) for _ in range(EACH)]
    life.jobs["pending"] = await store.transact("pending", _pending)
    life.jobs["of a task"] = await _task(stage)
    told = [Change(i, {"commandToPilot": "tobekilled"}) for i in life.where("sent")[:1]]
    await store.transact("told", moves.touch, "kill asked", told, IN_SLOT, actor=A.USER, who="alice")
    return life


async def a_life(stage: Stage, name: str, events: Sequence[tuple[Event, Actor]]) -> int:
    """A job, from its submission on."""
    (panda_id,) = await stage.store.transact("submit", _submitted, [a_job(jobName=name, Files=_files())], ALICE)
    for event, actor in events:
        await stage.store.transact("live", _live, panda_id, event, actor)
    return panda_id


def _files() -> list[FileSpec]:
    of_input = {"lfn": "in.root", "type": "input", "destinationDBlock": None, "destinationSE": None}
    return [a_file(**of_input), a_file(), a_file(lfn="log.tgz", type="log")]


async def _submitted(txn: Transaction, specs: Sequence[JobSpec], owner: Identity, actor: Actor = A.USER) -> list[int]:
    serial, jobset = await users.next_serial(txn, owner)
    for job, panda_id in zip(specs, await jobs.new_ids(txn, len(specs)), strict=True):
        job.PandaID, job.jobDefinitionID, job.jobsetID = panda_id, serial, jobset
        for file in job.Files:
            file.PandaID = panda_id
    await jobs.insert(txn, specs, owner, actor)
    return [job.PandaID or 0 for job in specs]


async def _pending(txn: Transaction) -> list[int]:
    return await _submitted(txn, [a_job(jobStatus=S.PENDING, jediTaskID=10_000_000) for _ in range(EACH)], BOB, A.TASK)


async def _live(txn: Transaction, panda_id: int, event: Event, actor: Actor) -> None:
    """One event, with what comes with it in the same transaction."""
    job = await _look(txn, panda_id)
    values: dict[str, object] = {}
    if event is E.BROKERED:
        values["computingSite"] = QUEUE
        verdicts = [{"queue": QUEUE, "verdict": "ok", "weight": 1.0, "text": "can take the job"}]
        await decisions.put(txn, [a_decision(panda_id, QUEUE, verdicts)])
    if event is E.CLAIMED:
        values |= {"holderanchor": PILOT.anchor, "holdersubject": PILOT.subject}
    if event in (E.SENT_EXPIRED, E.RETRIED):
        values |= {"attemptNr": job.attemptNr + 1, "holderanchor": None, "holdersubject": None, "reportedstatus": None}
    if event is E.REPORTED:
        values["reportedstatus"] = S.FINISHED
    who = PILOT.subject if actor is A.PILOT else "test"
    assert await moves.move(txn, event, [Change(panda_id, values)], actor=actor, who=who)
    if event is E.INPUT_READY:
        await _ready(txn, job, {"input"})
    if event is E.TRANSFER_STARTED:
        await _sent(txn, job)
    if event is E.COMPLETED:
        await _ready(txn, job, {"output", "log"})


async def _sent(txn: Transaction, job: JobSpec) -> None:
    """Its output is on its way."""
    (output,) = (f for f in job.outputs if f.type == "output")
    await files.update(txn, [replace(output, status=shipments.MOVES)])
    new = shipments.NewShipment("user.alice", "user.alice.out", "TAPE", "Express", "", [(output.row_ID or 0, job.PandaID or 0)])
    (made,) = await shipments.make(txn, [new], 250)
    name = f"{made.scope}:{made.name}"
    await outbox.ask(txn, [outbox.Errand(shipments.SEND, name, name, outbox.Step.RULE, {"shipment": made.id})])


async def _task(stage: Stage) -> list[int]:
    """One of two jobs: the first has finished, and the task knows; the second has not."""
    made: list[int] = await stage.store.transact("task", _two_jobs)
    for event, actor in WAYS["finished"]:
        await stage.store.transact("live", _live, made[0], event, actor)
    await stage.store.transact("settle", taskfiles.settle, TASK, 10)
    return made


async def _two_jobs(txn: Transaction) -> list[int]:
    parameters = {"taskName": "user.alice.two/", "noInput": True, "nEvents": 2, "transPath": "run.sh",
                  "jobParameters": [{"type": "constant", "value": "-x"}]}
    new = tasks.NewTask(spec=refine(parameters, JediConfig()), owner=ALICE, user_name="alice", production=False, host="",
                        parameters=parameters, digest="x", parent=None)
    assert await tasks.insert(txn, new) == TASK
    await taskfiles.ensure(txn, TASK, [("pseudo_input", PSEUDO_DATASET, PSEUDO_DATASET)])
    await taskfiles.add_pseudo(txn, TASK, 2)
    await taskfiles.recount(txn, TASK)
    ids = await _submitted(txn, [a_job(jediTaskID=TASK, Files=_files()) for _ in range(2)], ALICE, A.TASK)
    read = await taskfiles.ready(txn, TASK, 2, 2)
    both = [taskfiles.Made(panda_id, number, [file.id]) for number, (panda_id, file) in enumerate(zip(ids, read, strict=True), 1)]
    await taskfiles.made(txn, TASK, 1, 2, both, Kind.RUN)
    for event in (TaskEvent.INPUT_KNOWN, TaskEvent.JOBS_MADE):
        assert await tasks.happened(txn, TASK, event, who="test")
    return ids


async def _look(txn: Transaction, panda_id: int) -> JobSpec:
    (job,) = await jobs.find(txn, [panda_id])
    assert job is not None
    return job


async def _ready(txn: Transaction, job: JobSpec, types: Collection[str]) -> None:
    found = [f for f in job.Files if f.type in types]
    for file in found:
        file.status, file.fsize, file.checksum = "ready", 10, "ad:00000001"
    await files.update(txn, found)


async def _beside(txn: Transaction) -> None:
    """What is not about a job."""
    for name in ("brokerage", "adder"):
        term = await loops.lease(txn, name, "host:1:abc", 30)
        assert term == 1
        await loops.finished(txn, name, "host:1:abc", term, "no route" if name == "adder" else None)
    await workers.put(txn, "harvester", 1, "started", QUEUE, "node1")
    await workers.put(txn, "harvester", 1, "finished", QUEUE, "node1")
    file = cachefiles.CacheFile(name=UPLOAD, owner=ALICE, size_bytes=5, crc=7, digest=bytes(32), host="host")
    assert await cachefiles.put(txn, file, [ALICE], 5)
    root = operator_on("root", "host")
    both = [Whom(f"{each.subject} from {each.anchor}") for each in (ALICE, BOB)]
    await administration.link(txn, both[0], both[1], "", root)
    await administration.ban(txn, Whom("account 1"), "why", None, False, root)
    await audit.seal(txn, [])
