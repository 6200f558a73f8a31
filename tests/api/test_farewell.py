"""A process that stops answers what it was asked, lets nobody wait for nothing, and does not wait for ever."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from pandad.api.channel import is_answering
from pandad.api.door import Door
from pandad.api.farewell import GOODBYE_S, Farewell

ALIVE = b"GET /server/panda/isAlive HTTP/1.1\r\nHost: x\r\n"
STATUS = b"GET /api/v1/pilot/get_job_status?job_ids=1 HTTP/1.1\r\nHost: x\r\n\r\n"
LIMIT_S = 8.0
IDLE_S = 2.0


class Guest:
    """A connection as the door has it."""

    def __init__(self, hall: Hall) -> None:
        self.wire = hall.api.active.connect()
        self.protocol, self.client = self.wire.channel, ("192.0.2.1", 1)
        self.aborted = False
        self._door = hall.door
        hall.door.enter(self)

    @property
    def is_busy(self) -> bool:
        """As PromptServer."""
        return is_answering(self.protocol)

    def abortConnection(self) -> None:
        """As ITransport."""
        self.aborted = True
        self.leave()

    def leave(self) -> None:
        """The client hangs up."""
        self._door.leave(self)
        self.wire.hang_up()

    @property
    def answers(self) -> bytes:
        """All that was sent to it."""
        sent: bytes = self.wire.transport.value()
        return sent


class Hall:
    """The site, its door, and a farewell that can be said."""

    def __init__(self, api: Any) -> None:
        self.api, self.clock, self.door = api, Clock(), Door()
        self.cut: int | None = None

    def say(self) -> None:
        """Begin it."""
        farewell = Farewell(self.clock, [self.api.active.site], self.door)
        Deferred.fromCoroutine(farewell.said(LIMIT_S)).addCallback(lambda cut: setattr(self, "cut", cut))

    def wait(self, seconds: float) -> None:
        """Time goes by."""
        self.clock.pump([0.05] * round(seconds / 0.05))


@pytest.fixture
def hall(api: Any) -> Hall:
    """With nobody in it."""
    return Hall(api)


def test_an_empty_hall_is_left_at_once(hall: Hall) -> None:
    """A stop takes no time if nobody is here."""
    hall.say()
    assert hall.cut == 0


@pytest.mark.parametrize("request_", [ALIVE + b"\r\n", ALIVE + b"x-note: a\r\n b\r\n\r\n"], ids=["the short way", "the long way"])
def test_the_next_answer_is_the_last(hall: Hall, request_: bytes) -> None:
    """On a connection that stays: it is answered, with Connection: close, and hung up on."""
    guest = Guest(hall)
    guest.wire.send(ALIVE + b"\r\n")
    assert b"close" not in guest.answers.lower()
    hall.say()
    guest.wire.send(request_.replace(b"\r\n b", b""))
    assert guest.answers.count(b"200 OK") == 2 and guest.answers.lower().count(b"connection: close") == 1
    assert guest.wire.transport.disconnecting
    guest.leave()
    hall.wait(0.1)
    assert hall.cut == 0


def test_a_call_under_way_is_answered(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    """However idle the others are, and told that it is the last one."""
    waiting: Deferred[Any] = Deferred()
    monkeypatch.setattr(type(hall.api.dispatcher), "statuses", lambda self, ids: waiting)
    guest = Guest(hall)
    guest.wire.send(STATUS)
    hall.say()
    hall.wait(IDLE_S + GOODBYE_S + 1)
    assert not guest.answers and not guest.aborted
    waiting.callback([None])
    assert b"200 OK" in guest.answers and b"connection: close" in guest.answers.lower()


def test_who_stays_silent_is_hung_up_on(hall: Hall) -> None:
    """After a while in which he could have asked; and who does not hang up then, a moment later."""
    guest = Guest(hall)
    hall.say()
    hall.wait(IDLE_S - 0.1)
    assert not guest.wire.transport.disconnecting
    hall.wait(0.2)
    assert guest.wire.transport.disconnecting and not guest.aborted
    hall.wait(GOODBYE_S + 0.1)
    assert guest.aborted and hall.cut == 0


def test_who_is_still_sending_is_heard(hall: Hall) -> None:
    """Part of a request is no silence."""
    guest = Guest(hall)
    guest.wire.send(ALIVE)
    hall.say()
    hall.wait(IDLE_S + 1)
    assert not guest.wire.transport.disconnecting
    guest.wire.send(b"\r\n")
    assert b"200 OK" in guest.answers and b"connection: close" in guest.answers.lower()


def test_it_does_not_wait_for_ever(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the limit a call is cut, and counted."""
    monkeypatch.setattr(type(hall.api.dispatcher), "statuses", lambda self, ids: Deferred())
    guest = Guest(hall)
    guest.wire.send(STATUS)
    hall.say()
    hall.wait(LIMIT_S - 0.1)
    assert hall.cut is None
    hall.wait(0.2)
    assert guest.aborted and hall.cut == 1
