"""The two ports."""

from __future__ import annotations

import gzip
from typing import Any

import pytest

from pandad.api.channel import LINGER_S
from pandad.api.request import local_target
from pandad.api.route import declared
from pandad.api.site import IDLE_TIMEOUT_S

ACTIVE_CALLS = [
    "/api/v1/pilot/acquire_jobs",
    "/api/v1/pilot/update_job",
    "/api/v1/pilot/update_jobs_bulk",
    "/api/v1/pilot/update_worker_status",
    "/api/v1/job/submit",
    "/api/v1/job/kill",
]


@pytest.mark.parametrize("path", ACTIVE_CALLS)
def test_active_call_on_the_passive_port(api: Any, path: str) -> None:
    """An active call on the port without TLS is refused, identity or not, with the reason and the place to go to."""
    got = api.passive.as_pilot(path)
    assert got.status == 200
    assert got.json["success"] is False
    assert got.json["message"].startswith("SSL secure connection is required")
    assert f"https://panda.test:25443{path}" in got.json["message"]


@pytest.mark.parametrize("method", ["getJob", "updateJob", "updateWorkerPilotStatus"])
def test_active_legacy_call_on_the_passive_port(api: Any, method: str) -> None:
    """So is one of the legacy dialect, getJob included: a pilot that is set up wrongly had better end."""
    got = api.passive.as_pilot(f"/server/panda/{method}")
    assert got.status == 403
    assert f"https://panda.test:25443/server/panda/{method}" in got.text


def test_passive_port_reaches_no_room_but_for_reads(api: Any) -> None:
    """No active route of the registry gets through the port without TLS."""
    for route, _ in declared(api.handlers):
        if not route.passive:
            for method in route.methods:
                got = api.passive.call(method, route.path, dn="/CN=pilot", roles="admin")
                assert "SSL secure connection is required" in got.text, route.path
    assert not (api.dispatcher.asked or api.heartbeat.asked or api.workers.asked or api.jobs.asked)


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/server/panda/putFile", 403, "ERROR : method putFile is forbidden"),
        ("/server/panda/api/v1/pilot/update_worker_node", 403, "ERROR : method api/v1/pilot/update_worker_node is forbidden"),
        ("/api/v1/job/explode", 403, "ERROR : method explode is forbidden"),
        ("/api/v1/nothing/at_all", 403, "ERROR : method at_all is forbidden"),
        ("/server/panda/%0d%0ax", 403, r"ERROR : method \r\nx is forbidden"),
        ("/somewhere/else", 404, "ERROR : there is nothing here"),
        ("/", 404, "ERROR : there is nothing here"),
        ("//", 404, "ERROR : there is nothing here"),
        ("/%ff%00", 404, "ERROR : there is nothing here"),
    ],
)
def test_nothing_there(api: Any, path: str, status: int, text: str) -> None:
    """What is not there is refused as PanDA does."""
    got = api.active.raw(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert (got.status, got.text) == (status, text)


@pytest.mark.parametrize(
    ("target", "local"),
    [
        (b"/trf/x", b"/trf/x"),
        (b"http://other.host/trf/x?y=z", b"/trf/x?y=z"),
        (b"HTTPS://other.host:80/x", b"/x"),
        (b"http://other.host", b"/"),
        (b"http://other.host?y=z", b"/?y=z"),
        (b"/http://x/y", b"/http://x/y"),
        (b"x", b"/x"),
        (b"*", b"*"),
    ],
)
def test_local_target(target: bytes, local: bytes) -> None:
    """A target in absolute form loses scheme and host, and nothing else."""
    assert local_target(target) == local


def test_as_an_http_proxy(api: Any) -> None:
    """A pilot that takes this port for its HTTP proxy gets the file of that path from here."""
    (api.trf / "user").mkdir()
    (api.trf / "user" / "runGen").write_bytes(b"#!/bin/sh\n")
    got = api.passive.raw(
        b"HEAD http://pandaserver-doma.cern.ch:25080/trf/user/runGen HTTP/1.1\r\nHost: pandaserver-doma.cern.ch:25080\r\n\r\n"
    )
    assert (got.status, got.headers["content-length"]) == (200, "10")
    assert api.passive.raw(b"GET http://x/server/panda/isAlive?a=b HTTP/1.1\r\nHost: x\r\n\r\n").text == "alive=yes"


def test_options_and_connect(api: Any) -> None:
    """Methods of real HTTP proxies get an answer, and no connection to anywhere."""
    assert api.passive.raw(b"CONNECT other.host:443 HTTP/1.1\r\nHost: other.host\r\n\r\n").status == 404
    assert api.passive.raw(b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n").status == 200


HEAD = b"POST /server/panda/getJob HTTP/1.1\r\nHost: x\r\nx-dn: /CN=p\r\nx-roles: pilot\r\n"


def test_declared_too_large(api: Any) -> None:
    """A body that says it is too large is refused before it comes, and is not invited."""
    connection = api.active.connect()
    connection.send(HEAD + b"Expect: 100-continue\r\nContent-Length: 70000\r\n\r\n")
    got = connection.got()
    assert got.status == 413
    assert "65536" in got.text
    assert b"100 Continue" not in connection.transport.value()
    connection.send(b"x" * 70000)
    assert connection.got() == got
    assert not api.dispatcher.asked
    api.active.site.reactor.advance(LINGER_S)
    assert connection.transport.disconnecting


def test_large_is_invited_where_it_may_be(api: Any) -> None:
    """The limit is the call's own."""
    connection = api.active.connect()
    connection.send(HEAD.replace(b"getJob", b"updateJob") + b"Expect: 100-continue\r\nContent-Length: 70000\r\n\r\n")
    assert b"100 Continue" in connection.transport.value()
    connection.send(b"jobId=1&state=running&stdout=" + b"x" * (70000 - 29))
    assert len(api.heartbeat.asked) == 1


def test_undeclared_too_large(api: Any) -> None:
    """A body that does not say how large it is, is refused as soon as it is too large."""
    connection = api.active.connect()
    connection.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    for _ in range(10):
        connection.send(b"4000\r\n" + b"x" * 0x4000 + b"\r\n")
    assert connection.got().status == 413
    assert not api.dispatcher.asked
    api.active.site.reactor.advance(LINGER_S)
    assert connection.transport.disconnecting


def test_too_large_when_inflated(api: Any) -> None:
    """A body that is too large only once it is inflated is refused, too."""
    body = gzip.compress(b'{"siteName": "Q"' + b" " * 70000 + b"}")
    got = api.active.raw(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    assert got.status == 200
    assert "inflates+to+more+than+65536" in got.text


def test_idle_connections_are_kept(api: Any) -> None:
    """Connections stay open between requests at least as long as clients keep them in their pools."""
    assert IDLE_TIMEOUT_S >= 60
    connection = api.active.connect()
    connection.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert not connection.transport.disconnecting
