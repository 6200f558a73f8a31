"""Valid things by default; a test names only what it is about."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from pandad.config import SharesConfig
from pandad.jobdispatcher.fairshare import Shares
from pandad.jobdispatcher.window import Window
from pandad.spec.caller import Caller, Identity, Role
from pandad.spec.capability import Capability
from pandad.spec.file import FileSpec
from pandad.spec.job import ClaimedJob, JobSpec
from pandad.spec.jobstatus import FINAL, TRANSITIONS, Actor, Event, JobStatus
from pandad.spec.line import Line
from pandad.spec.site import Queue, queue_from_description
from pandad.taskbuffer import claims, jobs, lines, moves
from pandad.taskbuffer.claims import Wanted
from pandad.taskbuffer.decisions import NewDecision, Shared
from pandad.taskbuffer.moves import Change
from pandad.taskbuffer.store import Transaction

ANCHOR = "/DC=org/DC=test/CN=Test CA"
ALICE = Identity(ANCHOR, "/DC=org/DC=test/CN=alice")
PILOT = Identity(ANCHOR, "/DC=org/DC=test/CN=pilot")
QUEUE = "TEST_QUEUE"

_UNPLACED = frozenset({JobStatus.PENDING, JobStatus.DEFINED, JobStatus.WAITING}) | FINAL


def a_job(**but: Any) -> JobSpec:
    """A user's job of one core, as the server completes it, without a PandaID; in a later state it is at QUEUE."""
    status = but.get("jobStatus", JobStatus.DEFINED)
    values: dict[str, Any] = {
        "jobStatus": status,
        "jobDefinitionID": 1,
        "jobsetID": 1,
        "jobName": "a job",
        "transformation": "run.sh",
        "jobParameters": "--in x",
        "prodSourceLabel": "user",
        "prodUserID": ALICE.subject,
        "prodUserName": "alice",
        "attemptNr": 1,
        "maxAttempt": 3,
        "assignedPriority": 1000,
        "currentPriority": 1000,
        "coreCount": 1,
        "resource_type": "SCORE",
        "VO": "test",
        "computingSite": None if status in _UNPLACED else QUEUE,
    }
    return JobSpec(**{**values, **but})


def a_file(**but: Any) -> FileSpec:
    """An output file without a PandaID."""
    values: dict[str, Any] = {
        "lfn": "out.root",
        "type": "output",
        "scope": "user.alice",
        "status": "defined",
        "destinationDBlock": "user.alice.out",
        "destinationSE": "TEST_DISK",
    }
    return FileSpec(**{**values, **but})


def a_queue(**but: Any) -> Queue:
    """An online queue of one core per job with one storage endpoint; the keys are those of a CRIC description."""
    description: dict[str, Any] = {
        "nickname": QUEUE,
        "atlas_site": "TEST_SITE",
        "status": "online",
        "maxrss": 4000,
        "maxwdir": 20000,
        "maxtime": 86400,
        "corecount": 1,
        "cmtconfig": "",
        "astorages": {"pr": ["TEST_DISK"], "pw": ["TEST_DISK"]},
    }
    return queue_from_description({**description, **but})


def a_caller(name: str = "alice", *roles: Role, limited: bool = False) -> Caller:
    """Somebody with a certificate of the test CA."""
    return Caller(Identity(ANCHOR, f"/DC=org/DC=test/CN={name}"), frozenset(roles), limited, "client.test")


def a_line(number: int, **but: Any) -> Line:
    """A line of Alice's small user jobs."""
    values: dict[str, Any] = {
        "label": "user", "job_label": "", "processing_type": "", "resource_type": "SCORE", "memory_mb": 0, "disk_mb": 0,
        "walltime_s": 0, "cores": 1, "task_id": 0, "working_group": "", "country_group": "", "owner": ALICE,
        "owner_name": "alice"}
    return Line(id=number, **{**values, **but})


def a_pilot(**but: Any) -> Capability:
    """What a pilot on QUEUE takes: one job, of any size."""
    values: dict[str, Any] = {"queue": QUEUE, "holder": PILOT, "node": "node1.test"}
    return Capability(**{**values, **but})


def a_decision(panda_id: int, chosen: str | None, verdicts: Sequence[Mapping[str, Any]] = ()) -> NewDecision:
    """A decision with these verdicts, one dictionary per queue, as they are read."""
    able = {str(v["queue"]): v["weight"] for v in verdicts if v["verdict"] == "ok"}
    told = ("criterion", "have", "need", "text")
    refused = [({key: v[key] for key in told}, [str(v["queue"])]) for v in verdicts if v["verdict"] != "ok"]
    return NewDecision(panda_id, chosen, Shared.of(able, refused), able.get(chosen or ""))


async def stored(txn: Transaction, /, specs: Sequence[JobSpec], owner: Identity = ALICE) -> list[int]:
    """Insert jobs under new PandaIDs, in whatever state they say, and give the ids."""
    for job, panda_id in zip(specs, await jobs.new_ids(txn, len(specs)), strict=True):
        job.PandaID = panda_id
        for file in job.Files:
            file.PandaID = panda_id
    await jobs.insert(txn, specs, owner, Actor.USER)
    return [job.PandaID or 0 for job in specs]


async def claim(txn: Transaction, /, pilot: Capability) -> list[ClaimedJob]:
    """What a pilot gets that asks alone, by the rules of the dispatcher, in one transaction."""
    there = await claims.waiting(txn, [pilot.queue])
    known = {line.id: line for line in await lines.find(txn, list({w.line for w in there}))}
    window = Window.of(((known[w.line], w.priority, w.panda_id) for w in there), 0.0, 0.0)
    picked = window.pick(pilot, Shares(SharesConfig(user_cap=0)))
    wanted = [Wanted(pilot.queue, line.id, [panda_id, *window.others(line, 20)], [pilot]) for line, panda_id in picked]
    given = [await claims.take(txn, [each]) for each in wanted]
    return [job for ((job,),) in given if job is not None]


async def claimed(txn: Transaction, /, count: int = 1, **but: Any) -> list[int]:
    """New jobs, handed to a pilot."""
    await stored(txn, [a_job(jobStatus=JobStatus.ACTIVATED, **but) for _ in range(count)])
    return [job.PandaID or 0 for job in await claim(txn, a_pilot(count=count))]


async def happened(txn: Transaction, /, event: Event, ids: Collection[int], **values: object) -> list[int]:
    """Let an event happen to jobs, caused by whoever may; which of them it moved. A report says finished by default."""
    if event is Event.REPORTED:
        values.setdefault("reportedstatus", JobStatus.FINISHED)
    actor = min(TRANSITIONS[event].actors)
    moved = await moves.move(txn, event, [Change(i, values) for i in ids], actor=actor, who="test")
    return [m.panda_id for m in moved]
