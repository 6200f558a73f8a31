"""Uploads, over HTTP, as clients and others send them."""

from __future__ import annotations

import errno
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet.defer import Deferred

from pandad.api.channel import LINGER_BYTES
from pandad.api.v1.file_server import FileServer
from pandad.spec.caller import Credential, Identity
from pandad.spec.errors import Unavailable

from ..conftest import ALICE, KNOWN_UPLOAD

PATH = "/api/v1/file_server/upload_cache_file"
SOURCES = KNOWN_UPLOAD.replace("jobO", "sources")
MIB = 1 << 20


def form(content: bytes, name: str = KNOWN_UPLOAD) -> bytes:
    head = f'Content-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: application/octet-stream'
    return b"--b1\r\n" + head.encode() + b"\r\n\r\n" + content + b"\r\n--b1--\r\n"


def head(length: int | None, *more: str, dn: str | None = ALICE, kind: str = "multipart/form-data; boundary=b1") -> bytes:
    lines = [f"POST {PATH} HTTP/1.1", "Host: panda.test", "Accept: application/json", f"Content-Type: {kind}", *more]
    lines += [f"x-dn: {dn}"] if dn is not None else []
    lines += [f"Content-Length: {length}"] if length is not None else []
    return "\r\n".join((*lines, "", "")).encode()


def send(api: Any, body: bytes, *pieces: int, **how: Any) -> Any:
    """The connection, after that body came in pieces which end there."""
    connection = api.active.connect()
    connection.send(head(len(body), **how))
    start = 0
    for end in (*pieces, len(body)):
        connection.send(body[start:end])
        start = end
    return connection


def left(folder: Path) -> list[str]:
    """All files in the folder, those on their way included."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def refused(connection: Any) -> str:
    """What it says."""
    got = connection.got()
    assert got.status == 200 and got.json["success"] is False, got
    return str(got.json["message"])


@pytest.mark.parametrize("pieces", [(), (1, 2, 3), tuple(range(0, 400, 7))])
def test_kept(api: Any, pieces: tuple[int, ...]) -> None:
    """A file is there byte for byte when its upload is answered, however it came, with its size and its footer."""
    content = b"\x1f\x8b\r\n--b\r\n--b2" + bytes(range(256)) + (7).to_bytes(4, "little") + b"size"
    got = send(api, form(content), *pieces).got()
    assert (got.status, got.json["success"], got.json["data"]) == (200, True, KNOWN_UPLOAD)
    assert (api.cache / KNOWN_UPLOAD).read_bytes() == content and left(api.cache) == [KNOWN_UPLOAD]
    ((identity, name, size, crc),) = api.uploads.asked
    assert (identity.subject, name, size, crc) == (ALICE, KNOWN_UPLOAD, len(content), 7)


def test_in_one_piece(api: Any) -> None:
    """Head and body in one packet are the same."""
    body = form(b"x" * 100)
    got = api.active.raw(head(len(body)) + body)
    assert got.json["success"] and (api.cache / KNOWN_UPLOAD).read_bytes() == b"x" * 100


def test_the_next_call(api: Any) -> None:
    """The connection goes on behind an upload, also one that was refused when all of it was there."""
    connection = send(api, form(b"1234567") + b"")
    connection.send(b"GET /api/v1/system/is_alive HTTP/1.1\r\nHost: x\r\n\r\n")
    assert connection.transport.value().count(b"HTTP/1.1 200") == 2


def test_not_in_memory(api: Any) -> None:
    """What came of a file lies on the disk at once; nothing of it is waited for."""
    body = form(b"x" * MIB)
    connection = api.active.connect()
    connection.send(head(len(body)) + body[:500_000])
    (path,) = (api.cache / ".incoming").iterdir()
    assert path.stat().st_size > 499_000 and path.stat().st_mode & 0o777 == 0o600
    assert api.active.site.arriving._bytes == 0
    connection.send(body[500_000:])
    assert connection.got().json["success"] and left(api.cache) == [KNOWN_UPLOAD]


@pytest.mark.parametrize("sent", [0, 10, 300, 100_000])
def test_aborted(api: Any, sent: int) -> None:
    """Nothing is left of an upload whose client hangs up, at whatever point; and his place is free again."""
    body = form(b"x" * 200_000)
    for _ in range(10):
        connection = api.active.connect()
        connection.send(head(len(body)) + body[:sent])
        connection.hang_up()
    assert left(api.cache) == [] and not api.uploads._under_way


def test_slow(api: Any) -> None:
    """Who sends too slowly is hung up on as with any body, and nothing is left."""
    body = form(b"x" * 200_000)
    connection = api.active.connect()
    connection.send(head(len(body)) + body[:1000])
    api.active.site.reactor.pump([1.0] * 30)
    assert connection.got().status == 408
    connection.hang_up()
    assert left(api.cache) == [] and not api.uploads._under_way


@pytest.mark.parametrize(("how", "status"), [({"dn": None}, 200), ({"dn": "forged"}, 200)])
def test_strangers(api: Any, how: dict[str, Any], status: int) -> None:
    """Nothing of what comes without an identity, or with a bad one, is ever stored; the answer comes before the body."""
    connection = api.active.connect()
    connection.send(head(MIB, **how))
    got = connection.got()
    assert got.status == status and got.headers["connection"] == "close"
    assert "identity" in got.text or "forged" in got.text
    connection.send(form(b"x" * MIB)[:MIB])
    assert not (api.cache / ".incoming").exists() and api.uploads.asked == []


def test_limited_proxies(api: Any) -> None:
    """A limited proxy, which is in the hands of a job, uploads nothing."""
    connection = api.active.connect()
    connection.send(head(1000, "x-limited: 1"))
    assert "limited proxy is not enough" in refused(connection) and not (api.cache / ".incoming").exists()


def test_not_on_the_passive_port(api: Any) -> None:
    """The port without TLS takes none, and reads no large body to say so."""
    assert api.passive.raw(head(10 * MIB)).status == 413
    assert "SSL secure connection is required" in api.passive.raw(head(1000) + b"x" * 1000).json["message"]
    assert left(api.cache) == []


@pytest.mark.parametrize(("length", "status", "words"), [
    (None, 411, "Content-Length"), (10 * 1024**3, 200, "2097152 bytes here"), (10**17, 200, "2097152 bytes here"),
    (2 * MIB + 9000, 200, "has more")])
def test_lengths(api: Any, length: int | None, status: int, words: str) -> None:
    """A body of no length, or of more than any file may have, is refused by its head."""
    got = api.active.raw(head(length, *(["Transfer-Encoding: chunked"] if length is None else [])))
    assert got.status == status and words in got.text
    assert left(api.cache) == []


@pytest.mark.parametrize(("name", "size"), [(KNOWN_UPLOAD, MIB + 1), (SOURCES, 2 * MIB + 1)])
def test_too_large_for_its_name(api: Any, name: str, size: int) -> None:
    """Sources may have more than the rest. The first byte that is too much ends it, and one byte less is fine."""
    assert f"{name} may have {size - 1} bytes" in refused(send(api, form(b"x" * size, name), 1000, size))
    assert left(api.cache) == [] and not api.uploads._under_way
    assert send(api, form(b"x" * (size - 1), name)).got().json["success"]


@pytest.mark.parametrize("name", ["../../etc/cron.d/x", "x.tar.gz", "pandaqueues.json", ".incoming", "", f"{KNOWN_UPLOAD}/..",
                                  f"a\\{KNOWN_UPLOAD}", "%2e%2e%2f" + KNOWN_UPLOAD, KNOWN_UPLOAD + "%00"])
def test_names(api: Any, name: str) -> None:
    """No name leads anywhere else; and those that could be guessed are refused."""
    assert refused(send(api, form(b"x", name))).startswith(("file: ", "body: "))
    assert left(api.cache) == [] and list(api.cache.parent.glob("x*")) == []


@pytest.mark.parametrize("body", [
    b"", b"x" * 5000, form(b"x")[:-8], form(b"x") * 2, form(b"x").replace(b'"file"', b'"other"'), form(b"x") + b"x" * 100_000])
def test_other_bodies(api: Any, body: bytes) -> None:
    """What is no form with one file is refused, and nothing is kept."""
    assert refused(send(api, body, 1, 40, 200))
    assert left(api.cache) == [] and not api.uploads._under_way and api.uploads.asked == []


def test_other_types(api: Any) -> None:
    """So is what says that it is something else."""
    for kind in ("application/json", "multipart/form-data", "application/x-www-form-urlencoded"):
        assert "Content-Type: must be" in refused(send(api, form(b"x"), kind=kind))
    assert left(api.cache) == []


def test_a_full_disk(api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fills up while a file comes: a clear error that may pass, and nothing half stored."""
    def full(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    got = send(api, form(b"x" * 1000)).got()
    assert got.status == 503 and "its disk is full" in got.text
    assert left(api.cache) == [] and not api.uploads._under_way


def test_who_is_refused_may_go_on_sending(api: Any) -> None:
    """Somebody who is known gets to send the rest of what was refused, so that he reads the answer; then he is hung up on."""
    body = form(b"x" * MIB, "bad")
    connection = send(api, body, 1000)
    assert "is called 'bad'" in refused(connection) and not connection.transport.disconnecting
    connection.send(b"x" * (LINGER_BYTES + 1))
    assert connection.transport.disconnecting


def test_many_at_a_time(api: Any) -> None:
    """A person has a quarter of the uploads at a time; the next one is told to wait, others are not."""
    open_ones = [api.active.connect() for _ in range(3)]
    for connection in open_ones:
        connection.send(head(1000))
    got = open_ones[2].got()
    assert got.status == 503 and "you have too many uploads" in got.text
    assert send(api, form(b"x"), dn="/CN=bob").got().json["success"]
    open_ones[0].hang_up()
    assert send(api, form(b"x")).got().json["success"]


@ensureDeferred
async def test_hung_up_while_it_is_stored(api: Any) -> None:
    """Once all is here, it is kept, whether the client waits for that or not."""
    api.uploads.gate = Deferred()
    connection = send(api, form(b"x"))
    connection.hang_up()
    api.uploads.gate.callback(None)
    assert left(api.cache) == [KNOWN_UPLOAD] and not api.uploads._under_way


class Slowly:
    """An authenticator that has to ask somebody."""

    name = "slow"

    def __init__(self) -> None:
        self.waiting: list[Deferred[Credential | None]] = []

    async def authenticate(self, request: Any) -> Credential | None:
        """See IAuthenticator."""
        waiting: Deferred[Credential | None]
        self.waiting.append(waiting := Deferred())
        return await waiting

    def tell(self, answer: Credential | None) -> None:
        """It is known now."""
        for waiting in self.waiting:
            waiting.callback(answer)


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("good", [True, False])
def test_identity_takes_time(api: Any, connect: Any, whole: bool, good: bool) -> None:
    """While it is not known who sends, nothing is stored and no more is read; then it goes on, or is refused, once."""
    slow = Slowly()
    connection = connect(FileServer(api.uploads), slow)
    reading = connection.transport
    body = form(b"x" * 1000)
    connection.send(head(len(body)))
    connection.send(body[:500])
    assert reading.producerState == "paused" and left(api.cache) == []
    if whole:
        connection.send(body[500:])
    slow.tell(Credential(kind="slow", identity=Identity("/CN=CA", ALICE), not_after=datetime.now(UTC)) if good else None)
    if not whole:
        connection.send(body[500:])
        if good:  # asked again, now that all is here
            slow.waiting[-1].callback(Credential(kind="slow", identity=Identity("/CN=CA", ALICE), not_after=datetime.now(UTC)))
    assert json.loads(connection.got().body)["success"] is good
    assert left(api.cache) == ([KNOWN_UPLOAD] if good else []) and connection.transport.value().count(b"HTTP/1.1 ") == 1


def test_the_database_is_away(api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be noted is not kept, and the client is told to come again."""
    async def away(*args: Any) -> None:
        raise Unavailable("no database")

    monkeypatch.setattr(api.uploads, "keep", away)
    assert send(api, form(b"x")).got().status == 503
    assert left(api.cache) == [] and not api.uploads._under_way


@pytest.mark.parametrize(("host", "shown"), [
    ("panda.test:25443", "panda.test"), ("localhost", "localhost"), ("[2001:db8::1]:25443", "[2001:db8::1]"),
    ("a:b:c:d/e", "127.0.0.1"), ("x y", "127.0.0.1"), ("a" * 300, "127.0.0.1")])
def test_validate(api: Any, host: str, shown: str) -> None:
    """Who asks for a file that he has here learns its name, and the host that he called, if that can be one; else that there is
    none."""
    def ask(size: int) -> Any:
        body = json.dumps({"file_size": size, "checksum": "5"}).encode()
        return api.active.raw(
            f"POST {PATH.replace('upload', 'validate')} HTTP/1.1\r\nHost: {host}\r\nx-dn: {ALICE}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode() + body).json

    assert ask(20)["message"] == f"FOUND:{shown}:{KNOWN_UPLOAD}"
    assert ask(21) == {"success": True, "message": "NOTFOUND", "data": None}


@pytest.mark.parametrize("method", ["touch_cache_file", "delete_cache_file"])
def test_touch_and_delete(api: Any, method: str) -> None:
    """About a file that is there, and about one that is not."""
    path = f"/api/v1/file_server/{method}"
    assert api.active.post(path, dn=ALICE, json={"file_name": KNOWN_UPLOAD}).json["success"]
    assert api.active.post(path, dn=ALICE, json={"file_name": SOURCES}).json["message"] == f"there is no file {SOURCES}"


def test_what_is_on_its_way_cannot_be_fetched(api: Any) -> None:
    """Nor can anything in the folder that is not called as an upload is."""
    api.active.connect().send(head(1000) + form(b"x" * 1000)[:500])
    (path,) = (api.cache / ".incoming").iterdir()
    (api.cache / "notes.txt").write_text("x")
    for name in (f".incoming/{path.name}", "notes.txt", "", ".", ".incoming", f"./{KNOWN_UPLOAD}"):
        assert api.active.get(f"/cache/{name}").status in (400, 404), name
