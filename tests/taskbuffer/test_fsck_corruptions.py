"""Whatever is broken fsck finds, by the invariant that it breaks and under its id, and little else with it."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from pytest_twisted import blockon, ensureDeferred
from stages import Stage
from twisted.internet import reactor
from twisted.internet.defer import Deferred

from pandad.config import DatabaseConfig
from pandad.embedded.postgres import EmbeddedPostgres
from pandad.taskbuffer import fsck
from pandad.taskbuffer.fsck import BASIS, INVARIANTS, Finding
from pandad.taskbuffer.pool import ConstraintViolated
from pandad.taskbuffer.store import Store, Transaction

from .corruptions import CORRUPTIONS, Corruption
from .fscklife import EACH, Life, live
from .observing import observe

WITHIN = fsck.bounds(31, 0)
HITS_JOB = [c for c in CORRUPTIONS if c.hits_job]
MIXES = 15


@dataclass(frozen=True)
class World:
    """A store on a database that has lived, and where its jobs are."""

    store: Store
    life: Life

    async def undone(self, body: Callable[[Transaction], Awaitable[list[Finding]]]) -> list[Finding]:
        """What the body finds; nothing of what it did stays."""
        found: list[Finding] = []

        async def rolled_back(txn: Transaction) -> None:
            found.extend(await body(txn))
            raise RolledBack

        with pytest.raises(RolledBack):
            await self.store.transact("corrupt", rolled_back)
        return found


class RolledBack(Exception):
    """What was broken must not stay."""


async def _world(postgres: EmbeddedPostgres, template: str) -> World:
    admin = await observe(DatabaseConfig(dsn=postgres.dsn))
    await admin.rows(f"CREATE DATABASE fsck TEMPLATE {template}")
    admin.link.close()
    clock: Any = reactor
    store = Store(clock, DatabaseConfig(dsn=postgres.dsn_of("fsck")))
    return World(store, await live(Stage(store)))


@pytest.fixture(scope="module")
def world(postgres: EmbeddedPostgres, template: str) -> Iterator[World]:
    """One for all tests of the module: each puts back what it broke."""
    made = blockon(Deferred.fromCoroutine(_world(postgres, template)))
    yield made
    blockon(Deferred.fromCoroutine(made.store.close()))


async def looks(txn: Transaction, names: frozenset[str] | None = None) -> list[Finding]:
    """What is found now; by the invariants of those names only."""
    wanted = [i for i in INVARIANTS if names is None or i.name in names]
    return [finding for each in wanted for finding in await fsck.look(txn, each, WITHIN)]


def test_every_invariant_can_be_broken() -> None:
    """There is a corruption for each of at least forty, and none for what is no invariant."""
    assert {c.breaks for c in CORRUPTIONS} == {i.name for i in INVARIANTS} and len(INVARIANTS) >= 40


@pytest.mark.parametrize("broken", CORRUPTIONS, ids=lambda c: f"{c.breaks}-{c.of.split()[0]}")
@ensureDeferred
async def test_a_corruption_is_found(world: World, broken: Corruption) -> None:
    """By its invariant and its id; beside it speak only those that are broken too."""
    expected: list[str] = []

    async def body(txn: Transaction) -> list[Finding]:
        expected.append(await broken.target(txn, world.life))
        if broken.refused_by:
            await broken.unguard(txn)
        await broken.happen(txn, expected[0])
        return await looks(txn, BASIS if broken.breaks in BASIS else None)

    found = await world.undone(body)
    assert (broken.breaks, expected[0]) in {(f.invariant.name, f.id) for f in found}
    assert {f.invariant.name for f in found} == {broken.breaks, *broken.also} | (
        {"schema-whole"} if broken.refused_by in WITHIN["names"] else set()
    )
    assert len(found) <= 12 and all(f.text for f in found)


@pytest.mark.parametrize("broken", [c for c in CORRUPTIONS if c.refused_by], ids=lambda c: c.breaks)
@ensureDeferred
async def test_a_constraint_refuses_it_first(world: World, broken: Corruption) -> None:
    """What the schema can refuse never gets as far as fsck."""

    async def body(txn: Transaction) -> list[Finding]:
        await broken.happen(txn, await broken.target(txn, world.life))
        return []

    with pytest.raises(ConstraintViolated) as refused:
        await world.store.transact("refused", body)
    assert refused.value.constraint == broken.refused_by


@pytest.mark.parametrize("seed", range(MIXES))
@ensureDeferred
async def test_a_mix_of_corruptions_is_found(world: World, seed: int) -> None:
    """Many jobs broken at once, each in its own way: none hides another."""
    dice = random.Random(seed)
    chosen = dice.sample(HITS_JOB, k=dice.randint(2, 20))
    expected: set[tuple[str, str]] = set()

    async def body(txn: Transaction) -> list[Finding]:
        places: dict[str, int] = {}
        for broken in chosen:
            place = places[broken.of] = places.get(broken.of, -1) + 1
            if place >= EACH:
                continue
            target = await broken.target(txn, world.life, place)
            if broken.refused_by:
                await broken.unguard(txn)
            await broken.happen(txn, target)
            expected.add((broken.breaks, target))
        return await looks(txn)

    found = await world.undone(body)
    assert expected <= {(f.invariant.name, f.id) for f in found}


@ensureDeferred
async def test_what_was_put_back_is_clean(world: World) -> None:
    """The tests of this module leave the database as it was."""
    assert await world.undone(looks) == []
