"""A second session on the test's database, to look at it and to make trouble."""

from __future__ import annotations

from collections.abc import AsyncIterator

from pytest_twisted import async_yield_fixture

from pandad.config import DatabaseConfig

from .observing import Observer, observe


@async_yield_fixture
async def observer(database: DatabaseConfig) -> AsyncIterator[Observer]:
    """Beside the store."""
    made = await observe(database)
    yield made
    made.link.close()
