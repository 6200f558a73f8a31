"""`_sub` datasets: there before a job starts, one for all that go the same way, and gone when nobody needs them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from factories import a_file
from pytest_twisted import ensureDeferred
from rucioworlds import RUCIOS, FakeRucioWorld
from stages import Stage

from pandad.dataservice.copies import name_of
from pandad.dataservice.datasets import Dataset
from pandad.dataservice.ddm import FileName, UnknownData
from pandad.spec import errorcodes
from pandad.spec.jobstatus import Actor, Event, JobStatus

from .homecoming import HERE, OUT, THERE, Home, World, files

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


@pytest.fixture
def fake(stage: Stage, request: pytest.FixtureRequest) -> Iterator[Home]:
    """At the one in memory."""
    made = FakeRucioWorld(request)
    yield Home(stage, made)
    made.close()


async def prepared(home: Home) -> list[Dataset]:
    """Those that wait for files."""
    rows = await home.stage.sql("""SELECT d.scope, s.name FROM sub_dataset s JOIN dataset d ON d.id = s.dataset WHERE s.made
                                   ORDER BY s.shipment""")
    return [Dataset(*row) for row in rows]


@ensureDeferred
async def test_there_before_the_job_starts(home: Home) -> None:
    """A job is activated when its `_sub` is there, empty; its output travels in that one, and when no more are to come there is
    no other."""
    await home.open()
    panda_id = await home.stage.job(S.ASSIGNED, Files=files(THERE))
    await home.rooms.activator.run_once()
    assert (await home.stage.status(panda_id), await prepared(home)) == (S.ASSIGNED, [])
    await home.rooms.outbox.run_once()
    (sub,) = await prepared(home)
    assert sub.name.startswith(f"{OUT.name}_sub0") and await home.held(sub) == set()
    await home.rooms.activator.run_once()
    assert await home.stage.status(panda_id) is S.ACTIVATED
    await home.stage.claim()
    assert await home.stage.event(Event.RUNNING, panda_id, actor=Actor.PILOT)
    await home.ended(panda_id, files(THERE))
    await home.rooms.adder.run_once()
    await home.rooms.outbox.run_once()
    assert (await home.shipments(), await home.held(sub), await prepared(home)) == ([sub], {"out.root"}, [])
    await home.world.transferred()
    await home.rounds(2)
    assert await home.stage.status(panda_id) is S.FINISHED


@ensureDeferred
async def test_one_for_all_that_go_the_same_way(fake: Home) -> None:
    """However many jobs write into a dataset and want it at one endpoint, one call makes what the first of them take along; and
    one more is made when others are to follow. The last one, which nobody took, is erased when the dataset is closed."""
    await fake.open()
    outputs = [files(THERE, name=f"n{number}") for number in range(12)]
    jobs = [await fake.stage.job(S.ASSIGNED, Files=each) for each in outputs]
    for _ in range(2):
        await fake.rooms.activator.run_once()
        await fake.rooms.outbox.run_once()
    assert len(made := await prepared(fake)) == 1
    assert isinstance(fake.world, FakeRucioWorld)
    asked = fake.world.server.web.asked
    assert [count for call, count in asked.items() if "_sub0" in call] == [1]
    await fake.stage.claim(count=12)
    for panda_id in jobs:
        assert await fake.stage.event(Event.RUNNING, panda_id, actor=Actor.PILOT)
    for panda_id, each in zip(jobs[:8], outputs[:8], strict=True):
        await fake.ended(panda_id, each)
    await fake.rooms.adder.run_once()
    await fake.rooms.outbox.run_once()
    assert await fake.shipments() == made
    assert len(more := await prepared(fake)) == 1 and more != made
    for panda_id in jobs[8:]:
        assert await fake.stage.event(Event.LOST, panda_id, actor=Actor.WATCHER)
    await fake.world.transferred()
    await fake.rounds(6)
    assert {await fake.stage.status(i) for i in jobs[:8]} == {S.FINISHED}
    assert (await prepared(fake), await fake.left()) == ([], [])
    await fake.world.chores()
    with pytest.raises(UnknownData):
        await fake.world.datasets.contents(more[0])


@ensureDeferred
async def test_erased_at_rucio(home: Home) -> None:
    """What a job that was killed would have needed is gone from Rucio after its own daemons' next round, as is a dataset that
    got no file; so are the rule and the dataset of a shipment that nobody waits for."""
    await home.open()
    panda_id = await home.running(files(THERE))
    (sub,) = await prepared(home)
    other = await home.reported(files(THERE, name="other"), jobName="other")
    await home.rooms.adder.run_once()
    await home.rooms.outbox.run_once()
    for each in (panda_id, other):
        assert await home.stage.event(Event.FORCE_KILLED, each, actor=Actor.USER)
    await home.rounds(6)
    assert (await home.shipments(), await prepared(home), await home.left()) == ([], [], [])
    await home.world.chores()
    for gone in (sub,):
        with pytest.raises(UnknownData):
            await home.world.datasets.contents(gone)


@ensureDeferred
async def test_one_that_cannot_be_made(home: Home) -> None:
    """Where there is a file of its name already the job fails before it has run, and says so."""
    await home.open()
    await home.stage.sql("SELECT setval(pg_get_serial_sequence('shipment', 'id'), 6)")
    home.world.put(HERE, FileName(OUT.scope, f"{OUT.name}_sub07"), b"x")
    panda_id = await home.stage.job(S.ASSIGNED, Files=files(THERE))
    other = await home.stage.job(S.ASSIGNED, Files=files(name="other"))
    await home.rounds(3)
    job = await home.stage.look(panda_id)
    assert (job.jobStatus, job.ddmErrorCode) == (S.FAILED, errorcodes.DDM_SETUPPER)
    assert "_sub07 exists, and is no dataset" in (job.ddmErrorDiag or "")
    assert await home.stage.status(other) is S.ACTIVATED


@ensureDeferred
async def test_one_that_ran_out(fake: Home) -> None:
    """It is made again when files set out."""
    await fake.open()
    panda_id = await fake.reported(files(THERE))
    (sub,) = await prepared(fake)
    assert isinstance(fake.world, FakeRucioWorld)
    del fake.world.rucio.dids[sub.scope, sub.name]
    await fake.rounds(2)
    assert await fake.held(sub) == {"out.root"}
    await fake.world.transferred()
    await fake.rounds(1)
    assert await fake.stage.status(panda_id) is S.FINISHED


@ensureDeferred
async def test_what_is_wanted_as_a_whole_stays(home: Home) -> None:
    """Where all of a dataset is wanted at an endpoint a rule for the dataset keeps it there for ever, also what came later; the
    `_sub` and its rule run out."""
    await home.open()
    out = [[a_file(lfn=f"{name}.root", destinationSE=THERE)] for name in "ab"]
    jobs = [await home.reported(each) for each in out[:1]]
    await home.rounds(2)
    jobs.append(await home.reported(out[1]))
    await home.rounds(2)
    (rule,) = await home.world.datasets.rules_of(OUT)
    assert (rule.endpoint, rule.expires_at) == (THERE, None)
    first, second = await home.shipments()
    for sub in (first, second):
        (moving,) = await home.world.datasets.rules_of(sub)
        assert moving.expires_at is not None
    await home.world.transferred()
    await home.rounds(5)
    assert {await home.stage.status(i) for i in jobs} == {S.FINISHED}
    for sub in (first, second):
        await home.world.datasets.erase(sub)
    await home.world.chores()
    (rule,) = await home.world.datasets.rules([rule.id])
    assert (rule.ok, rule.replicating, rule.expires_at) == (2, 0, None)
    assert set(await home.world.ddm.replicas(THERE, [name_of(f) for each in out for f in each])) == {
        name_of(f) for each in out for f in each}


@ensureDeferred
async def test_what_is_wanted_in_part_stays_too(home: Home) -> None:
    """Where only some files of a dataset are wanted at an endpoint the others stay where they are, and the rule of the `_sub`
    never ends."""
    await home.open()
    await home.reported(files(THERE))
    await home.rounds(2)
    (sub,) = await home.shipments()
    (rule,) = await home.world.datasets.rules_of(sub)
    assert rule.expires_at is None and await home.world.datasets.rules_of(OUT) == []


@ensureDeferred
async def test_how_long_is_settable(stage: Stage, world: World) -> None:
    """The rule of the dataset lives as long as output_lifetime_s says, that of the `_sub` as long as sub_lifetime_s."""
    home = Home(stage, world, output_lifetime_s=90 * 86400, sub_lifetime_s=7 * 86400)
    await home.open()
    await home.reported([a_file(lfn="out.root", destinationSE=THERE)])
    await home.rounds(2)
    (sub,) = await home.shipments()
    (kept,), (moving,) = [await world.datasets.rules_of(each) for each in (OUT, sub)]
    assert kept.expires_at is not None and moving.expires_at is not None
    assert abs(kept.expires_at - moving.expires_at - timedelta(days=83)) < timedelta(minutes=5)


@ensureDeferred
async def test_what_two_hundred_jobs_cost(fake: Home) -> None:
    """Calls to Rucio from the making of the dataset to the end of the last job: a tenth of one for each job."""
    await fake.open()
    outputs = [files(THERE, name=f"n{number}") for number in range(200)]
    jobs = [await fake.stage.job(S.ASSIGNED, Files=each) for each in outputs]
    assert isinstance(fake.world, FakeRucioWorld)
    asked = fake.world.server.web.asked
    asked.clear()
    for _ in range(2):
        await fake.rooms.activator.run_once()
        await fake.rooms.outbox.run_once()
    await fake.stage.claim(count=200)
    for panda_id, each in zip(jobs, outputs, strict=True):
        assert await fake.stage.event(Event.RUNNING, panda_id, actor=Actor.PILOT)
        await fake.ended(panda_id, each)
    for loop in (fake.rooms.adder, fake.rooms.outbox):
        await loop.run_once()
    await fake.world.transferred()
    await fake.stage.sql("UPDATE shipment SET nextcheck = now() RETURNING 1")
    await fake.rooms.finisher.run_once()
    assert {await fake.stage.status(i) for i in jobs} == {S.FINISHED}
    assert sum(asked.values()) == 28
