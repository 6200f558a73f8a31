"""One route at work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.logger import globalLogPublisher

from pandad.api.access import CLAIM
from pandad.api.route import Route
from pandad.spec.caller import Caller, Credential, Identity
from pandad.spec.errors import StoreBusy

ALICE = Credential(kind="header", identity=Identity("/CN=CA", "/CN=alice"), not_after=datetime.max.replace(tzinfo=UTC))
UPDATE = b"jobId=1&state=running"


def update_request(body: bytes = UPDATE) -> bytes:
    return (
        b"POST /server/panda/updateJob HTTP/1.1\r\nHost: x\r\nx-dn: /CN=pilot\r\nx-roles: pilot\r\n"
        b"Content-Length: %d\r\n\r\n" % len(body) + body
    )


@pytest.fixture
def errors() -> Any:
    """Failures that were logged."""
    seen: list[Any] = []

    def see(event: Any) -> None:
        if "log_failure" in event:
            seen.append(event)

    observer: Any = see
    globalLogPublisher.addObserver(observer)
    yield seen
    globalLogPublisher.removeObserver(observer)


def test_client_hangs_up(api: Any, errors: list[Any]) -> None:
    """A client that hangs up does not cancel what it asked for: the handler goes on to its end, and nothing is logged."""
    cancelled: list[Any] = []
    api.heartbeat.gate = Deferred(cancelled.append)
    connection = api.active.connect()
    connection.send(update_request())
    assert len(api.heartbeat.asked) == 1
    connection.hang_up()
    assert not cancelled
    api.heartbeat.gate.callback(None)
    assert not errors
    assert connection.transport.value() == b""


def test_client_hangs_up_before_a_refusal(api: Any, errors: list[Any]) -> None:
    """A refusal that nobody waits for any more is dropped."""
    api.heartbeat.gate, api.heartbeat.trouble = Deferred(), StoreBusy("busy")
    connection = api.active.connect()
    connection.send(update_request())
    connection.hang_up()
    api.heartbeat.gate.callback(None)
    assert not errors


class Waiting:
    """Takes its time to find out who is calling."""

    name = "waiting"

    def __init__(self) -> None:
        self.found: Deferred[Credential] = Deferred()

    async def authenticate(self, request: Any) -> Credential | None:
        return await self.found


@dataclass(frozen=True)
class Nothing:
    """No parameters."""


class Watchful:
    """A handler that is told whether somebody still listens."""

    def __init__(self) -> None:
        self.gate: Deferred[None] = Deferred()
        self.seen: list[bool] = []
        self.gone: Callable[[], bool] = bool

    @Route("/watch", access=CLAIM, gives=None, takes=Nothing, tells_gone=True)
    async def watch(self, caller: Caller, asked: Nothing, gone: Callable[[], bool]) -> None:
        self.gone = gone
        self.seen.append(gone())
        await self.gate
        self.seen.append(gone())


WATCH = b"POST /watch HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture
def watching(connect: Any) -> tuple[Watchful, Waiting, Any]:
    """A call under way, whose caller is not known yet; and its connection."""
    handler, waiting = Watchful(), Waiting()
    connection = connect(handler, waiting)
    connection.send(WATCH)
    return handler, waiting, connection


def test_client_hangs_up_before_it_is_known(watching: tuple[Watchful, Waiting, Any], errors: list[Any]) -> None:
    """A call whose client left before it could begin is not begun."""
    handler, waiting, connection = watching
    connection.hang_up()
    waiting.found.callback(ALICE)
    assert handler.seen == []
    assert not errors


@pytest.mark.parametrize("hangs_up", [True, False])
def test_handler_is_told_who_is_gone(watching: tuple[Watchful, Waiting, Any], hangs_up: bool) -> None:
    """A handler that wants to know can ask at any time whether the client has hung up."""
    handler, waiting, connection = watching
    waiting.found.callback(ALICE)
    if hangs_up:
        connection.hang_up()
    handler.gate.callback(None)
    assert handler.seen == [False, hangs_up]
    assert bool(connection.transport.value()) is not hangs_up
    assert handler.gone()  # it may still be asked when all is over


def test_pipelined(api: Any) -> None:
    """Requests that come together on one connection are answered in their order."""
    connection = api.active.connect()
    connection.send(update_request() + b"GET /server/panda/isAlive HTTP/1.1\r\nHost: x\r\n\r\n")
    written = connection.transport.value()
    assert written.index(b"StatusCode=0") < written.index(b"alive=yes")


def test_content_length(api: Any) -> None:
    """Replies say how long they are, so that the connection can be used again."""
    got = api.active.raw(update_request())
    assert got.headers["content-length"] == str(len(got.body))
    assert "transfer-encoding" not in got.headers


@pytest.mark.parametrize("path", ["/api/v1/system/is_alive", "/server/panda/isAlive", "/healthz", "/cache/ddmendpoints.json"])
def test_head(api: Any, path: str) -> None:
    """HEAD gives the headers of GET, and no body."""
    head, get = (api.passive.raw(f"{m} {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()) for m in ("HEAD", "GET"))
    assert head.status == get.status == 200
    assert head.headers["content-length"] == get.headers["content-length"] == str(len(get.body))
    assert head.body == b""


def test_wrong_method(api: Any) -> None:
    """A wrong method is refused in the caller's dialect, as PanDA words it."""
    got = api.active.get("/api/v1/job/kill?job_ids=1")
    assert (got.status, got.json["message"]) == (200, "expecting POST, received GET")
    assert api.active.post("/api/v1/job/get_status", json={}).json["message"] == "expecting GET, received POST"
    assert api.active.get("/server/panda/updateJob").status == 405
    assert api.active.get("/server/panda/getJob").text.startswith("StatusCode=30")
    assert api.active.post("/healthz").status == 405
    assert not api.jobs.asked


def test_bad_credential(api: Any) -> None:
    """A bad credential is refused with its reason, even where none would have been needed less."""
    got = api.active.post("/api/v1/job/kill", json={"job_ids": [1]}, headers={"x-dn": "forged"})
    assert got.json["message"] == "the credential is forged"
    assert not api.jobs.asked


def test_limited_proxy(api: Any) -> None:
    """A limited proxy does a pilot's work, and no user's."""
    limited = {"x-limited": "yes"}
    assert api.active.as_pilot("/api/v1/pilot/update_job", {"job_id": 1, "job_status": "running"}, headers=limited).json[
        "success"
    ]
    refused = api.active.post("/api/v1/job/kill", json={"job_ids": [1]}, dn="/CN=alice", headers=limited).json
    assert not refused["success"]
    assert "limited proxy" in refused["message"]


def test_internal_error(api: Any, errors: list[Any]) -> None:
    """An unforeseen error is a 500 with an id in every dialect but getJob's, which stays a 200."""
    api.heartbeat.trouble = api.dispatcher.trouble = ZeroDivisionError("secret")
    v1 = api.active.as_pilot("/api/v1/pilot/update_job", {"job_id": 1, "job_status": "running"})
    legacy = api.active.as_pilot("/server/panda/updateJob", {"jobId": 1, "state": "running"})
    get_job = api.active.as_pilot("/server/panda/getJob", {"siteName": "Q"})
    assert (v1.status, legacy.status, get_job.status) == (500, 500, 200)
    assert get_job.text.startswith("StatusCode=30")
    for got, event in zip((v1, legacy, get_job), errors, strict=True):
        assert event["id"] in got.text
        assert "secret" not in got.text
