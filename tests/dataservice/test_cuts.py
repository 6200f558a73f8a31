"""Whatever dies, and wherever, between an output's coming and its end: nothing is lost, and nothing is done twice in effect."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest
from faults.scalpel import Scalpel
from pytest_twisted import ensureDeferred
from rucioworlds import FakeRucioWorld
from stages import Stage

from pandad.config import DatabaseConfig
from pandad.taskbuffer.store import Store

from .cuts import Life, cases
from .homecoming import HERE
from .incuts import InLife, in_cases

SEED = 6


@pytest.fixture
def world(request: pytest.FixtureRequest) -> Iterator[FakeRucioWorld]:
    """A Rucio in memory."""
    made = FakeRucioWorld(request)
    yield made
    made.close()


WAYS = {"home": (Life, cases, 400), "in": (InLife, in_cases, 150)}


@pytest.mark.parametrize("way", WAYS)
@ensureDeferred
async def test_cuts(world: FakeRucioWorld, store: Store, database: DatabaseConfig, request: pytest.FixtureRequest,
                    way: str) -> None:
    """Each file is known once where it should be, each dataset and rule is there once, each job ends once: as without the cut."""
    kind, all_of, least = WAYS[way]
    await Stage(store).queue(astorages={"pr": [HERE], "pw": [HERE]})
    found = await all_of(database, world, store)
    share = Random(SEED).sample(found, min(len(found), request.config.getoption("--cuts")))
    flaws: list[str] = []
    met = 0
    for case in share:
        life = kind(database, world, Stage(store), Scalpel(case.border, case.cut))
        flaws += [f"{case}: {flaw}" for flaw in await life.lead()]
        met += life.scalpel.cut
    assert (flaws, len(found) > least) == ([], True)
    assert met > 0.9 * len(share)  # a life is not quite the same each time
