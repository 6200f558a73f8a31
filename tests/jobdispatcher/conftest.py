"""The stage, set on a database of the test's own."""

from __future__ import annotations

import pytest
from stages import Stage

from pandad.taskbuffer.store import Store


@pytest.fixture
def stage(store: Store) -> Stage:
    """Jobs and queues to play with."""
    return Stage(store)
