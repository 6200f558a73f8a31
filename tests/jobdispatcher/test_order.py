"""The place of a job in the order is the one in which the dispatcher hands it out."""

from __future__ import annotations

from random import Random

import pytest
from factories import QUEUE, a_caller, a_job
from pytest_twisted import ensureDeferred
from stages import PILOT_CALLER, Stage
from twisted.internet.task import Clock

from pandad.config import SharesConfig
from pandad.jobdispatcher.dispatcher import Dispatcher
from pandad.jobdispatcher.order import Order
from pandad.jobdispatcher.requests import AcquireJobs
from pandad.spec.account import Account, Directory, People
from pandad.spec.jobstatus import JobStatus
from pandad.taskbuffer import places

CONFIG = SharesConfig(user_cap=6, groups={"phys": 2.0}, group_caps={"exo": 3}, work={"production": 3.0})


async def waiting(stage: Stage, random: Random, jobs: int) -> list[int]:
    """Jobs of some users and groups, of several kinds and priorities."""
    ids = []
    for _ in range(jobs):
        owner = a_caller(random.choice(["alice", "bob", "carol"])).identity
        assert owner is not None
        made = a_job(jobStatus=JobStatus.ACTIVATED, currentPriority=random.randrange(5) * 100, coreCount=random.choice([1, 1, 2]),
                     workingGroup=random.choice([None, "phys", "exo"]), prodSourceLabel=random.choice(["user", "managed"]))
        ids += await stage.jobs(made, owner=owner)
    return ids


@pytest.mark.parametrize("seed", range(4))
@ensureDeferred
async def test_order_is_the_dispatchers(stage: Stage, seed: int) -> None:
    """Each job that is handed out had so many before it; one that no pilot gets is one that a cap holds back. Alice and Carol are
    one user for both, or two."""
    same = frozenset(caller.identity for caller in map(a_caller, ("alice", "carol")) if caller.identity is not None)
    people = People(Directory(accounts=dict.fromkeys(same if seed % 2 else (), Account(1, "alice", same))))
    ids = await waiting(stage, Random(seed), 25)
    clock = Clock()
    order = Order(stage.store, clock, CONFIG, people)
    dispatcher = Dispatcher(stage.store, clock, CONFIG, people=people)
    said = {}
    for panda_id in ids:
        line = await stage.store.read("line", places.line_of, panda_id)
        assert line is not None
        said[panda_id] = await order.turn(QUEUE, line, panda_id)
    wanted = AcquireJobs(site_name=QUEUE, prod_source_label="unified", node="n")
    handed = [job.PandaID for _ in ids for job in await dispatcher.acquire(PILOT_CALLER, wanted)]
    assert 5 < len(handed) < 25
    assert [said[i or 0].before for i in handed] == list(range(len(handed)))
    assert not any(said[i or 0].at_least for i in handed)
    assert all(said[i].at_least for i in ids if i not in handed)


@ensureDeferred
async def test_beyond_the_heads(stage: Stage) -> None:
    """Of a line that is longer than what is read at once, the place is what is known for sure, and said to be that."""
    ids = await stage.jobs(*(a_job(jobStatus=JobStatus.ACTIVATED) for _ in range(600)))
    line = await stage.store.read("line", places.line_of, ids[0])
    assert line is not None
    order = Order(stage.store, Clock(), SharesConfig(user_cap=0))
    for place, expected in ((0, (0, False)), (511, (511, False)), (599, (512, True))):
        turn = await order.turn(QUEUE, line, ids[place])
        assert (turn.before, turn.at_least) == expected
