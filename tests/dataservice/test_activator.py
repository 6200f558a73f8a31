"""Inputs are there before a job is activated, and a job that waits says for what."""

from __future__ import annotations

import zlib
from typing import Any

from factories import QUEUE, a_file, a_job, a_queue
from fakes.ddm import FakeDDM
from pytest_twisted import ensureDeferred
from stages import Meanwhile, Stage
from twisted.internet.task import Clock

from pandad.config import DataServiceConfig
from pandad.dataservice.activator import Activator
from pandad.dataservice.copies import Copies, name_of
from pandad.dataservice.ddm import DDMUnavailable, Replica
from pandad.dataservice.inspection import Missing, Ready, inspect
from pandad.spec import errorcodes
from pandad.spec.file import FileSpec
from pandad.spec.job import JobSpec
from pandad.spec.jobstatus import Actor, Event, JobStatus
from pandad.taskbuffer.store import Store

DISK = "TEST_DISK"
CONTENT = b"some events"
ADLER = f"ad:{zlib.adler32(CONTENT):08x}"


def an_input(lfn: str = "in.root", **but: Any) -> FileSpec:
    return a_file(**{"lfn": lfn, "type": "input", "destinationSE": None, **but})


def placed(*files: FileSpec, **but: Any) -> JobSpec:
    return a_job(jobStatus=JobStatus.ASSIGNED, Files=list(files), **but)


def copies_of(*files: FileSpec) -> dict[str, Copies | Exception]:
    return {DISK: {name_of(f): Replica(name_of(f), DISK, len(CONTENT), ADLER[3:]) for f in files}}


def missing(job: JobSpec, copies: Any, queue: Any = None) -> Missing:
    outcome = inspect(job, queue or a_queue(), copies)
    assert isinstance(outcome, Missing)
    return outcome


def test_all_inputs_there() -> None:
    """With every input at the queue a job is ready, and its files say where they lie, their size and their checksum."""
    said = an_input("said.root", fsize=len(CONTENT), checksum=ADLER.upper().replace("AD:", "ad:"))
    job = placed(an_input(), said, a_file(destinationSE=None), a_file(lfn="log.tgz", type="log", destinationSE="ELSEWHERE"))
    outcome = inspect(job, a_queue(), copies_of(*job.inputs))
    assert isinstance(outcome, Ready)
    first, second, output, log = outcome.files
    assert (first.status, first.dispatchDBlockToken, first.fsize, first.checksum) == ("ready", DISK, len(CONTENT), ADLER)
    assert second.checksum == said.checksum
    assert (output.status, output.destinationSE) == ("defined", DISK)
    assert log.destinationSE == "ELSEWHERE"


def test_no_inputs_need_no_storage() -> None:
    """A job without inputs is ready whatever the storage does."""
    assert isinstance(inspect(placed(), a_queue(astorages={}), {}), Ready)
    assert isinstance(inspect(placed(), a_queue(), {DISK: DDMUnavailable("out")}), Ready)


def test_missing_inputs_are_named() -> None:
    """What is missing is named with its place; of many the first few, and how many more."""
    there, *gone = [an_input(f"in{number}.root") for number in range(6)]
    outcome = missing(placed(there, *gone), copies_of(there))
    assert outcome.code == errorcodes.DDM_SETUPPER
    assert outcome.why == (f"not at {DISK}: user.alice:in1.root, user.alice:in2.root, user.alice:in3.root and 2 more")


def test_wrong_inputs_are_not_used() -> None:
    """A copy that is not what the submitter said, in size or checksum, counts as missing and says how it differs."""
    short, other = an_input("short.root", fsize=99), an_input("other.root", checksum="ad:00000001")
    outcome = missing(placed(short, other), copies_of(short, other))
    assert "short.root at TEST_DISK has 11 bytes, expected 99" in outcome.why
    assert "other.root at TEST_DISK has adler32" in outcome.why


def test_an_outage_is_no_absence() -> None:
    """A storage that does not answer makes the job wait, with that reason and not with missing files."""
    outcome = missing(placed(an_input()), {DISK: DDMUnavailable("TEST_DISK does not answer")})
    assert (outcome.why, outcome.code) == ("TEST_DISK does not answer", errorcodes.DDM_RSE)


def test_a_queue_that_is_gone() -> None:
    """A job whose queue was taken away says so, inputs or not."""
    outcome = inspect(placed(), None, {})
    assert isinstance(outcome, Missing)
    assert outcome.why == f"the queue {QUEUE} is gone"


def rounds(stage: Stage, ddm: FakeDDM, store: Store | None = None, **settings: Any) -> Activator:
    return Activator(store or stage.store, ddm, DataServiceConfig(**settings), Clock())


@ensureDeferred
async def test_a_job_with_its_inputs_is_activated(stage: Stage) -> None:
    """An assigned job whose inputs are there is activated in one round; endpoints, sizes and checksums are stored."""
    await stage.queue()
    panda_id = await stage.job(JobStatus.ASSIGNED, ddmErrorDiag="old", Files=[an_input(), a_file(destinationSE=None)])
    ddm = FakeDDM(DISK)
    ddm.put(DISK, name_of(an_input()), CONTENT)
    assert not await rounds(stage, ddm).run_once()
    job = await stage.look(panda_id)
    assert (job.jobStatus, job.ddmErrorDiag, await stage.events(panda_id)) == (JobStatus.ACTIVATED, None, [Event.INPUT_READY])
    source, output = job.Files
    assert (source.status, source.dispatchDBlockToken, source.fsize, source.checksum) == ("ready", DISK, len(CONTENT), ADLER)
    assert (output.status, output.destinationSE) == ("defined", DISK)


@ensureDeferred
async def test_waiting_until_it_arrives(stage: Stage) -> None:
    """A job without its input waits and says for what, once; when the input arrives it is activated and says nothing more."""
    await stage.queue()
    panda_id = await stage.job(JobStatus.ASSIGNED, Files=[an_input()])
    ddm = FakeDDM(DISK)
    for _ in range(3):
        await rounds(stage, ddm).run_once()
        await stage.due()
    job = await stage.look(panda_id)
    assert (job.jobStatus, job.ddmErrorCode) == (JobStatus.WAITING, errorcodes.DDM_SETUPPER)
    assert job.ddmErrorDiag == f"not at {DISK}: user.alice:in.root"
    assert await stage.events(panda_id) == [Event.INPUT_MISSING]
    ddm.put(DISK, name_of(an_input()), CONTENT)
    await rounds(stage, ddm).run_once()
    job = await stage.look(panda_id)
    assert (job.jobStatus, job.ddmErrorCode, job.ddmErrorDiag) == (JobStatus.ACTIVATED, 0, None)
    assert job.Files[0].status == "ready"


@ensureDeferred
async def test_a_waiting_job_says_what_is_true_now(stage: Stage) -> None:
    """When something else is missing than before, the job says that, and its history keeps both."""
    await stage.queue()
    panda_id = await stage.job(JobStatus.ASSIGNED, Files=[an_input("a"), an_input("b")])
    ddm = FakeDDM(DISK)
    await rounds(stage, ddm).run_once()
    ddm.put(DISK, name_of(an_input("a")), CONTENT)
    await stage.due()
    await rounds(stage, ddm).run_once()
    assert (await stage.look(panda_id)).ddmErrorDiag == f"not at {DISK}: user.alice:b"
    assert [e.why for e in (await stage.history(panda_id))[1:]] == [
        f"not at {DISK}: user.alice:a, user.alice:b",
        f"not at {DISK}: user.alice:b",
    ]


@ensureDeferred
async def test_missing_inputs_pause(stage: Stage) -> None:
    """A waiting job is looked at again only after a pause, so jobs behind it get their turn."""
    await stage.queue()
    waits = await stage.job(JobStatus.ASSIGNED, Files=[an_input()])
    runs = await stage.job(JobStatus.ASSIGNED)
    one_at_a_time = rounds(stage, FakeDDM(DISK), batch=1)
    assert await one_at_a_time.run_once()
    assert await one_at_a_time.run_once()
    assert not await one_at_a_time.run_once()
    assert [await stage.status(i) for i in (waits, runs)] == [JobStatus.WAITING, JobStatus.ACTIVATED]


@ensureDeferred
async def test_an_outage_passes(stage: Stage) -> None:
    """While the storage does not answer, jobs with input wait with that reason and jobs without go on; afterwards all go on."""
    await stage.queue()
    needs, needs_not = await stage.job(JobStatus.ASSIGNED, Files=[an_input()]), await stage.job(JobStatus.ASSIGNED)
    ddm = FakeDDM(DISK)
    ddm.put(DISK, name_of(an_input()), CONTENT)
    ddm.out.add(DISK)
    await rounds(stage, ddm).run_once()
    job = await stage.look(needs)
    assert (job.jobStatus, job.ddmErrorCode, job.ddmErrorDiag) == (
        JobStatus.WAITING,
        errorcodes.DDM_RSE,
        "TEST_DISK does not answer",
    )
    assert await stage.status(needs_not) is JobStatus.ACTIVATED
    ddm.out.clear()
    await stage.due()
    await rounds(stage, ddm).run_once()
    assert await stage.status(needs) is JobStatus.ACTIVATED


@ensureDeferred
async def test_gone_queues_and_unknown_endpoints(stage: Stage) -> None:
    """A job at a queue that is gone, or whose endpoint nobody knows, waits with the reason and stops nobody."""
    await stage.queue(nickname="LOST", astorages={"pr": ["NOWHERE"]})
    gone = await stage.job(JobStatus.ASSIGNED, computingSite="GONE")
    lost = await stage.job(JobStatus.ASSIGNED, computingSite="LOST", Files=[an_input()])
    fine = await stage.job(JobStatus.ASSIGNED, computingSite="LOST")
    await rounds(stage, FakeDDM(DISK)).run_once()
    assert (await stage.look(gone)).ddmErrorDiag == "the queue GONE is gone"
    assert (await stage.look(lost)).ddmErrorDiag == "there is no storage endpoint NOWHERE"
    assert await stage.status(fine) is JobStatus.ACTIVATED


@ensureDeferred
async def test_a_job_killed_meanwhile_stays_killed(stage: Stage) -> None:
    """A job that is killed between the looking and the writing is not activated, and its files are left alone."""
    await stage.queue()
    panda_id = await stage.job(JobStatus.ASSIGNED, Files=[an_input()])
    ddm = FakeDDM(DISK)
    ddm.put(DISK, name_of(an_input()), CONTENT)

    async def kill() -> None:
        assert await stage.event(Event.KILLED, panda_id, actor=Actor.USER)

    await rounds(stage, ddm, Meanwhile(stage.store, "activator_write", kill)).run_once()
    job = await stage.look(panda_id)
    assert (job.jobStatus, job.Files[0].status) == (JobStatus.CANCELLED, "defined")


@ensureDeferred
async def test_nothing_to_do(stage: Stage) -> None:
    """Without placed jobs nobody is asked anything."""
    ddm = FakeDDM(DISK)
    await stage.job(JobStatus.DEFINED)
    assert not await rounds(stage, ddm).run_once()
    assert ddm.asked == 0
