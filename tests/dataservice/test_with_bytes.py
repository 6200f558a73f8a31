"""Input with a real Rucio, its own messages and real bytes: what a queue misses gets there, and its job is activated."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from factories import QUEUE, a_job
from pytest_twisted import async_yield_fixture, ensureDeferred
from rucioworlds import RealRucioWorld
from stages import Stage
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
from pandad.dataservice.notices import Bulletin, hear_of_placements
from pandad.embedded.rucio import agent
from pandad.embedded.rucio.agent import Options, Transfer
from pandad.spec.caller import Role
from pandad.spec.jobstatus import Actor, Event, JobStatus

from .test_preplacement import CONTENT, HERE, NAMES, THERE, Site, an_input, site_at

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
    handlers = [Ddm(Bulletin(stage.store, [hear_of_placements]))]
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


def bytes_at(world: RealRucioWorld, name: FileName) -> bytes:
    path = agent.path_of(world.stand.admin(), Transfer(name.scope, name.lfn, HERE))
    return path.read_bytes() if path.exists() else b""


@ensureDeferred
async def test_told_by_hermes(stage: Stage, world: RealRucioWorld, callback: str) -> None:
    """Brokered to a queue without the data, brought there byte by byte, told by Rucio's own hermes, activated without poll."""
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
    await world.stand.tell(callback, USER, PASSWORD)
    await site.hear()
    assert await stage.dump() == before


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
    agent.path_of(world.stand.admin(), Transfer(NAMES[1].scope, NAMES[1].lfn, THERE)).write_bytes(b"something else")
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
