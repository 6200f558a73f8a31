"""Outputs whose names are taken: their jobs end before they start, and one that finds out too late is not tried again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from factories import a_file
from pytest_twisted import ensureDeferred
from rucioworlds import RUCIOS, FakeRucioWorld
from stages import Stage

from pandad.dataservice.adder import Adder
from pandad.dataservice.datasets import Dataset
from pandad.dataservice.ddm import FileName
from pandad.dataservice.registrar import Registrar
from pandad.spec import errorcodes
from pandad.spec.jobstatus import Event, JobStatus
from pandad.spec.retry import Action, RetryPolicy, RetryRule

from .homecoming import THERE, Home, World, content, files

S = JobStatus
OUTPUT = FileName("user.alice", "out.root")
AGAIN = RetryPolicy(5, 5, [RetryRule(name="data", source="ddm", action=Action.LIMIT)])


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
    """The one in memory, for what the real one would not do at command."""
    made = FakeRucioWorld(request)
    yield Home(stage, made)
    made.close()


@ensureDeferred
async def test_it_does_not_start(home: Home) -> None:
    """A job whose output has the name of a file, even of one without any copy, or of a dataset, ends before it has cost anything
    and says which; the others of its round start."""
    await home.open()
    home.world.put(THERE, OUTPUT, b"something else")
    await home.world.datasets.make(Dataset("user.alice", "log.log.tgz"))
    refused = [await home.stage.job(S.ASSIGNED, Files=files(name=name)) for name in ("out", "log")]
    good = await home.running(files(name="good"))
    assert await home.stage.status(good) is S.RUNNING
    for panda_id, name in zip(refused, ("out.root", "log.log.tgz"), strict=True):
        job = await home.stage.look(panda_id)
        assert (job.jobStatus, job.ddmErrorCode) == (S.FAILED, errorcodes.DDM_SETUPPER)
        assert job.ddmErrorDiag == f"the name user.alice:{name} is taken in the catalogue already; have the job write another one"
        assert await home.stage.events(panda_id) == [Event.REFUSED]


@ensureDeferred
async def test_taken_while_it_ran(home: Home) -> None:
    """It fails with the reason; where the content is the same, whatever its GUID, it is the same file, and the job goes on."""
    await home.open()
    same, other = [await home.running(files(name=name)) for name in ("same", "out")]
    home.world.put(THERE, FileName("user.alice", "same.root"), content("same.root"))
    home.world.put(THERE, OUTPUT, b"something else")
    await home.ended(same, files(name="same"))
    await home.ended(other, files())
    await home.rounds(3)
    assert [await home.stage.status(i) for i in (same, other)] == [S.FINISHED, S.FAILED]
    job = await home.stage.look(other)
    assert (job.ddmErrorCode, f"{OUTPUT} with another size or checksum" in (job.ddmErrorDiag or "")) == (
        errorcodes.DDM_ADDER, True)


@pytest.mark.parametrize(("parameters", "status"), [("-o out.root", S.ACTIVATED), ("-o $OUT", S.FAILED)])
@ensureDeferred
async def test_tried_again(home: Home, parameters: str, status: JobStatus) -> None:
    """Where a rule has it tried again, the next attempt writes another name; one that would write the same is not made."""
    await home.open()
    home.rooms.adder = Adder(home.stage.store, home.world.ddm, home.config, AGAIN, Registrar(home.world.datasets, home.config))
    panda_id = await home.running(files(), jobParameters=parameters)
    home.world.put(THERE, OUTPUT, b"something else")
    await home.ended(panda_id, files())
    await home.rooms.adder.run_once()
    assert await home.stage.status(panda_id) is status
    why = (await home.stage.history(panda_id))[-1].why or ""
    assert why.endswith("not retried: it would write out.root again, a name that is taken now") is (status is S.FAILED), why


@ensureDeferred
async def test_tried_again_elsewhere(home: Home) -> None:
    """A job that comes to a queue with a name that another attempt has entered does not start."""
    await home.open()
    first = await home.reported(files())
    await home.rooms.adder.run_once()
    assert await home.stage.status(first) is S.FINISHED
    second = await home.stage.job(S.ASSIGNED, Files=files(), attemptNr=2)
    await home.rounds(2)
    assert await home.stage.status(second) is S.FAILED


@ensureDeferred
async def test_not_known_now(fake: Home) -> None:
    """While Rucio does not answer a job waits, and starts when it does."""
    await fake.open()
    assert isinstance(fake.world, FakeRucioWorld)
    await fake.world.away()
    panda_id = await fake.stage.job(S.ASSIGNED, Files=files())
    await fake.rounds(2)
    assert await fake.stage.status(panda_id) is S.ASSIGNED
    await fake.world.back()
    fake.world.clock.advance(120)
    await fake.rounds(3)
    assert await fake.stage.status(panda_id) is S.ACTIVATED


@ensureDeferred
async def test_before_anything_is_brought(fake: Home) -> None:
    """Input is not sent for."""
    await fake.open()
    fake.world.put(THERE, FileName("user.alice", "in"), b"x")
    fake.world.put(THERE, OUTPUT, b"something else")
    wanted = a_file(lfn="in", type="input", destinationSE=None)
    panda_id = await fake.stage.job(S.ASSIGNED, Files=[wanted, *files()])
    await fake.rounds(1)
    assert await fake.stage.status(panda_id) is S.FAILED
    assert await fake.stage.sql("SELECT 1 FROM placement") == []
