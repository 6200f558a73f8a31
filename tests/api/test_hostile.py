"""What no honest client sends: refused with a reason, nothing of it done, and nothing after it heard."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet.defer import Deferred

from pandad.api.channel import LINGER_BYTES, LINGER_S
from pandad.api.patience import BODY_GRACE_S, FIRST_WORD_S, HEAD_S, LATE_S, LEAST_BYTES_PER_S, LOOK_S
from pandad.api.site import MOST_ARRIVING_BYTES

FORM = b"jobId=1&state=running"
UPDATE = b"POST /server/panda/updateJob HTTP/1.1\r\nHost: x\r\nx-dn: /CN=pilot\r\nx-roles: pilot\r\n"
LENGTH = b"Content-Length: %d\r\n" % len(FORM)
CHUNKED = b"15\r\n" + FORM + b"\r\n0\r\n\r\n"
WHOLE = UPDATE + LENGTH + b"\r\n" + FORM

# Two programs on the way could see two different requests in each of these, or see one begin at two places. The first five are
# what Twisted once took: CVE-2020-10108, CVE-2020-10109, CVE-2022-24801, CVE-2023-46137, CVE-2024-41671.
SMUGGLED = {
    "two lengths": UPDATE + LENGTH + b"Content-Length: 3\r\n\r\n" + FORM,
    "length and chunks": UPDATE + LENGTH + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKED,
    "chunk size with a sign": UPDATE + b"Transfer-Encoding: chunked\r\n\r\n+15\r\n" + FORM + b"\r\n0\r\n\r\n",
    "chunk size with 0x": UPDATE + b"Transfer-Encoding: chunked\r\n\r\n0x15\r\n" + FORM + b"\r\n0\r\n\r\n",
    "chunk without an end": UPDATE + b"Transfer-Encoding: chunked\r\n\r\n15\r\n" + FORM + b"XX0\r\n\r\n",
    "chunks and a length": UPDATE + b"Transfer-Encoding: chunked\r\n" + LENGTH + b"\r\n" + CHUNKED,
    "trailer": UPDATE + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKED[:-2] + b"x-note: y\r\n\r\n",
    "equal lengths": UPDATE + LENGTH + LENGTH + b"\r\n" + FORM,
    "signed length": UPDATE + b"Content-Length: +21\r\n\r\n" + FORM,
    "length of many digits": UPDATE + b"Content-Length: " + b"0" * 5000 + b"21\r\n\r\n" + FORM,
    "huge length": UPDATE + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n" + FORM,
    "length with a comma": UPDATE + b"Content-Length: 21, 21\r\n\r\n" + FORM,
    "length in other digits": UPDATE + "Content-Length: ２１\r\n\r\n".encode() + FORM,
    "coded twice": UPDATE + b"Transfer-Encoding: chunked, chunked\r\n\r\n" + CHUNKED,
    "another coding": UPDATE + b"Transfer-Encoding: xchunked\r\n\r\n" + CHUNKED,
    "identity": UPDATE + b"Transfer-Encoding: identity\r\n" + LENGTH + b"\r\n" + FORM,
    "coding after a tab": UPDATE + b"Transfer-Encoding:\x0bchunked\r\n\r\n" + CHUNKED,
    "folded line": UPDATE + b"x-note: a\r\n b\r\n" + LENGTH + b"\r\n" + FORM,
    "folded first line": b"GET /healthz HTTP/1.1\r\n Host: x\r\n\r\n",
    "lone line feed": UPDATE + b"x-note: a\nContent-Length: 0\r\n" + LENGTH + b"\r\n" + FORM,
    "lone carriage return": UPDATE + b"x-note: a\rContent-Length: 0\r\n" + LENGTH + b"\r\n" + FORM,
    "line feeds only": WHOLE.replace(b"\r\n", b"\n") + b"\r\n\r\n",
    "NUL": UPDATE + b"x-note: a\0b\r\n" + LENGTH + b"\r\n" + FORM,
    "space before the colon": UPDATE + b"Content-Length : 21\r\n\r\n" + FORM,
    "no name": UPDATE + b": a\r\n" + LENGTH + b"\r\n" + FORM,
    "no colon": UPDATE + b"note\r\n" + LENGTH + b"\r\n" + FORM,
    "odd name": UPDATE + b"x(y): a\r\n" + LENGTH + b"\r\n" + FORM,
    "another version": WHOLE.replace(b"HTTP/1.1", b"HTTP/1.2"),
    "no version": b"GET /healthz\r\n\r\n",
    "script for a version": WHOLE.replace(b"HTTP/1.1", b"<b>"),
    "two spaces": WHOLE.replace(b"POST /", b"POST  /"),
    "tab for a space": WHOLE.replace(b"POST /", b"POST\t/"),
    "method that is none": WHOLE.replace(b"POST", b"P(ST"),
    "no host": b"GET /healthz HTTP/1.1\r\nx: y\r\n\r\n",
    "two hosts": b"GET /healthz HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
    "no header": b"GET /healthz HTTP/1.1\r\n\r\n",
    "preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS on the plain port": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
}


@pytest.mark.parametrize("name", SMUGGLED)
def test_what_could_be_read_in_two_ways(api: Any, name: str) -> None:
    """Is refused with a reason, whole or in pieces; not done; and what follows on that connection is not heard either."""
    for pieces in ([SMUGGLED[name]], [bytes([byte]) for byte in SMUGGLED[name]]):
        connection = api.active.connect()
        for piece in pieces:
            connection.send(piece)
        got = connection.got()
        connection.send(WHOLE)
        assert got.status == 400 and "ERROR : this is no HTTP/1.1 request that this server reads" in got.text
        assert connection.got() == got
        assert not api.heartbeat.asked
        api.active.site.reactor.advance(LINGER_S)
        assert connection.transport.disconnecting


@pytest.mark.parametrize("head", [
    b"GET /healthz HTTP/1.1\r\nx-note: " + b"y" * 20_000,
    b"GET /healthz HTTP/1.1\r\nx-note: " + b"y" * 20_000 + b"\r\n\r\n",
    b"GET /" + b"y" * 20_000 + b" HTTP/1.1\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\n" + b"x-note: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n" * 600 + b"\r\n",
    b"GET /healthz HTTP/1.1\r\n" + b"x: y\r\n" * 600 + b"\r\n",
])
def test_large_heads(api: Any, head: bytes) -> None:
    """A head of more than 16 KiB, or of more than 500 lines, is refused with a reason."""
    connection = api.active.connect()
    connection.send(head)
    assert connection.got().status in (400, 431)
    assert connection.got().text.startswith("ERROR : ")


def test_slow_heads(api: Any) -> None:
    """A head has 10 s from its first byte, however lively its pieces come; and nobody may say nothing at all for long."""
    clock = api.active.site.reactor
    slow, silent = api.active.connect(), api.active.connect()
    for byte in WHOLE[:HEAD_S - 1]:
        slow.send(bytes([byte]))
        clock.advance(1)
    assert slow.transport.value() == b""
    slow.send(b"x")
    clock.advance(1)
    assert slow.got().status == 408 and "head" in slow.got().text
    clock.pump([1] * LINGER_S)
    assert slow.transport.disconnecting
    clock.pump([1] * FIRST_WORD_S)
    assert silent.transport.disconnecting and silent.transport.value() == b""


def test_always_in_the_middle(api: Any) -> None:
    """Who asks on and on, each piece ending amid a request, is not slow: each request has its own time."""
    connection = api.active.connect()
    for _ in range(5 * HEAD_S):
        connection.send(WHOLE[20:] + WHOLE[:20] if _ else WHOLE[:20])
        api.active.site.reactor.advance(1)
    assert connection.transport.value().count(b"HTTP/1.1 200") == 5 * HEAD_S - 1
    assert b"408" not in connection.transport.value()


def test_slow_bodies(api: Any) -> None:
    """A body has 10 s, and after that must have come with 1 KiB/s in the mean; a slow honest one does."""
    clock = api.active.site.reactor
    honest, slow = api.active.connect(), api.active.connect()
    for connection in (honest, slow):
        connection.send(UPDATE + b"Content-Length: 60000\r\n\r\njobId=1&state=running&stdout=")
    for _ in range(BODY_GRACE_S + LOOK_S):
        honest.send(b"x" * LEAST_BYTES_PER_S)
        slow.send(b"x" * 100)
        clock.advance(1)
    assert slow.got().status == 408 and "body" in slow.got().text
    assert honest.transport.value() == b""
    honest.send(b"x" * (60_000 - 29 - (BODY_GRACE_S + LOOK_S) * LEAST_BYTES_PER_S))
    assert honest.got().status == 200
    assert len(api.heartbeat.asked) == 1


def test_a_late_server_blames_nobody(api: Any) -> None:
    """While the reactor is late itself, what came may not have been read: the client gets another chance."""
    connection = api.active.connect()
    connection.send(WHOLE[:20])
    api.active.site.reactor.advance(HEAD_S + LATE_S + 1)
    connection.send(WHOLE[20:])
    assert connection.got().status == 200


def test_who_sends_on_after_a_refusal(api: Any) -> None:
    """Has what he sends thrown away, for a moment and a megabyte, so that he reads why; then he is hung up on."""
    connection = api.active.connect()
    connection.send(UPDATE + b"Content-Length: 10000000000\r\n\r\n")
    assert connection.got().status == 413
    connection.send(b"x" * LINGER_BYTES)
    assert not connection.transport.disconnecting
    connection.send(b"x")
    assert connection.transport.disconnecting


def test_bodies_of_all_together(api: Any) -> None:
    """Bodies under way are limited in all, too; when they are gone or here, there is room again."""
    arriving = api.active.site.arriving
    first, second = api.active.connect(), api.active.connect()
    first.send(UPDATE + b"Content-Length: 60000\r\n\r\n" + b"x" * 50_000)
    arriving.add(MOST_ARRIVING_BYTES - 50_000)
    second.send(UPDATE + b"Content-Length: 60000\r\n\r\nx")
    assert second.got().status == 503
    second.hang_up()
    first.hang_up()
    arriving.add(50_000 - MOST_ARRIVING_BYTES)
    assert arriving._bytes == 0
    assert api.active.raw(UPDATE + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKED).status == 200
    assert arriving._bytes == 0


@pytest.mark.parametrize(("name", "value"), [
    ("range", b"bytes=" + b",".join(b"0-" for _ in range(1000))), ("range", b"\xff"), ("range", b"bytes=9-1"),
    ("range", b"bytes=" + b"9" * 5000 + b"-"), ("range", b"lines=1-2"), ("if-modified-since", b";"),
    ("if-modified-since", b"\xff\xfe"), ("if-modified-since", b"Sun, 99 Nov 1994 08:49:37 GMT"),
    ("if-modified-since", b"Sun, 06 Nov 9999999999 08:49:37 GMT"),
])
@ensureDeferred
async def test_odd_wishes_about_a_file(api: Any, name: str, value: bytes) -> None:
    """Get all of the file, once; or the part that there is."""
    (api.trf / "x").write_bytes(b"0123456789")
    got = await api.passive.fetch("/trf/x", headers={name: value})
    assert (got.status, got.body) in ((200, b"0123456789"), (416, b""))


UP = [
    "..", "%2e%2e", "%2E.", "..%2f..", "%2e%2e%2f%2e%2e", "..%5c..", "..\\..", "%252e%252e", "..;", "..%00", "..%0d%0a", "...",
    "%c0%ae%c0%ae", "%ef%bc%8e%ef%bc%8e", ".%20.", "~", "%2f", "%2f%2f", "link", "link%2f..", "C:", "file:%2f%2f", "%ff",
]
WAYS = [
    "{up}/secret", "{up}/{up}/secret", "sub/{up}/{up}/secret", "{up}{up}secret", "./{up}/secret", "{up}//secret", "{up}",
    "/{up}/secret", "{up}/secret%00.sh", "{up}/" + "x/../" * 50 + "secret", "{up}" + "a" * 4096, "{up}/../../../../../etc/passwd",
]


@pytest.mark.parametrize("directory", ["/trf/", "/cache/", "/cache/schedconfig/"])
def test_names_that_lead_elsewhere(api: Any, directory: str) -> None:
    """However the way out of a directory is spelled, there is none: no such file, and nothing of one."""
    (api.trf.parent / "secret").write_text("c4n4ry")
    (api.trf / "link").symlink_to(api.trf.parent)
    (api.cache / "link").symlink_to(api.trf.parent / "secret")
    (api.trf / "sub").mkdir()
    names = [way.format(up=up) for up in UP for way in WAYS]
    for name in names:
        for port in (api.active, api.passive):
            connection = port.connect()
            connection.send(f"GET {directory}{name} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            answer = connection.transport.value()
            assert answer[9:12] in (b"400", b"403", b"404"), (name, answer)
            assert b"c4n4ry" not in answer and b"root:" not in answer


GET_JOB = "/server/panda/getJob"
HARMFUL = {
    "nested": b'{"siteName": ' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    "rather nested": b'{"siteName": "Q", "x": ' + b"[" * 70 + b"]" * 70 + b"}",
    "braces": b"{" * 60_000,
    "twice": b'{"siteName": "Q", "siteName": "R"}',
    "twice below": b'{"siteName": "Q", "x": {"a": 1, "a" : 1}}',
    "twice, spelled in two ways": b'{"siteName": "Q", "site\\u004eame": "R"}',
    "mark": b'\xef\xbb\xbf{"siteName": "Q"}',
    "UTF-16": '{"siteName": "Q"}'.encode("utf-16"),
    "not UTF-8": b'{"siteName": "\xff"}',
    "many digits": b'{"siteName": "Q", "mem": ' + b"9" * 50_000 + b"}",
    "after its end": b'{"siteName": "Q"} {"siteName": "R"}',
    "cut": b'{"siteName": "Q"',
    "list": b'["siteName"]',
    "gzip cut": gzip.compress(b'{"siteName": "Q"}')[:-5],
    "gzip twice": gzip.compress(b'{"siteName": "Q"}') + gzip.compress(b"x"),
    "gzip of gzip": gzip.compress(gzip.compress(b'{"siteName": "Q"}')),
    "gzip of nothing": b"\x1f\x8b",
    "NUL": b'{"siteName": "Q\\u0000"}',
    "surrogate": b'{"siteName": "\\ud800"}',
    "NaN": b'{"siteName": NaN}',
    "NaN below": b'{"siteName": {"a": [Infinity]}}',
    "no site": b"x=%00",
}


@pytest.mark.parametrize("name", HARMFUL)
def test_harmful_bodies(api: Any, name: str) -> None:
    """Are refused, naming the body or the key, and nobody hears of them."""
    got = api.active.post(GET_JOB, dn="/CN=p", roles="pilot", data=HARMFUL[name], headers={"accept": "application/json"})
    assert got.status == 200 and got.json["StatusCode"] == 30
    assert got.json["errorDialog"].startswith(("body: ", "siteName: "))
    assert not api.dispatcher.asked


def test_keys_in_texts_are_no_keys(api: Any) -> None:
    """A job report is JSON in a text: what looks like a repeated key there is none."""
    report = json.dumps({"a": {"x": 1}, "b": {"x": 1}, '"': ': "x": ', "\\": 1})
    got = api.active.as_pilot("/api/v1/pilot/update_job", {
        "job_id": 1, "job_status": "running", "meta_data": report, "job_metrics": 'a" : "a" : \\'})
    assert got.json["success"], got
    assert api.heartbeat.asked[0][1].meta_data == report


def test_hang_ups_hurt_nobody(api: Any) -> None:
    """Whoever hangs up, at whatever byte and while waiting, the next one is served, and nothing is left of him."""
    api.heartbeat.gate = Deferred()
    for length in (*range(0, len(WHOLE), 7), len(WHOLE)):
        for pieces in ([WHOLE[:length]], [WHOLE[:length // 2], WHOLE[length // 2:length]]):
            connection = api.active.connect()
            for piece in pieces:
                connection.send(piece)
            connection.hang_up()
    api.heartbeat.gate.callback(None)
    api.heartbeat.gate = None
    api.active.site.reactor.pump([30] * 10)
    assert api.active.site.reactor.getDelayedCalls() == []
    assert api.active.raw(WHOLE).status == 200
