"""Keys of issuers: fetched strictly, kept through outages, never waited for."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater

from pandad.api.tokens.discovery import ASK_GAP_S, RETRY_S, FetchFailed
from pandad.api.tokens.fetch import ANSWER_LIMIT_BYTES, Fetcher
from pandad.embedded.pki import SandboxPki
from pandad.spec.token import KeysUnknown

from .forge import CONFIG, ISSUER, Stand, ec_signer, good, jwks, published, rsa_signer, stand

HOUR_S = 3600.0
DISCOVERY = f"{ISSUER}.well-known/openid-configuration"
KEYS = f"{ISSUER}jwks"
PATIENCE_S = 0.3
PLENTY_S = 30.0


def later(here: Stand, seconds: float) -> None:
    """Let so much time go by, with a round of the loops at each step of theirs."""
    for _ in range(int(seconds // RETRY_S)):
        here.clock.advance(RETRY_S)
        here.fetch()


def test_an_outage_of_a_day() -> None:
    """Nobody notices while the issuer is away, for as long as the configuration says; when it is back all is as before."""
    here, text = stand(), good()
    here.web.trouble = FetchFailed("no route")
    later(here, 24 * HOUR_S - 600)
    assert here.ask(text) is not None and here.ask(good(jti="new")) is not None
    later(here, 1200)
    with pytest.raises(KeysUnknown, match="could not be fetched .no route.; come again in a moment"):
        here.ask(text)
    here.web.trouble = None
    later(here, RETRY_S)
    assert here.ask(text) is not None


def test_an_issuer_that_is_away_from_the_start() -> None:
    """It is asked again and again, and meanwhile bearers are told to come again."""
    here = stand(fetched=False)
    here.web.trouble = FetchFailed("no route")
    with pytest.raises(KeysUnknown, match="not asked yet"):
        here.ask(good())
    here.fetch()
    with pytest.raises(KeysUnknown, match="no route"):
        here.ask(good())
    here.web.trouble = None
    later(here, RETRY_S)
    assert here.ask(good()) is not None


def test_it_is_asked_seldom() -> None:
    """Once in the time that the configuration says, in good times; and soon again in bad ones."""
    here = stand()
    before = len(here.web.asked)
    later(here, 10 * CONFIG.refresh_s)
    issuers, documents = 2, 2
    assert len(here.web.asked) - before == 10 * issuers * documents
    here.web.trouble = FetchFailed("no route")
    before = len(here.web.asked)
    later(here, CONFIG.refresh_s + HOUR_S)
    assert len(here.web.asked) - before == pytest.approx(issuers * HOUR_S / RETRY_S, rel=0.05)


def test_asking_wakes_the_loop() -> None:
    """An unknown key is looked for at once, at most once a minute; whoever names it meanwhile hears that it is looked for."""
    here = stand(fetched=False)
    source = here.sources[DISCOVERY]
    here.fetch()
    woken: list[int] = []
    source.wake = lambda: woken.append(1)
    assert source.ask() and source.ask() and woken == [1]
    here.fetch()
    assert not source.ask()
    here.clock.advance(ASK_GAP_S)
    assert source.ask() and woken == [1, 1]
    here.web.trouble = FetchFailed("no route")
    here.fetch()
    assert not source.ask()


def test_unchanged_keys_are_the_same_set() -> None:
    """What was verified need not be verified again because the same keys came again."""
    here = stand()
    found = here.ask(good())
    later(here, 3 * CONFIG.refresh_s)
    assert here.ask(good()) is found


BAD: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "another issuer": (lambda web: web[DISCOVERY].update(issuer="https://evil.test/"), "of another issuer"),
    "the issuer without its slash": (lambda web: web[DISCOVERY].update(issuer=ISSUER[:-1]), "of another issuer"),
    "no issuer": (lambda web: web[DISCOVERY].pop("issuer"), "has no issuer"),
    "no jwks_uri": (lambda web: web[DISCOVERY].pop("jwks_uri"), "has no jwks_uri"),
    "jwks_uri is no text": (lambda web: web[DISCOVERY].update(jwks_uri=[KEYS]), "has no jwks_uri"),
    "keys by http": (lambda web: web[DISCOVERY].update(jwks_uri="http://iam.test/jwks"), "write https"),
    "keys from a file": (lambda web: web[DISCOVERY].update(jwks_uri="file:///etc/passwd"), "write an address"),
    "keys by a login": (lambda web: web[DISCOVERY].update(jwks_uri="https://a:b@iam.test/jwks"), "write an address"),
    "a list": (lambda web: web.update({DISCOVERY: []}), "has no issuer"),
    "no keys": (lambda web: web[KEYS].update(keys=[]), "publishes no key"),
    "keys are no list": (lambda web: web[KEYS].update(keys={"a": 1}), "not a key set"),
    "keys are texts": (lambda web: web[KEYS].update(keys=["a"]), "not a key set"),
    "too many keys": (lambda web: web[KEYS].update(keys=[{}] * 101), "not a key set"),
    "only bad keys": (lambda web: web[KEYS].update(keys=[rsa_signer(1024).jwk()]), "has not 2048 to 8192 bits"),
    "not there": (lambda web: web.pop(KEYS), "HTTP status 404"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_documents(name: str) -> None:
    """They are not used, the reason is kept for the operator, and what was known before stays in force."""
    spoil, says = BAD[name]
    documents: dict[str, Any] = json.loads(json.dumps(jwks()))
    spoil(documents)
    assert says in stand(documents).sources[DISCOVERY].problem
    here = stand()
    here.web.documents = documents
    later(here, CONFIG.refresh_s)
    assert says in here.sources[DISCOVERY].problem
    assert here.ask(good()) is not None


@dataclass
class Web:
    """An HTTP server on loopback: status, headers and body by path. ``asked``: the paths so far."""

    answers: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    url: str = ""


def served(context: ssl.SSLContext | None = None) -> Iterator[Web]:
    """A running one."""
    web = Web()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            web.asked.append(self.path)
            status, headers, body = web.answers[self.path]
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *args: None  # type: ignore[method-assign]
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    web.url = f"http{'s' if context else ''}://localhost:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield web
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def web() -> Iterator[Web]:
    """Without TLS."""
    yield from served()


@pytest.fixture
def secure_web(pki: SandboxPki) -> Iterator[Web]:
    """With a certificate of the sandbox' authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki.host_certificate, pki.host_key)
    yield from served(context)


@ensureDeferred
async def test_fetching(web: Web) -> None:
    """The whole content of an address, and nothing else: no other status, no other address, nothing endless."""
    fetch = Fetcher(reactor, PLENTY_S, None).get
    web.answers = {"/good": (200, {}, b"x" * 100_000), "/moved": (302, {"Location": "/good"}, b""),
                   "/bad": (500, {}, b"x" * 10**6), "/long": (200, {}, b"x" * (ANSWER_LIMIT_BYTES + 1)),
                   "/cut": (200, {"Content-Length": "1000"}, b"x")}
    assert await fetch(f"{web.url}/good") == b"x" * 100_000
    for path, says in (("/moved", "HTTP status 302"), ("/bad", "HTTP status 500"), ("/long", "more than"), ("/cut", "reached")):
        with pytest.raises(FetchFailed, match=says):
            await fetch(web.url + path)
    assert web.asked == ["/good", "/moved", "/bad", "/long", "/cut"]


@ensureDeferred
async def test_nobody_there(web: Web) -> None:
    """Neither a closed port nor an unknown host is more than a failed fetch."""
    for address in ("http://127.0.0.1:1/x", "http://no-such-host.invalid/x"):
        with pytest.raises(FetchFailed, match="cannot be reached"):
            await Fetcher(reactor, PLENTY_S, None).get(address)


@ensureDeferred
async def test_tls(secure_web: Web, pki: SandboxPki) -> None:
    """An issuer is believed if an authority vouches for its name, and not otherwise."""
    secure_web.answers = {"/x": (200, {}, b"x")}
    assert await Fetcher(reactor, PLENTY_S, pki.ca_file).get(f"{secure_web.url}/x") == b"x"
    with pytest.raises(FetchFailed, match="cannot be reached"):
        await Fetcher(reactor, PLENTY_S, None).get(f"{secure_web.url}/x")
    with pytest.raises(FetchFailed, match="cannot be reached"):  # the certificate is for other names
        await Fetcher(reactor, PLENTY_S, pki.ca_file).get(f"{secure_web.url.replace('localhost', '127.0.0.2')}/x")
    assert secure_web.asked == ["/x"]


class Hole(Protocol):
    """Takes everything and says ``words`` only."""

    words = b""

    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(self.words)

    def connectionLost(self, reason: object = None) -> None:
        self.factory.lost.append(self)


@pytest.mark.parametrize("words", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nx"], ids=["silent", "stuck"])
@ensureDeferred
async def test_a_black_hole(words: bytes) -> None:
    """An issuer that takes the question and never answers is given up after a time, the connection too; no call waits for it."""
    factory: Any = Factory.forProtocol(type("Words", (Hole,), {"words": words}))
    factory.lost = []
    clock_reactor: Any = reactor
    port: IListeningPort = clock_reactor.listenTCP(0, factory, interface="127.0.0.1")
    address = f"http://127.0.0.1:{port.getHost().port}/jwks"  # type: ignore[attr-defined]
    here = stand()
    here.web.get = Fetcher(reactor, PATIENCE_S, None).get  # type: ignore[method-assign]
    with pytest.raises(FetchFailed, match="did not answer within 0.3 s"):
        await here.web.get(address)
    assert here.ask(good()) is not None  # at_once: it would fail if anything were waited for
    while not factory.lost:
        await deferLater(clock_reactor, 0)
    stopped = port.stopListening()
    if stopped is not None:
        await stopped


def test_other_keys_of_the_set_count() -> None:
    """Keys for other purposes beside the good ones are passed over."""
    odd: list[dict[str, Any]] = [{"kty": "OKP"}, {"kid": "x"}, {"kty": "RSA", "kid": 7}, {**ec_signer(5).jwk(), "use": "enc"}]
    assert stand({**jwks(), **published(ISSUER, [*odd, rsa_signer().jwk()])}).ask(good()) is not None
