"""A Rucio that can be made to misbehave, and sessions with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes.rucioweb import PASSWORD, USER, RucioServer
from rucioworlds import HastyClock, wait
from twisted.internet import reactor

from pandad.dataservice.rucio.session import Session
from pandad.dataserviceconfig import RucioConfig

REACTOR: Any = reactor


class Bench:
    """A server with the endpoints DISK and TAPE, and sessions that end with the test."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.server = RucioServer(REACTOR, "DISK", "TAPE")
        self.web, self.rucio = self.server.web, self.server.rucio
        self.clock = HastyClock()
        self.now_s = 1.8e9  # of the wall clock
        self._sessions: list[Session] = []
        (place / "password").write_text(f"{PASSWORD}\n")

    def session(self, **settings: Any) -> Session:
        """One more. Its pauses take no time, and the clock goes by them."""
        usual: dict[str, Any] = {
            "url": self.server.url, "username": USER, "password_file": self.place / "password", "timeout_s": 20.0}
        made = Session(REACTOR, RucioConfig(**{**usual, **settings}), lambda: self.now_s, self.clock)
        self._sessions.append(made)
        return made

    def close(self) -> None:
        for session in self._sessions:
            wait(session.close())
        wait(self.server.stop())


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """Made for each test."""
    made = Bench(tmp_path)
    yield made
    made.close()
