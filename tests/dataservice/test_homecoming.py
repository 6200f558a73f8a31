"""Outputs at a Rucio: entered, brought to where they are wanted, their datasets closed; whatever happens on the way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from factories import a_caller, a_file
from pytest_twisted import ensureDeferred
from rucioworlds import RUCIOS
from stages import Stage
from twisted.internet.task import Clock
from whys import Whys

from pandad.config import TimeoutsConfig
from pandad.dataservice import upkeep
from pandad.dataservice.closer import Closer, Making
from pandad.dataservice.datasets import Dataset, NewFile, RuleState
from pandad.dataservice.ddm import DatasetClosed, FileName
from pandad.dataservice.outbox import Outbox
from pandad.dataservice.shipping import Shipping
from pandad.dataservice.subdatasets import Preparing
from pandad.jobdispatcher.watcher import Watcher
from pandad.spec import errorcodes
from pandad.spec.jobstatus import Actor, Event, JobStatus
from pandad.spec.reason import Reason
from pandad.spec.retry import RetryPolicy
from pandad.taskbuffer import datasets

from .homecoming import HERE, OUT, THERE, Home, World, content, entry, files

S = JobStatus


@pytest.fixture(params=RUCIOS)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """Each Rucio in its turn, without files."""
    made: World = request.param(request)
    yield made
    made.close()


@pytest.fixture
def home(stage: Stage, world: World) -> Home:
    """Its loops."""
    return Home(stage, world)


@ensureDeferred
async def test_at_home_already(home: Home) -> None:
    """A job whose outputs are wanted where they were written finishes in one round: they are known there with size, checksum and
    GUID, in their dataset, and the dataset is closed when no job is left."""
    await home.open()
    outputs = files()
    panda_id = await home.reported(outputs)
    await home.rooms.adder.run_once()
    job = await home.stage.look(panda_id)
    assert (job.jobStatus, job.nOutputDataFiles) == (S.FINISHED, 1)
    assert [(f.status, f.destinationSE, f.fsize) for f in job.Files] == [
        ("ready", HERE, len(content(f.lfn or ""))) for f in job.Files]
    assert await home.at(HERE, outputs) == await home.held() == {"out.root", "out.log.tgz"}
    assert {file.guid for file in await home.world.datasets.contents(OUT)} == {entry("")["guid"].replace("-", "")}
    await home.rounds(4)
    with pytest.raises(DatasetClosed):
        home.world.put(HERE, FileName("user.alice", "late"), b"x")
        await home.world.datasets.attach(OUT, [FileName("user.alice", "late")])
    assert (await home.left(), await home.stage.sql("SELECT 1 FROM dataset")) == ([], [])


@ensureDeferred
async def test_made_before_it_starts(home: Home) -> None:
    """The dataset is there when the job may run, and stays open as long as one of its jobs lives."""
    await home.open()
    panda_id = await home.running(files())
    await home.rounds(3)
    assert await home.held() == set()
    assert await home.stage.sql("SELECT state FROM dataset") == [("open",)]
    assert await home.stage.event(Event.LOST, panda_id, actor=Actor.WATCHER)
    await home.rounds(3)
    assert await home.stage.sql("SELECT state FROM dataset") == []


@ensureDeferred
async def test_brought_to_its_destination(home: Home) -> None:
    """An output that is wanted elsewhere is written at the queue; its job is `transferring` until the rule has brought it there,
    together with those of other jobs; the log stays."""
    await home.open()
    outputs = [files(THERE, name=name) for name in "ab"]
    jobs = [await home.reported(each) for each in outputs]
    assert {f.destinationSE for i in jobs for f in (await home.stage.look(i)).Files} == {HERE}
    await home.rooms.adder.run_once()
    assert {await home.stage.status(i) for i in jobs} == {S.TRANSFERRING}
    await home.rounds(3)
    (sub,) = await home.shipments()
    assert sub.name.startswith("user.alice.out_sub0")
    assert await home.held(sub) == {"a.root", "b.root"}
    (rule,) = await home.world.datasets.rules_of(sub)
    assert (rule.endpoint, rule.state, rule.replicating) == (THERE, RuleState.REPLICATING, 2)
    assert {await home.stage.status(i) for i in jobs} == {S.TRANSFERRING}
    await home.world.transferred()
    await home.rounds(1)
    for panda_id in jobs:
        job = await home.stage.look(panda_id)
        assert (job.jobStatus, {(f.type, f.destinationSE, f.status) for f in job.Files}) == (
            S.FINISHED, {("output", THERE, "ready"), ("log", HERE, "ready")})
        assert (await home.stage.events(panda_id))[-3:] == [Event.REPORTED, Event.TRANSFER_STARTED, Event.COMPLETED]
    assert await home.at(THERE, [f for each in outputs for f in each]) == {"a.root", "b.root"}
    assert (await home.shipments(), await home.stage.sql("SELECT 1 FROM shipment_file")) == ([], [])


@ensureDeferred
async def test_two_destinations(home: Home) -> None:
    """A job whose files go to two places by way of two datasets is finished when the last has arrived."""
    await home.open()
    other = a_file(lfn="x.root", destinationSE=THERE, destinationDBlock="user.alice.other")
    panda_id = await home.reported([*files(THERE), other])
    await home.rounds(3)
    subs = await home.shipments()
    assert [sub.name.partition("_sub")[0] for sub in subs] == ["user.alice.other", "user.alice.out"]
    home.world.moved(THERE, FileName("user.alice", "x.root"), "A")
    await home.rounds(1)
    assert (await home.stage.status(panda_id), await home.shipments()) == (S.TRANSFERRING, subs[1:])
    await home.world.transferred()
    await home.rounds(1)
    assert await home.stage.status(panda_id) is S.FINISHED


@pytest.mark.parametrize(("said", "words"), [
    ({}, "out.root: the pilot did not report it"),
    ({"out.root": entry("out.root", fsize=None)}, "out.root: the pilot did not report its size"),
    ({"out.root": entry("out.root", adler32=None, md5sum="x")}, "out.root: the pilot did not report its adler32"),
    ({"out.root": entry("out.root", adler32="nonsense!")}, "out.root: the pilot did not report its adler32"),
    ({"out.root": entry("out.root", endpoint="NOWHERE")}, "there is no such storage endpoint"),
])
@ensureDeferred
async def test_a_report_that_is_not_right(home: Home, said: dict[str, Any], words: str) -> None:
    """It fails the job, says what is wrong, and nothing but the log is entered."""
    await home.open()
    outputs = files()
    panda_id = await home.reported(outputs, {**said, "out.log.tgz": entry("out.log.tgz")})
    await home.rooms.adder.run_once()
    job = await home.stage.look(panda_id)
    assert job.jobStatus is S.FAILED and words in (job.ddmErrorDiag or "")
    assert job.ddmErrorCode in (errorcodes.DDM_ADDER, errorcodes.DDM_RSE)
    assert await home.at(HERE, outputs) == {"out.log.tgz"}


@ensureDeferred
async def test_nothing_in_it_is_a_file_too(home: Home) -> None:
    """An output without a byte is entered as such."""
    await home.open()
    outputs = files()
    said = {f.lfn or "": entry(f.lfn or "") for f in outputs}
    panda_id = await home.reported(outputs, {**said, "out.root": entry("out.root", fsize=0, adler32="1")})
    await home.rooms.adder.run_once()
    assert await home.stage.status(panda_id) is S.FINISHED
    found = await home.world.datasets.contents(OUT)
    assert NewFile(FileName("user.alice", "out.root"), 0, "00000001", entry("")["guid"].replace("-", "")) in found


@ensureDeferred
async def test_the_log_of_a_failed_job(home: Home) -> None:
    """It is entered where it was written, though it is wanted elsewhere; the outputs are not, and the failure stays the
    pilot's."""
    await home.open()
    outputs = files(THERE, THERE)
    panda_id = await home.reported(outputs, status=S.FAILED, pilotErrorDiag="no space left")
    await home.rooms.adder.run_once()
    job = await home.stage.look(panda_id)
    assert (job.jobStatus, job.ddmErrorCode, [f.status for f in job.Files]) == (S.FAILED, 0, ["failed", "ready"])
    assert await home.at(HERE, outputs) == await home.held() == {"out.log.tgz"}
    assert await home.shipments() == []


@ensureDeferred
async def test_the_one_that_is_refused(home: Home) -> None:
    """A file of a name that is known with another content fails its own job; those entered in the same call are finished."""
    await home.open()
    outputs = [files(name=name) for name in "abcde"]
    jobs = [await home.running(each) for each in outputs]
    home.world.put(THERE, FileName("user.alice", "c.root"), b"something else")
    for panda_id, each in zip(jobs, outputs, strict=True):
        await home.ended(panda_id, each)
    await home.rooms.adder.run_once()
    assert [await home.stage.status(i) for i in jobs] == [S.FINISHED, S.FINISHED, S.FAILED, S.FINISHED, S.FINISHED]
    job = await home.stage.look(jobs[2])
    assert "user.alice:c.root with another size or checksum" in (job.ddmErrorDiag or "")
    assert job.ddmErrorCode == errorcodes.DDM_ADDER


def poorly(home: Home) -> None:
    """Rules are made in the name of an account without quota."""
    stage, datasets, policy = home.stage, home.world.datasets, RetryPolicy()
    home.rooms.outbox = Outbox(stage.store, [
        *upkeep.handlers(datasets), Making(datasets), Preparing(datasets),
        Shipping(stage.store, home.world.without_quota(), home.config, policy)], home.config)


@ensureDeferred
async def test_no_quota_at_the_destination(home: Home) -> None:
    """A job waits in `transferring` and says so; when there is room it goes on."""
    await home.open()
    whys = Whys(home.stage.store)
    outputs = files(THERE)
    panda_id = await home.reported(outputs)
    poorly(home)
    await home.rounds(2)
    said = await whys.explain.job(a_caller(), panda_id)
    assert (said["jobStatus"], said["reason"], said["waits_for"]) == (S.TRANSFERRING, Reason.OUTPUT_NO_QUOTA, "quota")
    assert "Rucio refuses for now: the quota of the account at the endpoint is used up" in said["summary"]
    home.world.with_quota()
    await home.rounds(2)
    assert (await whys.explain.job(a_caller(), panda_id))["reason"] == Reason.OUTPUT_MOVES
    await home.world.transferred()
    await home.rounds(2)
    assert await home.stage.status(panda_id) is S.FINISHED


@ensureDeferred
async def test_no_quota_until_it_is_given_up(home: Home) -> None:
    """After give_up_s the job fails with 201 and the reason."""
    await home.open()
    panda_id = await home.reported(files(THERE))
    poorly(home)
    await home.rounds(2)
    await home.stage.sql("UPDATE errand SET asked = asked - interval '25 h' RETURNING 1")
    await home.rounds(1)
    job = await home.stage.look(panda_id)
    assert (job.jobStatus, job.ddmErrorCode) == (S.FAILED, errorcodes.DDM_SUBSCRIPTION)
    assert "the quota of the account at the endpoint is used up" in (job.ddmErrorDiag or "")


@ensureDeferred
async def test_a_dataset_that_cannot_be_made(home: Home) -> None:
    """Its jobs fail before they have cost anything, and say why; the job of another dataset starts."""
    await home.open()
    bad = await home.stage.job(S.ASSIGNED, Files=[a_file(scope="user.nobody", destinationSE=None)])
    good = await home.stage.job(S.ASSIGNED, Files=files())
    await home.rooms.activator.run_once()
    assert [await home.stage.status(i) for i in (bad, good)] == [S.ASSIGNED, S.ASSIGNED]
    await home.rounds(3)
    job = await home.stage.look(bad)
    assert (job.jobStatus, job.ddmErrorCode) == (S.FAILED, errorcodes.DDM_SETUPPER)
    assert "there is no such scope" in (job.ddmErrorDiag or "")
    assert await home.stage.status(good) is S.ACTIVATED


@ensureDeferred
async def test_a_dataset_that_cannot_be_made_now(home: Home) -> None:
    """While Rucio is away its jobs wait, and start when it is back."""
    await home.open()
    panda_id = await home.stage.job(S.ASSIGNED, Files=files())
    await home.rooms.activator.run_once()
    await home.world.away()
    for _ in range(2):
        await home.due()
        await home.rooms.outbox.run_once()
        await home.rooms.activator.run_once()
    assert await home.stage.status(panda_id) is S.ASSIGNED
    ((kind, _, tries, error),) = await home.left()
    assert (kind, tries) == ("make output dataset", 2) and "Rucio at" in error
    await home.world.back()
    home.world.clock.advance(120)
    await home.rounds(2)
    assert await home.stage.status(panda_id) is S.ACTIVATED


@ensureDeferred
async def test_a_scope_that_nobody_made(home: Home) -> None:
    """An output that cannot be entered stops no other: Rucio says that there is no such scope, which fails the job, or speaks of
    its database, and then only that job waits."""
    await home.open()
    bad = await home.running([a_file(lfn="out.root", scope="user.nobody", destinationSE=None,
                                     destinationDBlock="user.alice:user.alice.out")])
    await home.said(bad, {"out.root": entry("out.root")})
    good = [await home.reported(files(name=name)) for name in "abc"]
    await home.rooms.adder.run_once()
    assert {await home.stage.status(i) for i in good} == {S.FINISHED}
    job = await home.stage.look(bad)
    assert (job.jobStatus, (job.ddmErrorDiag or "").rpartition(": ")[2]) in (
        (S.FAILED, "there is no such scope"), (S.HOLDING, "its database has a problem"))


@ensureDeferred
async def test_a_token_that_was_revoked(home: Home) -> None:
    """It is replaced while the job's outputs are on their way, and nobody notices."""
    await home.open()
    panda_id = await home.reported(files(THERE))
    for loop in (home.rooms.adder, home.rooms.outbox, home.rooms.finisher):
        home.world.revoke()
        await home.due()
        await loop.run_once()
    home.world.revoke()
    await home.world.transferred()
    await home.rounds(1)
    assert await home.stage.status(panda_id) is S.FINISHED


@ensureDeferred
async def test_away_and_back(home: Home) -> None:
    """While Rucio is away a job waits in `holding` and says for what; when it is back the job finishes and nothing of that is
    left on it. So does one that waits for its transfer."""
    await home.open()
    moving = await home.reported(files(THERE, name="moving"))
    await home.rounds(2)
    waiting = await home.reported(files())
    await home.world.away()
    for _ in range(3):
        await home.due()
        for loop in (home.rooms.adder, home.rooms.outbox, home.rooms.finisher):
            await loop.run_once()
    job = await home.stage.look(waiting)
    assert (job.jobStatus, job.ddmErrorCode) == (S.HOLDING, errorcodes.DDM_ADDER)
    assert "Rucio at" in (job.ddmErrorDiag or "")
    assert (await home.stage.events(waiting)).count("outputs wait") == 1
    assert await home.stage.status(moving) is S.TRANSFERRING
    await home.world.back()
    home.world.clock.advance(120)
    await home.world.transferred()
    await home.rounds(3)
    job = await home.stage.look(waiting)
    assert (job.jobStatus, job.ddmErrorCode, job.ddmErrorDiag) == (S.FINISHED, 0, None)
    assert await home.stage.status(moving) is S.FINISHED


@ensureDeferred
async def test_patience_ends(home: Home) -> None:
    """A job whose outputs could not be entered for so long fails with that reason."""
    await home.open()
    panda_id = await home.reported(files())
    await home.stage.sql("UPDATE job_report SET at = now() - interval '2 days' RETURNING 1")
    await home.world.away()
    await home.rooms.adder.run_once()
    job = await home.stage.look(panda_id)
    await home.world.back()
    home.world.clock.advance(120)
    assert (job.jobStatus, job.ddmErrorCode) == (S.FAILED, errorcodes.DDM_ADDER)


@ensureDeferred
async def test_no_room_at_the_destination(home: Home) -> None:
    """A rule that is refused for good fails the jobs that need it, with code 201 and Rucio's reason in our words."""
    await home.open()
    panda_id = await home.reported(files("NOWHERE"))
    await home.rounds(3)
    job = await home.stage.look(panda_id)
    assert (job.jobStatus, job.ddmErrorCode) == (S.FAILED, errorcodes.DDM_SUBSCRIPTION)
    assert "NOWHERE" in (job.ddmErrorDiag or "") and await home.shipments() == []


@ensureDeferred
async def test_a_transfer_that_fails(home: Home) -> None:
    """A stuck rule keeps its job waiting and says why; when the file arrives after all the job finishes, though Rucio takes its
    time to look at the rule again."""
    await home.open()
    panda_id = await home.reported(files(THERE))
    await home.rounds(2)
    await home.world.transferred(fail="out.root")
    await home.rounds(1)
    ((trouble,),) = await home.stage.sql("SELECT trouble FROM shipment")
    assert "is STUCK, 1 files of it" in trouble
    assert await home.stage.status(panda_id) is S.TRANSFERRING
    await home.world.transferred()
    await home.rounds(1)
    assert await home.stage.status(panda_id) is S.FINISHED


@ensureDeferred
async def test_a_transfer_that_never_succeeds(home: Home) -> None:
    """Its job ends at the limit of its state, its rule is given up, and its output stays where it was written."""
    await home.open()
    outputs = files(THERE)
    panda_id = await home.reported(outputs, maxAttempt=1)
    await home.rounds(2)
    (sub,) = await home.shipments()
    for _ in range(2):
        await home.world.transferred(fail="out.root")
        await home.rounds(1)
    assert await home.stage.status(panda_id) is S.TRANSFERRING
    await home.stage.later(8 * 24 * 3600)
    await Watcher(home.stage.store, TimeoutsConfig(), RetryPolicy(), Clock()).run_once()
    job = await home.stage.look(panda_id)
    assert (job.jobStatus, job.taskBufferErrorCode) == (S.FAILED, errorcodes.TRANSFER_TIMEOUT.code)
    await home.rounds(4)
    assert (await home.shipments(), await home.left()) == ([], [])
    assert all(rule.expires_at is not None for rule in await home.world.datasets.rules_of(sub))
    assert (await home.at(HERE, outputs), await home.at(THERE, outputs)) == ({"out.root", "out.log.tgz"}, set())


@ensureDeferred
async def test_a_rule_that_somebody_removed(home: Home) -> None:
    """It is made again, and the job finishes by it."""
    await home.open()
    panda_id = await home.reported(files(THERE))
    await home.rounds(2)
    (sub,) = await home.shipments()
    home.world.forget_rules(sub)
    await home.rounds(3)
    (rule,) = await home.world.datasets.rules_of(sub)
    await home.world.transferred()
    await home.rounds(2)
    assert await home.stage.status(panda_id) is S.FINISHED


@ensureDeferred
async def test_nobody_waits_any_more(home: Home) -> None:
    """A job that is killed, or past its limit, while its outputs move: its rule is given up, whether it was made or not."""
    await home.open()
    early = await home.reported(files(THERE, name="early"))
    await home.rounds(2)
    (sub,) = await home.shipments()
    late = await home.reported(files(THERE, name="late"))
    await home.rooms.adder.run_once()
    for panda_id in (early, late):
        assert await home.stage.event(Event.KILLED, panda_id, actor=Actor.USER)
    await home.rounds(5)
    assert (await home.shipments(), await home.left()) == ([], [])
    rules = await home.world.datasets.rules_of(sub)
    assert all(rule.expires_at is not None for rule in rules)
    assert {f.status for f in (await home.stage.look(early)).Files} == {"failed", "ready"}


@ensureDeferred
async def test_hearsay(home: Home) -> None:
    """Word that a rule or a dataset is through leads to a look at once; word of others, or an early one, to nothing."""
    await home.open()
    panda_id = await home.reported(files(THERE))
    for _ in range(2):
        await home.rooms.adder.run_once()
        await home.rooms.outbox.run_once()
    (sub,) = await home.shipments()
    ((rule,),) = await home.stage.sql("SELECT rule FROM shipment")
    heard = home.rooms.finisher.heard
    assert not await home.rooms.finisher.run_once()  # a first look, and the next one is far
    assert [await heard(["0" * 32], [Dataset("panda", "nothing")]), await heard()] == [0, 0]
    assert await heard([rule]) == 1  # too early
    await home.rooms.finisher.run_once()
    assert await home.stage.status(panda_id) is S.TRANSFERRING
    await home.world.transferred()
    await home.rooms.finisher.run_once()
    assert await home.stage.status(panda_id) is S.TRANSFERRING
    assert [await heard([rule], [sub]), await heard([], [sub])] == [1, 0]
    await home.rooms.finisher.run_once()
    assert await home.stage.status(panda_id) is S.FINISHED
    assert await heard([rule], [sub]) == 0


def in_a_container(name: str, number: int) -> list[Any]:
    """Outputs of a job of a task, as tasks of prun have them."""
    return [replace(each, dataset=f"{name}/", destinationDBlock=f"{name}.{number}") for each in files(name=f"x{number}")]


@ensureDeferred
async def test_in_a_container(home: Home) -> None:
    """The dataset of a job whose owner asked for a container is in it before the job starts, and with it those of other jobs."""
    await home.open()
    jobs = [await home.reported(in_a_container("user.alice.all", number)) for number in (7, 8)]
    named = await home.world.names.named(Dataset("user.alice", "user.alice.all"))
    assert [each.name for each in named.datasets] == ["user.alice.all.7", "user.alice.all.8"]
    await home.rooms.adder.run_once()
    assert {await home.stage.status(i) for i in jobs} == {S.FINISHED}
    held = await home.world.names.files(named.datasets)
    assert [sorted(f.name.lfn for f in held[each]) for each in named.datasets] == [
        ["x7.log.tgz", "x7.root"], ["x8.log.tgz", "x8.root"]]


@ensureDeferred
async def test_a_container_that_cannot_be(home: Home) -> None:
    """A name that a dataset has already fails the jobs before they have cost anything."""
    await home.open()
    await home.world.datasets.make(Dataset("user.alice", "user.alice.taken"))
    panda_id = await home.stage.job(S.ASSIGNED, Files=in_a_container("user.alice.taken", 7))
    await home.rounds(2)
    job = await home.stage.look(panda_id)
    assert (job.jobStatus, job.ddmErrorCode) == (S.FAILED, errorcodes.DDM_SETUPPER)
    assert "user.alice:user.alice.taken exists, and is no container" in (job.ddmErrorDiag or "")


@ensureDeferred
async def test_no_more_jobs(home: Home) -> None:
    """What nobody will ask for further jobs of is closed as soon as the last of them has ended, and not before."""
    await home.open()
    panda_id = await home.reported(files())
    await home.stage.store.transact("test", datasets.no_more, [(OUT.scope, OUT.name)])
    far = replace(home.config, dataset_close_s=3600.0)
    closer = Closer(home.stage.store, far, active=True)
    await closer.run_once()
    assert await home.stage.sql("SELECT state FROM dataset") == [("open",)]
    await home.rooms.adder.run_once()
    assert await home.stage.status(panda_id) is S.FINISHED
    await home.due()
    for _ in range(2):
        await closer.run_once()
    await home.rooms.outbox.run_once()
    assert (await home.world.names.named(OUT)).closed


@ensureDeferred
async def test_empty_datasets_go(home: Home) -> None:
    """A dataset into which no job put a file is closed, and erased some time after."""
    await home.open()
    panda_id = await home.running(files())
    await home.rooms.outbox.run_once()
    assert await home.stage.event(Event.LOST, panda_id, actor=Actor.WATCHER)
    for _ in range(2):
        await home.due()
        await home.rooms.closer.run_once()
    assert await home.stage.sql("SELECT state FROM dataset") == [("empty",)]
    assert [kind for kind, *_ in await home.left()] == ["close dataset"]
    await home.rounds(3)
    assert (await home.stage.sql("SELECT 1 FROM dataset"), await home.left()) == ([], [])


@ensureDeferred
async def test_wanted_again(home: Home) -> None:
    """A job that comes when its dataset is about to be closed keeps it open."""
    await home.open()
    first = await home.reported(files(name="a"))
    await home.rooms.adder.run_once()
    for _ in range(2):
        await home.due()
        await home.rooms.closer.run_once()
    assert (await home.stage.status(first), [kind for kind, *_ in await home.left()]) == (S.FINISHED, ["close dataset"])
    second = await home.reported(files(name="b"))
    await home.rounds(5)
    assert await home.stage.status(second) is S.FINISHED
    assert await home.held() == {"a.root", "a.log.tgz", "b.root", "b.log.tgz"}


@ensureDeferred
async def test_why_it_waits(home: Home) -> None:
    """Who asks is told what a job's outputs wait for: Rucio, the rule, the transfer, or what keeps it from getting on."""
    await home.open()
    panda_id = await home.reported(files(THERE))

    async def why() -> tuple[str, str]:
        said = await Whys(home.stage.store).explain.job(a_caller(), panda_id)
        return said["reason"], said["summary"]

    await home.world.away()
    await home.rooms.adder.run_once()
    reason, summary = await why()
    assert reason == "output-storage-away" and "Rucio at" in summary
    await home.world.back()
    home.world.clock.advance(120)
    await home.due()
    await home.rooms.adder.run_once()
    await home.world.away()
    await home.rooms.outbox.run_once()
    reason, summary = await why()
    assert reason == "output-sent-for" and f"goes to {THERE} since" in summary and "after 1 tries" in summary
    assert [each["kind"] for each in (await Whys(home.stage.store).explain.job(a_caller(), panda_id))["owed"]] == ["move outputs"]
    await home.world.back()
    home.world.clock.advance(120)
    await home.rounds(2)
    reason, summary = await why()
    assert reason == "output-moves" and "by rule" in summary
    await home.world.transferred(fail="out.root")
    await home.rounds(1)
    reason, summary = await why()
    assert reason == "output-stuck" and "is STUCK" in summary
    ((transfer),) = (await Whys(home.stage.store).explain.job(a_caller(), panda_id))["transfers"]
    assert (transfer["endpoint"], transfer["trouble"] is None) == (THERE, False)
