"""Tasks on a database of the test's own."""

from __future__ import annotations

import pytest

from pandad.taskbuffer.store import Store

from .taskworld import TaskWorld


@pytest.fixture
def world(store: Store) -> TaskWorld:
    """Nobody has a task yet."""
    return TaskWorld(store)
