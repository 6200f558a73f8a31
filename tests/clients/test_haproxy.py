"""A daemon behind haproxy: what the two read differently would let one client speak in another one's name."""

from __future__ import annotations

import itertools
import json
import re
import ssl
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Thread

import pytest
from pytest_twisted import blockon, ensureDeferred
from twisted.internet.defer import Deferred

from clients.haproxy import ANSWER, LACKING, PROGRAM, HaProxy, Recorder, shout
from clients.waiting import in_thread, until
from pandad.embedded.pki import SANDBOX_USERS
from pandad.embedded.sandbox import Sandbox

pytestmark = pytest.mark.skipif(PROGRAM is None, reason=LACKING)

INNER = b"GET /cache/smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
HEAD = b"POST /server/panda/getStatus HTTP/1.1\r\nHost: x\r\n"
FORM = b"ids=1"
TE = b"Transfer-Encoding: chunked\r\n"
END = b"0\r\n\r\n"


def _length(body: bytes, text: bytes = b"Content-Length: %d\r\n") -> bytes:
    return text % len(body)


def _twice(first: bytes, second: bytes = b"") -> bytes:
    """A request that ends after the form by one header, and after the inner one by another."""
    return HEAD + first + second + b"\r\n"


def _lengths() -> Iterator[tuple[str, bytes]]:
    short, long = _length(FORM), _length(FORM + INNER)
    after = FORM + INNER
    yield "two lengths, the short one first", _twice(short, long) + after
    yield "two lengths, the long one first", _twice(long, short) + after
    for written in (b"+%d", b"%d, 5", b"5, %d", b"0x%x", b"%d 5", b"5 %d", b"-%d", b"%d.0", b"0000%d", b"%d\x00", b"\x0b%d",
                    b"%d;5", b'"%d"', b"18446744073709551616%d", b"%de0", b"\xa0%d", b""):
        value = written % len(after) if b"%" in written else written
        yield f"length {written!r}", _twice(b"Content-Length: " + value + b"\r\n", b"") + after
        yield f"length {written!r} beside a plain one", _twice(b"Content-Length: " + value + b"\r\n", short) + after
    for name in (b"Content-Length :", b"Content-Length\t:", b" Content-Length:", b"Content_Length:", b"Content-Length\x00:",
                 b"X: y\nContent-Length:", b"X: y\rContent-Length:", b"X:\r\n Content-Length:", b"Content-Length:\r\n"):
        yield f"name {name!r}", _twice(name + b" %d\r\n" % len(after)) + after
        yield f"name {name!r} beside a plain one", _twice(name + b" %d\r\n" % len(after), short) + after


def _codings() -> Iterator[tuple[str, bytes]]:
    chunks = b"5\r\n" + FORM + b"\r\n" + END
    yield "CL.TE", _twice(_length(chunks + INNER), TE) + chunks + INNER
    yield "TE.CL", _twice(TE, _length(b"5\r\n" + FORM)) + b"5\r\n" + FORM + b"\r\n%x\r\n" % len(INNER) + INNER + b"\r\n" + END
    for value in (b"xchunked", b"chunked, identity", b"identity, chunked", b"chunked, chunked", b"chunKed", b"\x0bchunked",
                  b'"chunked"', b"chunked\x00", b"chunked;q=1", b"gzip, chunked", b"\r\n chunked",
                  b"chunked\r\nTransfer-Encoding: identity", b"identity\r\nTransfer-Encoding: chunked", b"",
                  b"chunked,", b",chunked", b"\tchunked\t"):
        coded = b"Transfer-Encoding: " + value + b"\r\n"
        yield f"coding {value!r}", _twice(coded) + chunks + INNER
        yield f"coding {value!r} beside a length", _twice(coded, _length(chunks + INNER)) + chunks + INNER
    for name in (b"Transfer-Encoding :", b" Transfer-Encoding:", b"Transfer_Encoding:", b"X: y\nTransfer-Encoding:",
                 b"X: y\rTransfer-Encoding:", b"Transfer-Encoding\n:", b"Transfer-Encoding\x00:", b"X:\r\n Transfer-Encoding:"):
        yield f"name {name!r}", _twice(name + b" chunked\r\n", _length(chunks + INNER)) + chunks + INNER
    yield "HTTP/1.0 with chunks", _twice(TE).replace(b"1.1", b"1.0") + chunks + INNER
    yield "HTTP/1.0 kept, with both", _twice(TE, _length(chunks + INNER) + b"Connection: keep-alive\r\n").replace(
        b"1.1", b"1.0") + chunks + INNER
    yield "a coding that is an option of the connection", _twice(TE, b"Connection: close, Transfer-Encoding\r\n") + chunks + INNER


def _chunks() -> Iterator[tuple[str, bytes]]:
    rest = FORM + b"\r\n" + END
    for size in (b"5;a=b", b"5;a=\"\r\n\"", b"5;a\nb", b"5;" + b"a" * 5000, b"5 ", b" 5", b"5\t", b"+5", b"-5", b"0x5", b"05",
                 b"00000000000000005", b"10000000000000005", b"5,5", b"5\x00", b"5_0", b"", b"five"):
        yield f"chunk size {size!r}", _twice(TE) + size + b"\r\n" + rest + INNER
    yield "chunk size with a bare LF", _twice(TE) + b"5\n" + rest + INNER
    yield "extension with a bare LF", _twice(TE) + b"5;\n" + rest + INNER
    yield "chunk without an end", _twice(TE) + b"5\r\n" + FORM + END + INNER
    yield "chunk with another end", _twice(TE) + b"5\r\n" + FORM + b"XX" + END + INNER
    yield "chunk that ends with a bare LF", _twice(TE) + b"5\r\n" + FORM + b"\n" + END + INNER
    yield "last chunk with bare LFs", _twice(TE) + b"5\r\n" + FORM + b"\r\n0\n\n" + INNER
    for trailer in (TE, _length(FORM), b"Host: y\r\n", b" folded\r\n", b"x\r\n", b"GET /cache/smuggled HTTP/1.1\r\n"):
        yield f"trailer {trailer!r}", _twice(TE) + b"5\r\n" + FORM + b"\r\n0\r\n" + trailer + b"\r\n" + INNER


def _lines() -> Iterator[tuple[str, bytes]]:
    body = _length(INNER) + b"\r\n" + INNER
    for line in (b"GET /a HTTP/1.1", b"HEAD /a HTTP/1.1", b"OPTIONS * HTTP/1.1", b"TRACE /a HTTP/1.1", b"get /a HTTP/1.1",
                 b"GET http://y/a HTTP/1.1", b"GET /a HTTP/1.1 ", b"GET  /a HTTP/1.1", b"GET /a HTTP/01.1", b"GET\t/a HTTP/1.1",
                 b"GET /a HTTP/1.2", b"GET /a HTTP/2.0", b"GET /a", b"GET /a#x HTTP/1.1", b"GET /a b HTTP/1.1",
                 b"\r\nGET /a HTTP/1.1", b"GET /a\x00 HTTP/1.1", b"CONNECT x:80 HTTP/1.1", b"PUT /a HTTP/1.1", b"GET a HTTP/1.1"):
        yield f"line {line!r}", line + b"\r\nHost: x\r\n" + body
    for more in (b"Host: y", b"Expect: 100-continue", b"Upgrade: h2c\r\nConnection: Upgrade", b"X: a\x00b", b": y", b"X",
                 b"Upgrade: websocket\r\nConnection: Upgrade", b"Connection: close, Content-Length", b"Connection: Host",
                 b"X: y\r\n z", b"\x85: y", b"Content-Encoding: gzip", b"Range: bytes=0-1,2-3",
                 b"Expect: 100-continue\r\nConnection: close"):
        yield f"header {more!r}", HEAD + more + b"\r\n" + body
    yield "bare LFs", (HEAD + body).replace(b"\r\n", b"\n")
    yield "an end of bare LFs", HEAD + _length(INNER) + b"\n" + INNER
    yield "preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + INNER


ATTACKS: Mapping[str, bytes] = dict(itertools.chain(_lengths(), _codings(), _chunks(), _lines()))


@pytest.fixture(scope="module")
def recorder(sandbox: Sandbox) -> Iterator[Recorder]:
    """Before the plain port."""
    made = Recorder(sandbox.config.server.http_port)
    yield made
    made.close()


@pytest.fixture(scope="module")
def haproxy(sandbox: Sandbox, recorder: Recorder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HaProxy]:
    """Ready."""
    made = HaProxy(tmp_path_factory.mktemp("haproxy"), sandbox.config.server.tls_port, recorder.port)
    blockon(Deferred.fromCoroutine(until(made.listens, "haproxy")))
    yield made
    made.stop()


def context_of(sandbox: Sandbox) -> ssl.SSLContext:
    """Alice's."""
    context = ssl.create_default_context(capath=str(sandbox.pki.ca_directory))
    context.load_cert_chain(sandbox.pki.proxy("alice"))
    return context


async def misread(haproxy: HaProxy, recorder: Recorder, way: str, attacks: Collection[str] = ATTACKS) -> list[str]:
    """Those after which, on the connections that haproxy shares, one of the next two clients does not get the answer to his
    own request, or more answers have come than haproxy has sent requests."""
    found = []
    for number, name in enumerate(attacks):
        before = haproxy.passed_on(), recorder.answers
        await in_thread(shout, haproxy.ports[way], ATTACKS[name])
        for victim in (f"victim{number}a", f"victim{number}b"):
            status, said = await in_thread(haproxy.ask, way, f"/cache/{victim}")
            if status != 404 or victim not in said:
                found.append(f"{name}: {victim} was answered {status} {said}")
        sent, answered = haproxy.passed_on() - before[0], recorder.answers - before[1]
        if answered > sent:
            found.append(f"{name}: {sent} requests, {answered} answers")
    return found


@pytest.mark.parametrize("way", ["strict", "lax"])
@ensureDeferred
async def test_nobody_speaks_in_anothers_place(haproxy: HaProxy, recorder: Recorder, way: str) -> None:
    """Whatever haproxy lets through, it and pandad see the same requests."""
    assert len(ATTACKS) >= 150
    before = haproxy.passed_on()
    assert await misread(haproxy, recorder, way) == []
    assert haproxy.passed_on() - before > 2 * len(ATTACKS)  # some attacks among them


class Careless(StreamRequestHandler):
    """Takes each line that looks like it for the first one of a request."""

    def handle(self) -> None:
        """Answer as pandad does where there is no such file."""
        for line in self.rfile:
            if found := re.match(rb"[A-Z]+ (\S+) HTTP/1\.1\r?\n", line):
                self.wfile.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: %d\r\n\r\n%b" % (len(found[1]), found[1]))


@ensureDeferred
async def test_a_server_that_misreads_is_found_out(tmp_path: Path) -> None:
    """The attacks get through haproxy, and would be seen."""
    with ThreadingTCPServer(("127.0.0.1", 0), Careless) as server:
        server.daemon_threads = True
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        recorder = Recorder(server.server_address[1])
        haproxy = HaProxy(tmp_path, recorder.port, recorder.port)
        try:
            await until(haproxy.listens, "haproxy")
            found = await misread(haproxy, recorder, "strict", [name for name in ATTACKS if "Transfer" in name])
            assert any("smuggled" in each for each in found) and any("answers" in each for each in found)
        finally:
            haproxy.stop()
            recorder.close()
            server.shutdown()


@ensureDeferred
async def test_bytes_are_passed_on(haproxy: HaProxy, sandbox: Sandbox) -> None:
    """Where haproxy reads nothing pandad knows its clients, and answers what is ambiguous as if there were no haproxy."""
    context = context_of(sandbox)
    status, said = await in_thread(haproxy.ask, "tls", "/api/v1/system/get_attributes", context)
    assert (status, json.loads(said)["data"]["environment"]["SSL_CLIENT_S_DN"]) == (200, SANDBOX_USERS["alice"])
    for name in list(ATTACKS)[::10]:
        direct, through = [ANSWER.findall(await in_thread(shout, port, ATTACKS[name], context))
                           for port in (sandbox.config.server.tls_port, haproxy.ports["tls"])]
        assert through == direct and through, name
