"""Whatever dies, and wherever, between an output's coming and its end, or on an input's way: nothing is lost, and nothing is done
twice in effect. At a Rucio in memory and, with `make test-rucio`, at a real one."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest
from faults.scalpel import Scalpel
from pytest_twisted import ensureDeferred
from rucioworlds import RUCIOS
from stages import Stage

from pandad.config import DatabaseConfig
from pandad.taskbuffer.store import Store

from .cuts import Life, cases, share
from .homecoming import HERE, World
from .incuts import InLife, in_cases

SEED = 6


@pytest.fixture(params=RUCIOS)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """Each Rucio in its turn, without files; one for all cuts, for each life has names of its own."""
    made: World = request.param(request)
    yield made
    made.close()


WAYS = {"home": (Life, cases, 400), "in": (InLife, in_cases, 150)}


@pytest.mark.parametrize("way", WAYS)
@ensureDeferred
async def test_cuts(world: World, store: Store, database: DatabaseConfig, request: pytest.FixtureRequest, way: str) -> None:
    """Each file is known once where it should be, each dataset and rule is there once, each job ends once: as without the cut."""
    kind, all_of, least = WAYS[way]
    await Stage(store).queue(astorages={"pr": [HERE], "pw": [HERE]})
    found = await all_of(database, world, store)
    cut = share(found, request.config.getoption("--cuts"), Random(SEED))
    flaws: list[str] = []
    met = 0
    for case in cut:
        life = kind(database, world, Stage(store), Scalpel(case.border, case.cut))
        flaws += [f"{case}: {flaw}" for flaw in await life.lead()]
        met += life.scalpel.cut
    assert (flaws, len(found) > least) == ([], True)
    assert met > 0.9 * len(cut)  # a life is not quite the same each time
