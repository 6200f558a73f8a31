"""What datasets and rules need besides files, on a Rucio."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_twisted import ensureDeferred
from ruciostand import ENDPOINTS
from rucioworlds import FakeRucioWorld
from stages import Stage

from pandad.dataservice import upkeep
from pandad.dataservice.datasets import Dataset, RuleWish
from pandad.dataservice.ddm import UnknownData
from pandad.dataservice.outbox import Outbox
from pandad.dataservice.upkeep import CLOSE, DELETE, ERASE, EXTEND, CloseDataset, DeleteRule, EraseDataset, ExtendRule
from pandad.dataserviceconfig import DataServiceConfig
from pandad.taskbuffer import outbox

OUT = Dataset("user.alice", "user.alice.out")


@pytest.fixture
def world(request: pytest.FixtureRequest) -> Iterator[FakeRucioWorld]:
    """A Rucio."""
    made = FakeRucioWorld(request)
    yield made
    made.close()


@ensureDeferred
async def test_a_dataset_through_its_life(stage: Stage, world: FakeRucioWorld) -> None:
    """Closed and then erased though all was asked for at once, and a second time nothing changes."""
    box = Outbox(stage.store, upkeep.handlers(world.datasets), DataServiceConfig())
    await world.datasets.make(OUT)
    rule_id = await world.datasets.add_rule(OUT, RuleWish(ENDPOINTS[1], "Production Output", 1000))
    errands = [ERASE.errand(EraseDataset(*key(OUT))), CLOSE.errand(CloseDataset(*key(OUT))),
               EXTEND.errand(ExtendRule(rule_id, 5000), "5000"),
               DELETE.errand(DeleteRule(rule_id))]
    for _ in range(2):
        await stage.store.transact("t", outbox.ask, errands)
        while await box.run_once():
            pass
        assert await stage.sql("SELECT kind FROM errand") == []
    (rule,) = await world.datasets.rules([rule_id])
    assert rule.expires_at is not None
    with pytest.raises(UnknownData):
        await world.datasets.close(Dataset("user.alice", "nothing"))


@ensureDeferred
async def test_what_is_not_there_is_left(stage: Stage, world: FakeRucioWorld) -> None:
    """A dataset that cannot be closed because it is gone keeps nobody waiting."""
    await stage.store.transact("t", outbox.ask, [CLOSE.errand(CloseDataset("panda", name)) for name in ("gone", "gone too")])
    assert await Outbox(stage.store, upkeep.handlers(world.datasets), DataServiceConfig()).run_once()
    assert await stage.sql("SELECT kind FROM errand") == []


def key(dataset: Dataset) -> tuple[str, str]:
    return dataset.scope, dataset.name
