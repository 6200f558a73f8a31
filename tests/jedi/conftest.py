"""Tasks on a database of the test's own."""

from __future__ import annotations

import pytest
from taskworld import TaskWorld

from pandad.taskbuffer.store import Store


@pytest.fixture
def world(store: Store) -> TaskWorld:
    """Nobody has a task yet."""
    return TaskWorld(store)
