"""Jobs as their owners handle them, on the real store: submit, describe, kill."""

from __future__ import annotations

from typing import Any

import pytest
from factories import ALICE, a_caller, a_file
from pytest_twisted import ensureDeferred
from stages import Stage
from twisted.internet.defer import Deferred

from pandad.spec.caller import ANONYMOUS, Caller, Role
from pandad.spec.errors import BadRequest, Forbidden, NotAuthenticated, NotFound
from pandad.spec.file import FileSpec
from pandad.spec.job import JOB_ATTRIBUTES, JobSpec
from pandad.spec.jobstatus import Actor, Event
from pandad.taskbuffer.pool import ConnectionLost
from pandad.taskbuffer.store import Store
from pandad.userinterface.jobs import LARGEST_FILE_BYTES, MAX_JOBS, Jobs

from .wishes import ALICE_CALLER, S, a_spec

SERVERS_NUMBERS = {
    "PandaID",
    "jobDefinitionID",
    "attemptNr",
    "assignedPriority",
    "currentPriority",
    "relocationFlag",
    "nInputDataFiles",
    "inputFileBytes",
    *(a.name for a in JOB_ATTRIBUTES if a.name.endswith("ErrorCode")),
}


async def submit(stage: Stage, *specs: JobSpec, caller: Caller = ALICE_CALLER) -> list[JobSpec]:
    return (await Jobs(stage.store).submit(caller, specs)).jobs


@ensureDeferred
async def test_largest_numbers_are_stored(stage: Stage) -> None:
    """Numbers as large as the wire lets through, and files as large as a job may have, are stored as they are."""
    number_names = [a.name for a in JOB_ATTRIBUTES if a.kind is int and a.name not in SERVERS_NUMBERS]
    files = [a_file(lfn=f"in{number}", type="input", fsize=LARGEST_FILE_BYTES) for number in range(1000)]
    (job,) = await submit(
        stage, a_spec(Files=files, **dict.fromkeys(number_names, 2**63 - 1)), caller=a_caller("p", Role.PRODUCTION)
    )
    stored = await stage.look(job.PandaID or 0)
    assert {getattr(stored, name) for name in number_names} == {2**63 - 1}
    assert stored.inputFileBytes == 1000 * LARGEST_FILE_BYTES


@ensureDeferred
async def test_a_submission(stage: Stage) -> None:
    """Jobs are stored with their owner and files, and come back with their numbers: own ones each, and two for all of them."""
    first, second = await submit(stage, a_spec(Files=[a_file(), a_file(type="input", lfn="in")]), a_spec(jobName="two"))
    assert first.PandaID is not None and second.PandaID == first.PandaID + 1
    assert (first.jobDefinitionID, first.jobsetID) == (second.jobDefinitionID, second.jobsetID)
    stored = await stage.look(first.PandaID)
    assert (stored.jobStatus, stored.prodUserName, [f.lfn for f in stored.Files]) == (S.DEFINED, "alice", ["out.root", "in"])
    assert stored.creationTime is not None
    assert (await stage.look(second.PandaID)).jobName == "two"
    (event,) = await stage.history(first.PandaID)
    assert (event.event, event.actor, event.who) == (Event.SUBMITTED, Actor.USER, ALICE.subject)


@ensureDeferred
async def test_serials(stage: Stage) -> None:
    """jobDefinitionID counts the submissions of each identity, jobsetID those of all; a jobsetID that a submitter gave stays."""
    numbers = []
    for name, but in (("alice", {}), ("alice", {}), ("bob", {}), ("alice", {"jobsetID": 77})):
        (job,) = await submit(stage, a_spec(**but), caller=a_caller(name))
        numbers.append((job.jobDefinitionID, job.jobsetID))
    assert [definition for definition, _ in numbers] == [1, 2, 1, 3]
    assert [jobset for _, jobset in numbers] == [1, 2, 3, 77]


@ensureDeferred
async def test_macros(stage: Stage) -> None:
    """PanDA's macros in file names and parameters become the job's numbers."""
    jobs = await submit(
        stage,
        *(a_spec(jobParameters="-o $PANDAID.$JOBSETID.root", Files=[a_file(lfn="$PANDAID.$JOBSETID.root")]) for _ in range(2)),
    )
    for job in jobs:
        assert job.PandaID is not None
        stored = await stage.look(job.PandaID)
        assert stored.Files[0].lfn == f"{job.PandaID:05d}.{job.jobsetID}.root"
        assert stored.jobParameters == f"-o {stored.Files[0].lfn}"


class Forgetful(Store):
    """The store, whose first transaction runs to its end and is lost before the commit."""

    def __init__(self, store: Store) -> None:
        self._inner = store
        self._lost = False

    def transact(self, name: str, body: Any, *args: Any, **kwargs: Any) -> Deferred[Any]:
        async def losing(txn: Any) -> Any:
            result = await body(txn, *args, **kwargs)
            if not self._lost:
                self._lost = True
                raise ConnectionLost("just before the commit")
            return result

        return self._inner.transact(name, losing)


@ensureDeferred
async def test_a_submission_that_runs_twice(stage: Stage) -> None:
    """A submission whose transaction has to run again is stored once, and its files bear the numbers it has at last."""
    receipt = await Jobs(Forgetful(stage.store)).submit(ALICE_CALLER, [a_spec(Files=[a_file(lfn="$PANDAID.root")])])
    (job,) = receipt.jobs
    assert await stage.sql("SELECT pandaid FROM job") == [(job.PandaID,)]
    assert (await stage.look(job.PandaID or 0)).Files[0].lfn == f"{job.PandaID:05d}.root"


@ensureDeferred
async def test_all_or_none(stage: Stage) -> None:
    """One bad job among good ones, and none is stored; not even a number is used."""
    with pytest.raises(BadRequest, match=r"^jobs\[1\].transformation: "):
        await submit(stage, a_spec(), a_spec(transformation=None), a_spec())
    with pytest.raises(Forbidden):
        await submit(stage, a_spec(), a_spec(prodSourceLabel="managed"))
    assert await stage.dump() == []
    assert (await submit(stage, a_spec()))[0].jobDefinitionID == 1


@ensureDeferred
async def test_how_many(stage: Stage) -> None:
    """No job at all and too many are refused, and as many as PanDA takes are taken."""
    for count in (0, MAX_JOBS + 1):
        with pytest.raises(BadRequest, match=f"has {count} jobs"):
            await submit(stage, *[a_spec()] * count)
    made = await submit(stage, *(a_spec() for _ in range(MAX_JOBS)))
    assert len({job.PandaID for job in made}) == MAX_JOBS
    assert await stage.sql("SELECT count(*) FROM job") == [(MAX_JOBS,)]


@ensureDeferred
async def test_nobody_may_do_nothing(stage: Stage) -> None:
    """Without an identity nothing can be submitted, seen or killed."""
    interface = Jobs(stage.store)
    for call in (
        interface.submit(ANONYMOUS, [a_spec()]),
        interface.describe(ANONYMOUS, [1]),
        interface.kill(ANONYMOUS, [1]),
        interface.timeline(ANONYMOUS, 1),
    ):
        with pytest.raises(NotAuthenticated):
            await call


@ensureDeferred
async def test_describe(stage: Stage) -> None:
    """Jobs come with their files in the order asked for, with nothing where there is none."""
    panda_id = await stage.job(Files=[FileSpec(lfn="x", type="output", status="defined")])
    found = await Jobs(stage.store).describe(a_caller("bob"), [panda_id + 9, panda_id])
    assert [job and (job.PandaID, [f.lfn for f in job.Files]) for job in found] == [None, (panda_id, ["x"])]


@ensureDeferred
async def test_unknown_jobs(stage: Stage) -> None:
    """The timeline of a job that does not exist says so."""
    with pytest.raises(NotFound, match="there is no job 99"):
        await Jobs(stage.store).timeline(ALICE_CALLER, 99)
