"""Input and output with a real Rucio, its own messages, real bytes: they get to where they are wanted, whatever fails."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from factories import QUEUE, a_job
from pytest_twisted import async_yield_fixture, ensureDeferred
from rucioworlds import RealRucioWorld
from stages import Meanwhile, Stage
from twisted.internet import reactor
from twisted.internet.task import Clock

from pandad.api.auth import Authenticators
from pandad.api.callbackauth import CallbackAuthenticator
from pandad.api.ddm import PATH, Ddm
from pandad.api.grants import Grants
from pandad.api.site import build_sites
from pandad.brokerage.cycle import Cycle
from pandad.brokerageconfig import BrokerageConfig
from pandad.dataservice.datasets import RuleState
from pandad.dataservice.ddm import FileName
from pandad.dataservice.dispatch import Dispatch
from pandad.dataservice.finisher import hear_of_shipments
from pandad.dataservice.notices import Bulletin, hear_of_placements
from pandad.dataservice.outbox import Outbox
from pandad.embedded.rucio import agent
from pandad.embedded.rucio.agent import Options, Transfer
from pandad.spec.caller import Role
from pandad.spec.jobstatus import Actor, Event, JobStatus

from .homecoming import Home, content, files
from .test_preplacement import CONFIG, CONTENT, HERE, NAMES, OTHER, THERE, Site, an_input, site_at

pytestmark = pytest.mark.rucio
REACTOR: Any = reactor
USER, PASSWORD = "hermes", "sesame"


@pytest.fixture
def world(request: pytest.FixtureRequest) -> Iterator[RealRucioWorld]:
    """The real one, with NAMES at THERE."""
    made = RealRucioWorld(request)
    for name in NAMES:
        made.put(THERE, name, CONTENT)
    yield made
    made.close()


@async_yield_fixture
async def callback(stage: Stage) -> AsyncIterator[str]:
    """The address at which pandad is told."""
    password = CallbackAuthenticator({USER: PASSWORD})
    authenticators = Authenticators([password], Grants({Role.DDM: password.principals}).granted)
    handlers = [Ddm(Bulletin(stage.store, [hear_of_placements, hear_of_shipments]))]
    sites = build_sites(handlers, authenticators.identify, lambda: "", REACTOR)
    port = REACTOR.listenTCP(0, sites.active, interface="127.0.0.1")
    yield f"http://127.0.0.1:{port.getHost().port}{PATH}"
    await port.stopListening()


async def brokered(site: Site, *names: FileName, **but: Any) -> int:
    """A job that brokerage gave its queue, although it has not got the input."""
    (job,) = await site.stage.jobs(a_job(Files=[an_input(name) for name in names], **but))
    await Cycle(site.stage.store, BrokerageConfig(nopilot_s=0), Clock(), site.world.ddm).run_once()
    seen = await site.stage.look(job)
    assert (seen.jobStatus, seen.computingSite) == (JobStatus.ASSIGNED, QUEUE), seen.brokerageErrorDiag
    return job


async def moved(world: RealRucioWorld, **options: Any) -> dict[str, int]:
    """A round of the agent, in a thread: it blocks."""
    done: dict[str, int] = await world.stand.in_thread(lambda: agent.work(world.stand.admin(), Options(**options)))
    return done


def bytes_at(world: RealRucioWorld, name: FileName, endpoint: str = HERE) -> bytes:
    path = agent.path_of(world.stand.admin(), Transfer(name.scope, name.lfn, endpoint))
    return path.read_bytes() if path.exists() else b""


def rot(world: RealRucioWorld, name: FileName) -> None:
    """What lies where the data is, is something else now."""
    agent.path_of(world.stand.admin(), Transfer(name.scope, name.lfn, THERE)).write_bytes(b"something else")


@ensureDeferred
async def test_told_by_hermes(stage: Stage, world: RealRucioWorld, callback: str) -> None:
    """Brokered to a queue without the data, brought there byte by byte, told by Rucio's own hermes, activated without poll. What
    is told once more changes nothing."""
    site = await site_at(stage, world)
    job = await brokered(site, *NAMES)
    await site.look()
    await site.hear()
    assert await moved(world) == {"A": 3, "U": 0}
    await site.hear()
    assert await stage.status(job) is JobStatus.ASSIGNED  # nobody has told, and the next poll is far
    await world.stand.tell(callback, USER, PASSWORD)
    await site.hear()
    assert await stage.status(job) is JobStatus.ACTIVATED
    assert [bytes_at(world, name) for name in NAMES] == [CONTENT] * 3
    before = await stage.dump()
    assert world.tell_again() > 0
    await world.stand.tell(callback, USER, PASSWORD)
    await site.hear()
    assert await stage.dump() == before


@ensureDeferred
async def test_outputs_told_by_hermes(stage: Stage, world: RealRucioWorld, callback: str) -> None:
    """What a pilot wrote is moved byte by byte to where its owner wants it, and Rucio's own hermes has the job finish."""
    home = Home(stage, world)
    await home.open()
    job = await home.reported(files(HERE))
    for _ in range(2):
        await home.due()
        await home.rooms.adder.run_once()
        await home.rooms.outbox.run_once()
    await home.rooms.finisher.run_once()
    assert await moved(world) == {"A": 1, "U": 0}
    await home.rooms.finisher.run_once()
    assert await stage.status(job) is JobStatus.TRANSFERRING  # nobody has told, and the next look is far
    await world.stand.tell(callback, USER, PASSWORD)
    await home.rooms.finisher.run_once()
    assert await stage.status(job) is JobStatus.FINISHED
    assert bytes_at(world, FileName("user.alice", "out.root")) == content("out.root")


@ensureDeferred
async def test_told_too_early(stage: Stage, world: RealRucioWorld, callback: str) -> None:
    """The files come, and hermes tells so, before pandad has stored that the rule was made: it is not lost, and not needed."""
    site = await site_at(stage, world)
    job = await brokered(site, *NAMES)

    async def early() -> None:
        assert await moved(world) == {"A": 3, "U": 0}
        await world.stand.tell(callback, USER, PASSWORD)

    site.outbox = Outbox(Meanwhile(stage.store, "outbox_settle", early), [Dispatch(stage.store, world.datasets, CONFIG)], CONFIG)
    await site.look()
    await site.hear()
    assert await stage.status(job) is JobStatus.ACTIVATED
    assert len(await site.rules()) == 1


@ensureDeferred
async def test_callback_lost(stage: Stage, world: RealRucioWorld) -> None:
    """Without a word from Rucio the poll finds it."""
    site = await site_at(stage, world)
    job = await brokered(site, NAMES[0])
    await site.look()
    await moved(world)
    await site.poll()
    assert await stage.status(job) is JobStatus.ACTIVATED


@ensureDeferred
async def test_a_transfer_fails_once(stage: Stage, world: RealRucioWorld) -> None:
    """The rule is stuck; after the file came at a second try Rucio still calls it so, and the job goes on nevertheless."""
    site = await site_at(stage, world)
    job = await brokered(site, *NAMES)
    await site.look()
    assert await moved(world, fail="in.1") == {"A": 2, "U": 1}
    await site.poll(60)
    (rule,) = await site.rules()
    assert (await stage.status(job), rule.state) == (JobStatus.ASSIGNED, RuleState.STUCK)
    assert await moved(world, retry_stuck=True) == {"A": 1, "U": 0}
    (rule,) = await site.rules()
    assert rule.ok == 3
    await site.poll()
    assert await stage.status(job) is JobStatus.ACTIVATED


@ensureDeferred
async def test_a_transfer_fails_for_good(stage: Stage, world: RealRucioWorld) -> None:
    """The bytes rotted at their only source: the job leaves the queue, brokerage does not send it there again, and says why."""
    site = await site_at(stage, world)
    job = await brokered(site, *NAMES)
    rot(world, NAMES[1])
    await site.look()
    assert await moved(world) == {"A": 2, "U": 1}
    await site.poll()
    await site.poll(3601)
    assert await stage.status(job) is JobStatus.DEFINED
    await Cycle(stage.store, BrokerageConfig(nopilot_s=0), Clock(), world.ddm).run_once()
    seen = await stage.look(job)
    assert seen.jobStatus is JobStatus.DEFINED and "avoid" in (seen.brokerageErrorDiag or "")
    left = next(e for e in await stage.history(job) if e.event == Event.UNBROKERED)
    assert left.actor == Actor.DATASERVICE
    assert bytes_at(world, NAMES[1]) == b""


@ensureDeferred
async def test_the_bytes_come_from_elsewhere(stage: Stage, world: RealRucioWorld) -> None:
    """They rotted at one endpoint, and a rule for each that has them is tried until the files have come, all of them right."""
    site = await site_at(stage, world)
    job = await brokered(site, *NAMES)
    rot(world, NAMES[1])
    await site.look()
    assert await moved(world) == {"A": 2, "U": 1}
    await site.poll()
    world.endpoint(OTHER)
    for name in NAMES:
        world.put(OTHER, name, CONTENT)
    for _ in range(site.config.other_sources):
        await site.poll(3601)
        assert await stage.status(job) is JobStatus.ASSIGNED
        await moved(world)
        await site.poll()
        if await stage.status(job) is JobStatus.ACTIVATED:
            break
    assert await stage.status(job) is JobStatus.ACTIVATED
    assert await stage.sql("SELECT source FROM placement") == [(OTHER,)]
    assert [bytes_at(world, name) for name in NAMES] == [CONTENT] * 3


@ensureDeferred
async def test_the_job_goes_elsewhere(stage: Stage, world: RealRucioWorld) -> None:
    """Its input does not get to the queue that it was given: it leaves for another one, and its input is brought there."""
    site = await site_at(stage, world)
    job = await brokered(site, *NAMES)
    await site.look()
    assert await moved(world, fail="in.1") == {"A": 2, "U": 1}
    await site.poll()
    world.endpoint(OTHER)
    await world.ddm.run_once()
    await stage.queue(nickname="ELSEWHERE", astorages={"pr": [OTHER], "pw": [OTHER]})
    await site.poll(3601)
    await Cycle(stage.store, BrokerageConfig(nopilot_s=0), Clock(), world.ddm).run_once()
    seen = await stage.look(job)
    assert (seen.jobStatus, seen.computingSite) == (JobStatus.ASSIGNED, "ELSEWHERE"), seen.brokerageErrorDiag
    await site.look()
    await moved(world)
    await site.poll()
    seen = await stage.look(job)
    assert (seen.jobStatus, {file.dispatchDBlockToken for file in seen.inputs}) == (JobStatus.ACTIVATED, {OTHER})
    assert [bytes_at(world, name, OTHER) for name in NAMES] == [CONTENT] * 3


@ensureDeferred
async def test_a_token_that_was_revoked(stage: Stage, world: RealRucioWorld) -> None:
    """It is replaced while input is on its way, whoever asks next, and nobody notices."""
    site = await site_at(stage, world)
    job = await brokered(site, *NAMES)
    await stage.due()
    world.revoke()
    await site.activator.run_once()
    world.revoke()
    await site.errands()
    assert await stage.sql("SELECT 1 FROM errand") == []
    await moved(world)
    world.revoke()
    await site.poll()
    assert await stage.status(job) is JobStatus.ACTIVATED


@ensureDeferred
async def test_rucio_down_and_back(stage: Stage, world: RealRucioWorld) -> None:
    """The server goes away before the rule is made, and before it is polled; there is one rule, and the job is activated."""
    site = await site_at(stage, world)
    job = await brokered(site, *NAMES)
    await stage.due()
    await site.activator.run_once()
    await world.away()
    await site.errands()
    await world.back()
    await site.errands()
    await moved(world)
    await world.away()
    await world.back()
    await site.poll()
    assert await stage.status(job) is JobStatus.ACTIVATED
    (dataset,) = await site.datasets()
    assert len(await world.datasets.rules_of(dataset)) == 1
