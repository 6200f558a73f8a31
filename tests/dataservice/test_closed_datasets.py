"""Jobs that write into a dataset that is closed: it is opened again, or they fail before they have run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_twisted import ensureDeferred
from rucioworlds import RUCIOS, FakeRucioWorld
from stages import Stage

from pandad.spec import errorcodes
from pandad.spec.jobstatus import Event, JobStatus

from .homecoming import OUT, Home, World, files

S = JobStatus


@pytest.fixture(params=RUCIOS)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """Each Rucio in its turn, without files."""
    made: World = request.param(request)
    yield made
    made.close()


@pytest.fixture
def home(stage: Stage, world: World) -> Home:
    """Its loops, with a dataset that was closed when its first job had ended."""
    return Home(stage, world)


async def closed(home: Home) -> None:
    """A job has run, and its dataset is closed."""
    await home.open()
    await home.reported(files(name="first"))
    await home.rounds(5)
    assert await home.stage.sql("SELECT 1 FROM dataset") == []


@ensureDeferred
async def test_a_job_that_comes_later(home: Home) -> None:
    """The dataset that pandad had closed takes its files too, and is closed again."""
    await closed(home)
    later = await home.reported(files(name="later"))
    await home.rounds(5)
    assert await home.stage.status(later) is S.FINISHED
    assert await home.held() == {"first.root", "first.log.tgz", "later.root", "later.log.tgz"}
    assert await home.stage.sql("SELECT 1 FROM dataset") == []


@ensureDeferred
async def test_what_somebody_else_has_closed(home: Home) -> None:
    """A job that would write into it fails before it has run, with the reason and what to do."""
    await closed(home)
    home.world.of_bob(OUT)
    later = await home.stage.job(S.ASSIGNED, Files=files(name="later"))
    await home.rounds(3)
    job = await home.stage.look(later)
    assert (job.jobStatus, job.ddmErrorCode) == (S.FAILED, errorcodes.DDM_SETUPPER)
    assert "is closed and takes no more files; write into another one" in (job.ddmErrorDiag or "")
    assert Event.CLAIMED not in await home.stage.events(later)


@pytest.mark.parametrize("world", [FakeRucioWorld], indirect=True)
@ensureDeferred
async def test_where_nobody_may_open_it_again(home: Home) -> None:
    """With a policy that leaves that to admins it is the same."""
    await closed(home)
    assert isinstance(home.world, FakeRucioWorld)
    home.world.rucio.final = True
    later = await home.stage.job(S.ASSIGNED, Files=files(name="later"))
    await home.rounds(3)
    job = await home.stage.look(later)
    assert (job.jobStatus, job.ddmErrorCode) == (S.FAILED, errorcodes.DDM_SETUPPER)
    assert "may not open it again; write into another one" in (job.ddmErrorDiag or "")


@ensureDeferred
async def test_closed_while_its_job_runs(home: Home) -> None:
    """By a call that was under way when the job came, or by somebody: the job finishes all the same."""
    await home.open()
    panda_id = await home.running(files())
    await home.world.datasets.close(OUT)
    await home.ended(panda_id, files())
    await home.rooms.adder.run_once()
    assert await home.stage.status(panda_id) is S.FINISHED
    assert await home.held() == {"out.root", "out.log.tgz"}
