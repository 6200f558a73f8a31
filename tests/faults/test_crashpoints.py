"""A share of the crash points: cuts at statement borders, in this process."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from pytest_twisted import async_yield_fixture, ensureDeferred
from twisted.internet import reactor

from pandad.config import DatabaseConfig
from pandad.embedded.pilotsettings import queue_description
from pandad.spec.site import queue_from_description
from pandad.taskbuffer import sites
from pandad.taskbuffer.store import Store

from .crashpoints import cases, lead
from .lives import Life, Place
from .scalpel import Cut, Scalpel
from .scenarios import finished
from .stand import ENDPOINT, QUEUE, SITE
from .stored import observe

SHARE = 40
SEED = 1


@async_yield_fixture
async def place(store: Store, database: DatabaseConfig, tmp_path: Path) -> AsyncIterator[Place]:
    """A database with a queue, and a storage."""
    clock: Any = reactor
    await store.transact("queue", sites.put, queue_from_description(queue_description(QUEUE, SITE, ENDPOINT)), "test")
    observer = await observe(clock, database)
    storage = tmp_path / "storage"
    storage.mkdir()
    yield Place(clock, database, storage, observer)
    observer.close()
    shutil.rmtree(storage)


@ensureDeferred
async def test_no_cut_does_harm(place: Place) -> None:
    """Wherever a connection or a process ends, nothing is lost, doubled or against the rules, once the client has come again."""
    for case in Random(SEED).sample(await cases(place), SHARE):
        verdict, _ = await lead(place, case)
        assert not verdict.failures, (str(case), verdict)


@pytest.mark.parametrize("kind", list(Cut))
@ensureDeferred
async def test_the_scalpel_cuts_once(place: Place, kind: Cut) -> None:
    """The cut is made, and the life goes on behind it: it meets more borders than one without."""
    whole, wounded = Scalpel(), Scalpel(3, kind)
    for scalpel in (whole, wounded):
        life = Life(place, scalpel)
        await finished(life)
        await life.end()
    assert (whole.cut, wounded.cut) == (False, True)
    assert len(wounded.borders) > len(whole.borders)
