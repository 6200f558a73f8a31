"""The daemon as twistd makes it."""

from __future__ import annotations

import time
from typing import Any

import pytest
from twisted.application.service import MultiService
from twisted.internet.testing import MemoryReactorClock

from pandad import service


class OptionsStandIn:
    """All that is read of them."""

    config = None


def test_delays_are_measured_by_a_clock_that_nobody_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wall clock that is set back must not stop every loop, one that is set forward not end every deadline."""
    reactor: Any = MemoryReactorClock()
    monkeypatch.setattr("twisted.internet.reactor", reactor)
    monkeypatch.setattr(service, "Pandad", lambda reactor, config, again: MultiService())
    service.makeService(OptionsStandIn())  # type: ignore[arg-type]
    assert reactor.seconds is time.monotonic
