"""A request that arrives whole takes a short way. Nobody may notice."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred

from pandad.api.site import IDLE_TIMEOUT_S

FORM = b"jobId=1&state=running"
UPDATE = b"POST /server/panda/updateJob HTTP/1.1\r\nHost: x\r\nx-dn: /CN=pilot\r\nx-roles: pilot\r\n"
ALIVE = b"GET /server/panda/isAlive HTTP/1.1\r\nHost: x\r\n"
LENGTH = b"Content-Length: %d\r\n" % len(FORM)

PLAIN = {
    "read": ALIVE + b"\r\n",
    "update": UPDATE + LENGTH + b"\r\n" + FORM,
    "query": b"GET /api/v1/pilot/get_job_status?job_ids=1&job_ids=2 HTTP/1.1\r\nHost: x\r\n\r\n",
    "accepts JSON": UPDATE + LENGTH + b"ACCEPT: \t application/json \r\n\r\n" + FORM,
    "to be closed": ALIVE + b"Connection: close\r\n\r\n",
    "head": ALIVE.replace(b"GET", b"HEAD") + b"\r\n",
    "two": ALIVE + b"\r\n" + UPDATE + LENGTH + b"\r\n" + FORM,
    "nothing there": b"GET /somewhere/else HTTP/1.1\r\nHost: x\r\n\r\n",
    "escaped path": b"GET /server/panda/%69sAlive HTTP/1.1\r\nHost: x\r\n\r\n",
    "wrong method": b"GET /server/panda/updateJob HTTP/1.1\r\nHost: x\r\n\r\n",
    "blank lines around": b"\r\n" + UPDATE + LENGTH + b"\r\n" + FORM + b"\r\n",
}
ODD = {
    "HTTP/1.0": ALIVE.replace(b"1.1", b"1.0") + b"\r\n",
    "folded line": ALIVE + b"x-note: a\r\n b\r\n\r\n",
    "repeated header": UPDATE.replace(b"x-roles: pilot", b"x-roles: none\r\nx-roles: pilot") + LENGTH + b"\r\n" + FORM,
    "chunked": UPDATE + b"Transfer-Encoding: chunked\r\n\r\n15\r\n" + FORM + b"\r\n0\r\n\r\n",
    "chunked and a length": UPDATE + LENGTH + b"Transfer-Encoding: chunked\r\n\r\n15\r\n" + FORM + b"\r\n0\r\n\r\n",
    "two lengths": UPDATE + LENGTH + b"content-length: 3\r\n\r\n" + FORM,
    "two equal lengths": UPDATE + LENGTH + LENGTH + b"\r\n" + FORM,
    "signed length": UPDATE + b"Content-Length: +21\r\n\r\n" + FORM,
    "length in several digits": UPDATE + b"Content-Length: 0000000021\r\n\r\n" + FORM,
    "no number": UPDATE + b"Content-Length: many\r\n\r\n" + FORM,
    "several wishes for the connection": ALIVE + b"Connection: keep-alive, close\r\n\r\n",
    "space before the colon": ALIVE + b"x-note : a\r\n\r\n",
    "no name": ALIVE + b": a\r\n\r\n",
    "no colon": ALIVE + b"x-note\r\n\r\n",
    "lone line feed": ALIVE + b"x-note: a\nx-other: b\r\n\r\n",
    "NUL": ALIVE + b"x-note: a\0b\r\n\r\n",
    "no header": b"GET /server/panda/isAlive HTTP/1.1\r\n\r\n",
    "space in the target": b"GET /server/panda/is Alive HTTP/1.1\r\nHost: x\r\n\r\n",
    "two spaces": b"GET  /server/panda/isAlive HTTP/1.1\r\nHost: x\r\n\r\n",
    "another version": b"GET /server/panda/isAlive HTTP/1.2\r\nHost: x\r\n\r\n",
    "another method": ALIVE.replace(b"GET", b"DELETE") + b"\r\n",
    "absolute target": b"GET http://x/server/panda/isAlive HTTP/1.1\r\nHost: x\r\n\r\n",
    "all": b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
    "expectation": UPDATE + LENGTH + b"Expect: 100-continue\r\n\r\n" + FORM,
    "many headers": ALIVE + b"".join(b"x-%d: y\r\n" % n for n in range(501)) + b"\r\n",
    "long headers": ALIVE + b"x-note: " + b"y" * 17_000 + b"\r\n\r\n",
    "rather long headers": ALIVE + b"x-note: " + b"y" * 10_000 + b"\r\n\r\n",
    "after the last": ALIVE + b"Connection: close\r\n\r\n" + ALIVE + b"\r\n",
}


def written(api: Any, *pieces: bytes) -> tuple[bytes, bool, list[Any]]:
    """All that comes back on one connection, whether it was closed, and what the room heard of it."""
    connection = api.active.connect()
    api.heartbeat.asked.clear()
    for piece in pieces:
        if not connection.transport.disconnecting:  # a real one would not read on
            connection.send(piece)
    return connection.transport.value(), connection.transport.disconnecting, list(api.heartbeat.asked)


def comparable(answer: bytes) -> list[bytes]:
    """The order of the lines of a head says nothing, and the time and the id of the request are others."""
    return sorted(line for line in answer.lower().split(b"\r\n") if not line.startswith((b"date:", b"x-request-id:")))


@pytest.mark.parametrize("name", [*PLAIN, *ODD])
def test_whole_or_in_pieces(api: Any, name: str) -> None:
    """A request means the same and is answered the same, however it is cut; so is one that is in some way odd."""
    request = {**PLAIN, **ODD}[name]
    whole, closed, heard = written(api, request)
    assert whole or closed
    for pieces in ([request[:1], request[1:]], [bytes([byte]) for byte in request], [request[:-1], request[-1:]]):
        again, closed_again, heard_again = written(api, *pieces)
        assert comparable(again) == comparable(whole)
        assert (closed_again, heard_again) == (closed, heard)


@pytest.mark.parametrize("name", PLAIN)
def test_every_cut(api: Any, name: str) -> None:
    """Wherever a plain request is cut in two."""
    request = PLAIN[name]
    whole = written(api, request)
    for place in range(1, len(request)):
        pieces = written(api, request[:place], request[place:])
        assert comparable(pieces[0]) == comparable(whole[0])
        assert pieces[1:] == whole[1:]


def test_again_and_again(api: Any) -> None:
    """A connection takes any mixture, one after the other, and thousands in one piece."""
    names = ("update", "chunked", "length in several digits", "query", "rather long headers")
    requests = [request for name, request in {**PLAIN, **ODD}.items() if name in names]
    connection = api.active.connect()
    for request in requests * 3:
        connection.send(request)
    connection.send((ALIVE + b"\r\n") * 2000 + b"\r\n" + PLAIN["read"])
    assert connection.transport.value().count(b"HTTP/1.1 200 OK") == len(requests) * 3 + 2001
    assert not connection.transport.disconnecting


def test_in_turn(api: Any) -> None:
    """What comes while a call waits is answered after it."""
    api.heartbeat.gate = Deferred()
    connection = api.active.connect()
    connection.send(PLAIN["update"])
    connection.send(PLAIN["read"] + PLAIN["read"])
    connection.send(PLAIN["read"])
    assert connection.transport.value() == b""
    api.heartbeat.gate.callback(None)
    answer = connection.transport.value()
    assert answer.index(b"StatusCode=0") < answer.index(b"alive=yes")
    assert answer.count(b"alive=yes") == 3


def test_in_one_piece(api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Head and body of a reply are written together, for one packet."""
    connection = api.active.connect()
    pieces: list[bytes] = []
    monkeypatch.setattr(connection.transport, "write", pieces.append)
    connection.send(PLAIN["update"])
    assert len(pieces) == 1


@pytest.mark.parametrize("pieces", [[PLAIN["update"]], [PLAIN["update"][:9], PLAIN["update"][9:]]])
def test_waiting_is_not_idleness(api: Any, pieces: list[bytes]) -> None:
    """Who waits for an answer is never hung up on; who is silent after it is, in the end."""
    clock = api.active.site.reactor
    api.heartbeat.gate = Deferred()
    connection = api.active.connect()
    for piece in pieces:
        connection.send(piece)
    clock.pump([IDLE_TIMEOUT_S / 2] * 9)
    assert not connection.transport.disconnecting
    api.heartbeat.gate.callback(None)
    clock.advance(IDLE_TIMEOUT_S - 1)
    assert not connection.transport.disconnecting
    clock.advance(2)
    assert connection.transport.disconnecting


def test_half_a_request(api: Any) -> None:
    """Who begins a request and falls silent is hung up on."""
    connection = api.active.connect()
    connection.send(PLAIN["update"][:-1])
    api.active.site.reactor.pump([5] * 20)
    assert connection.got().status == 408
    assert connection.transport.disconnecting


def test_file_that_did_not_change(api: Any) -> None:
    """A file is answered for by Twisted's own code, which finds the headers it looks for, and the connection it is to close."""
    (api.trf / "x").write_bytes(b"0123456789")
    since = b"If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT\r\n"
    head = written(api, b"GET /trf/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + since + b"\r\n")[0]
    assert head.startswith(b"HTTP/1.1 304")
    assert b"\r\nConnection: close\r\n" in head
    assert b"\r\nDate: " in head
