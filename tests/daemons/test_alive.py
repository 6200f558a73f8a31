"""A process that lives says so, and an outage is in the log when it is over."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from stages import Stage
from twisted.logger import LogEvent, globalLogPublisher

from pandad.config import LoopsConfig
from pandad.daemons.alive import Alive
from pandad.taskbuffer.store import Store

PERIOD_S = LoopsConfig().alive_s


@pytest.fixture
def stage(store: Store) -> Stage:
    """On which time passes."""
    return Stage(store)


@ensureDeferred
async def test_two_processes(stage: Stage) -> None:
    """A process that misses a round, or that stops while another goes on, makes no outage; when all were away, one is logged."""
    first, second = Alive(stage.store, PERIOD_S), Alive(stage.store, PERIOD_S)
    said: list[LogEvent] = []
    observer: Any = said.append
    globalLogPublisher.addObserver(observer)
    try:
        for process in (first, second, first, first):
            assert not await process.run_once()
            await stage.later(2 * PERIOD_S)
        await second.run_once()
        assert said == []
        await stage.later(600)
        await first.run_once()
        await second.run_once()
    finally:
        globalLogPublisher.removeObserver(observer)
    assert [e["log_namespace"] for e in said] == ["pandad.daemons.alive.Alive"]
    assert 599 < (said[0]["ended"] - said[0]["began"]).total_seconds() < 660
