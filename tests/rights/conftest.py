"""The world, made once for a module: each call puts back what it did."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_twisted import blockon
from twisted.internet import reactor
from twisted.internet.defer import Deferred

from pandad.config import DatabaseConfig
from pandad.embedded.postgres import EmbeddedPostgres
from pandad.taskbuffer.pool import connect
from pandad.taskbuffer.store import Store

from .world import World


async def _made(postgres: EmbeddedPostgres, template: str) -> World:
    admin = await connect(reactor, DatabaseConfig(dsn=postgres.dsn), "pandad tests")
    await admin.execute("DROP DATABASE IF EXISTS rights WITH (FORCE)")
    await admin.execute(f"CREATE DATABASE rights TEMPLATE {template}")
    admin.close()
    world = World(Store(reactor, DatabaseConfig(dsn=postgres.dsn_of("rights"))))
    await world.begin()
    return world


@pytest.fixture(scope="module")
def world(postgres: EmbeddedPostgres, template: str) -> Iterator[World]:
    """See there."""
    made = blockon(Deferred.fromCoroutine(_made(postgres, template)))
    yield made
    blockon(Deferred.fromCoroutine(made.store.close()))
