"""Stores with a table to write to, and a second session on the same database to look at it and to make trouble."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from pytest_twisted import async_yield_fixture
from twisted.internet import reactor

from pandad.config import DatabaseConfig
from pandad.taskbuffer.store import Store

from .observing import Observer, observe, run

clock: Any = reactor


@async_yield_fixture
async def observer(database: DatabaseConfig) -> AsyncIterator[Observer]:
    """Beside the store."""
    made = await observe(database)
    yield made
    made.link.close()


@async_yield_fixture
async def small(database: DatabaseConfig) -> AsyncIterator[Store]:
    """A store of one connection, with a table to write to."""
    made = Store(clock, replace(database, connections=1, wait_s=5))
    await made.once("table", run, "CREATE TABLE note (n integer PRIMARY KEY)")
    yield made
    await made.close()


@async_yield_fixture
async def busy(database: DatabaseConfig) -> AsyncIterator[Store]:
    """A store of eight connections on the same table."""
    made = Store(clock, replace(database, connections=8))
    await made.once("table", run, "CREATE TABLE IF NOT EXISTS note (n integer PRIMARY KEY)")
    yield made
    await made.close()
