"""What is fuzzed, and what has to hold whatever comes."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h11
from api.conftest import KNOWN_UPLOAD, Api, standing
from api.tokens.forge import b64, ec_signer, es256, good_claims, stand
from api.tokens.mutations import originals
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from tls.badchains import chain_of
from tls.chains import World
from tls.der import spoiled
from tls.mutations import Attributes
from twisted.logger import ILogObserver, LogEvent, LogLevel, globalLogPublisher
from zope.interface import implementer

from pandad.api.decode import decoder_for, parameters
from pandad.api.jobstates import job_specs
from pandad.api.route import declared
from pandad.api.site import PandaSite
from pandad.api.x509.attributecertificate import parse
from pandad.api.x509.gridcert import UNREADABLE, identify, is_malformed_proxy, read
from pandad.api.x509.refusal import AttributesRefused, PeerRefused
from pandad.embedded.voms import in_extension
from pandad.spec.cachename import is_cache_name
from pandad.spec.errors import PandadError
from pandad.spec.token import BadToken, KeysUnknown

from .mutation import BODIES, REQUESTS, Mutator, zipped

STATUS = re.compile(rb"HTTP/1\.[01] (\d{3}) [!-~ ]+\r\n")
LIMIT_BYTES = 1 << 20

Feed = Callable[[bytes, random.Random], None]
"""Takes an input; the dice choose what it is given to. Raises if something does not hold."""


@dataclass(frozen=True)
class Target:
    """Fed by hand, or with what `mutation` makes of good inputs: the same number is the same input."""

    feed: Feed
    seeds: Sequence[bytes]
    made: Callable[[int, random.Random], bytes]

    def __call__(self, number: int) -> None:
        """The input of that number."""
        dice = random.Random(-number)
        self.feed(self.made(number, dice), dice)


def _plain(seeds: Sequence[bytes]) -> Callable[[int, random.Random], bytes]:
    mutator = Mutator(seeds)
    return lambda number, dice: mutator.make(number)


def decoders(directory: Path) -> Target:
    """Every request dataclass from every body: there is one, or a PandadError that can be told."""
    bodies = Mutator(BODIES)
    routes = [route for route, _ in declared(standing(directory).handlers) if route.takes is not None]

    def feed(data: bytes, dice: random.Random) -> None:
        route = dice.choice(routes)
        assert route.takes is not None
        query = {b"ids": [data[:20]], b"job_id": [b"1", data[:3]]} if dice.random() < 0.1 else {}
        try:
            given = parameters(data, query, LIMIT_BYTES)
            asked = decoder_for(route.takes, route.forgiving, route.legacy)(given)
            assert isinstance(asked, route.takes)
            if hasattr(asked, "jobs"):
                job_specs(asked.jobs)
        except PandadError as refused:
            assert len(str(refused).encode()) < 10_000

    return Target(feed, BODIES, lambda number, dice: zipped(dice, bodies.make(number)))


def framing(directory: Path) -> Target:
    """No desync: the requests that are acted on are those that a strict reader of another make finds, in its order."""
    requests = Mutator(REQUESTS)
    api = standing(directory)
    clock: Any = api.active.site.reactor
    seen: list[tuple[bytes, bytes, bytes]] = []
    _listen_in(api.active.site, seen)

    def feed(data: bytes, dice: random.Random) -> None:
        seen.clear()
        pieces = [data] if dice.random() < 0.5 else _pieces(dice, data)
        connection = api.active.connect()
        for piece in pieces:
            if not connection.transport.disconnecting:
                connection.send(piece)
        expected = strict(data)
        assert seen == expected[:len(seen)], (seen, expected)
        for status in STATUS.findall(connection.transport.value()):
            assert status[:1] in b"1234", connection.transport.value()
        connection.hang_up()
        clock.pump([100] * 4)
        api.heartbeat.asked.clear()
        api.dispatcher.asked.clear()

    return Target(feed, REQUESTS, lambda number, dice: b"".join(requests.make(number + n) for n in range(1 + number % 3)))


def _listen_in(site: PandaSite, seen: list[tuple[bytes, bytes, bytes]]) -> None:
    """Note each request that is acted on."""
    usual: Any = site.requestFactory

    class Noted(usual):  # type: ignore[misc]
        def process(self) -> None:
            if not self._refused:
                body = self._whole[1] if self._whole is not None else self.content.read()
                if self._whole is None:
                    self.content.seek(0)
                seen.append((self.method, self.uri, body))
            super().process()

    site.requestFactory = Noted


def strict(data: bytes) -> list[tuple[bytes, bytes, bytes]]:
    """The requests in a stream, as h11 reads them, until the first that it refuses."""
    found: list[tuple[bytes, bytes, bytes]] = []
    while True:
        one = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
        one.receive_data(data.removeprefix(b"\r\n"))  # RFC 9112 2.2: servers pass over one, and h11 does not
        read = _one(one)
        if read is None:
            return found
        found.append(read)
        data = one.trailing_data[0]


def _one(one: h11.Connection) -> tuple[bytes, bytes, bytes] | None:
    try:
        head = one.next_event()
        if not isinstance(head, h11.Request):
            return None
        body = b""
        while not isinstance(event := one.next_event(), h11.EndOfMessage):
            if not isinstance(event, h11.Data):
                return None
            body += bytes(event.data)
    except h11.RemoteProtocolError:
        return None
    return head.method, head.target, body


def _pieces(dice: random.Random, data: bytes) -> list[bytes]:
    cuts = sorted(dice.randint(0, len(data)) for _ in range(dice.choice((1, 2, 5))))
    return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]


@implementer(ILogObserver)
class NoTraceback:
    """Has a target fail when anything is logged that should not be."""

    def __init__(self) -> None:
        self.found: list[LogEvent] = []

    def __call__(self, event: LogEvent) -> None:
        if "log_failure" in event or event.get("log_level") in (LogLevel.error, LogLevel.critical):
            self.found.append(event)


def calls(directory: Path) -> Target:
    """Every call with every body, path and header: an answer below 500, and no traceback in the log."""
    bodies = Mutator(BODIES)
    api: Api = standing(directory)
    (api.trf / "x").write_bytes(b"0123456789")
    routes = [route for route, _ in declared(api.handlers)]
    paths = Mutator([route.path.encode() for route in routes] + [b"/trf/../x", b"/cache/%2e%2e/%2fetc/passwd", b"/trf/x"])
    clock: Any = api.active.site.reactor
    log = NoTraceback()
    globalLogPublisher.addObserver(log)

    def feed(data: bytes, dice: random.Random) -> None:
        route, number, body = dice.choice(routes), dice.randrange(1 << 30), data[:60_000]
        path = re.sub(rb"[\0- \x7f-\xff]", b"", paths.make(number)) if dice.random() < 0.3 else route.path.encode()
        query = re.sub(rb"[\0- \x7f-\xff]", b"", bodies.make(number + 1))[:200] if dice.random() < 0.2 else b""
        connection = (api.active if dice.random() < 0.8 else api.passive).connect()
        connection.send(b"%b /%b?%b HTTP/1.1\r\nHost: x\r\nx-dn: /CN=p\r\nx-roles: %b\r\n%bContent-Length: %d\r\n\r\n%b" % (
            dice.choice(route.methods).encode(), path.lstrip(b"/"), query, dice.choice((b"pilot", b"admin", b"")),
            dice.choice((b"", b"Accept: application/json\r\n", b"Range: bytes=1-\r\n")), len(body), body))
        first = STATUS.match(connection.transport.value())
        assert first is None or first[1] < b"500", connection.transport.value()[:500]
        assert not log.found, log.found[0]
        connection.hang_up()
        for room in (api.dispatcher, api.heartbeat, api.workers, api.jobs, api.debug, api.secrets):
            room.asked.clear()
        clock.advance(100)

    return Target(feed, BODIES, lambda number, dice: zipped(dice, bodies.make(number)))


def tokens(directory: Path) -> Target:
    """Every token is refused by its word; and so are claims that make no sense, though their issuer signed them."""
    here, signer = stand(), ec_signer()
    assert isinstance(signer.key, ec.EllipticCurvePrivateKey)
    sign, good = es256(signer.key), set(originals())
    head = b64(json.dumps({"alg": "ES256", "kid": signer.kid}).encode()) + b"."

    def feed(data: bytes, dice: random.Random) -> None:
        is_signed = data.startswith(b"{")
        if is_signed:
            signed = head + b64(data)
            data = signed + b"." + b64(sign(signed))
        try:
            found = here.ask(data)
        except (BadToken, KeysUnknown) as refused:
            assert len(str(refused)) < 1000
            return
        assert found is not None and found.identity.subject.isprintable()
        assert is_signed or data.strip(b" ") in good

    seeds = [*originals(), json.dumps(good_claims()).encode(), json.dumps(good_claims(scope="role:production")).encode()]
    return Target(feed, seeds, _plain(seeds))


def certificates(directory: Path) -> Target:
    """Every certificate and attribute certificate is read, or refused as the handshake expects."""
    (directory / "chains").mkdir()
    attributes = Attributes(directory / "attributes", 1)
    attributes.close()
    users = [link.der for link in chain_of(World.make(directory / "chains"), 2)]
    seeds = [*users, in_extension(attributes.good)]

    def feed(data: bytes, dice: random.Random) -> None:
        with suppress(AttributesRefused):
            parse(data)
        with suppress(AttributesRefused):
            assert attributes.voms.attributes(data, attributes.holder) == attributes.expected
        with suppress(*UNREADABLE):
            certificate = x509.load_der_x509_certificate(data)
            is_malformed_proxy(certificate)
            with suppress(PeerRefused):
                identify([read(certificate)])

    return Target(feed, seeds, lambda number, dice: spoiled(dice.choice(seeds), dice))


def uploads(directory: Path) -> Target:
    """Every form with a file, in any pieces: it is kept whole under a good name, or refused; and nothing else is left of it."""
    form = b'--b1\r\nContent-Disposition: form-data; name="file"; filename="%b"\r\n\r\n%b\r\n--b1--\r\n'
    seeds = [form % (name.encode(), content) for name in (KNOWN_UPLOAD, f"../{KNOWN_UPLOAD}")
             for content in (b"", b"\x1f\x8b" * 20, b"\r\n--b\r\n--b1" * 3, b"-" * 5000)]
    api = standing(directory)

    def feed(data: bytes, dice: random.Random) -> None:
        connection = api.active.connect()
        head = (b"POST /api/v1/file_server/upload_cache_file HTTP/1.1\r\nHost: x\r\nx-dn: /CN=p\r\n"
                b"Content-Type: multipart/form-data; boundary=b1\r\nContent-Length: %d\r\n\r\n" % len(data))
        for piece in (head + data,) if dice.random() < 0.3 else (head, *_pieces(dice, data)):
            connection.send(piece)
        answer = connection.got()
        assert answer.status == 200, answer
        kept = [path for path in api.cache.rglob("*") if path.is_file()]
        assert all(is_cache_name(path.name) and path.read_bytes() in data for path in kept), kept
        assert len(kept) == answer.json["success"] and not api.uploads._under_way
        for path in kept:
            path.unlink()
        connection.hang_up()
        api.uploads.asked.clear()

    return Target(feed, seeds, _plain(seeds))


TARGETS: Mapping[str, Callable[[Path], Target]] = {
    "decoders": decoders, "framing": framing, "calls": calls, "tokens": tokens, "certificates": certificates,
    "uploads": uploads}
