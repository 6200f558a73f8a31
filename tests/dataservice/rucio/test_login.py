"""Who pandad is for Rucio."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.rucioweb import PASSWORD, Fault, RucioServer
from OpenSSL import SSL
from pytest_twisted import ensureDeferred
from rucioworlds import wait
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.internet.task import Clock
from zope.interface import implementer

from pandad.dataservice.ddm import DDMUnavailable
from pandad.dataservice.rucio.login import Keeper, Token
from pandad.dataservice.rucio.session import Call
from pandad.dataservice.rucio.trust import CredentialUnusable, authorities, shown
from pandad.dataservice.rucio.wire import NoAnswer
from pandad.embedded.pki import SandboxPki, make_sandbox_pki

from .conftest import REACTOR, Bench

ENDPOINT = Call("GET", "/rses/DISK", "an endpoint")


@ensureDeferred
async def test_one_login_for_many_calls(bench: Bench) -> None:
    """However many calls wait for the first token, it is asked for once."""
    session = bench.session()
    await gatherResults([Deferred.fromCoroutine(session.ask(ENDPOINT, dict)) for _ in range(20)])
    assert (bench.web.logins, bench.web.asked["GET /rses/DISK"]) == (1, 20)


@ensureDeferred
async def test_a_token_is_renewed_in_time(bench: Bench) -> None:
    """No call is ever made with a token that is about to run out."""
    bench.web.token_life_s = 1000.0
    session = bench.session()
    await session.ask(ENDPOINT, dict)
    bench.clock.advance(790)
    await session.ask(ENDPOINT, dict)
    assert bench.web.logins == 1
    bench.clock.advance(20)
    bench.web.revoke()
    await session.ask(ENDPOINT, dict)
    assert (bench.web.logins, bench.web.asked["GET /rses/DISK"]) == (2, 3)


@ensureDeferred
async def test_a_token_that_was_revoked(bench: Bench) -> None:
    """The next call gets another one, and nobody notices."""
    session = bench.session()
    await session.ask(ENDPOINT, dict)
    bench.web.revoke()
    assert (await session.ask(ENDPOINT, dict))["rse"] == "DISK"
    assert bench.web.logins == 2


@ensureDeferred
async def test_a_password_that_is_wrong(bench: Bench) -> None:
    """Jobs wait until somebody mends it: it is no reason to fail them. It is not told, and not tried again and again."""
    (bench.place / "password").write_text("swordfish")
    session = bench.session(break_after=3)
    for _ in range(10):
        with pytest.raises(DDMUnavailable) as refused:
            await session.ask(ENDPOINT, dict)
        assert "swordfish" not in str(refused.value)
    assert bench.web.logins == 3
    complaint = session.complaint()
    assert complaint is not None and "Rucio refuses the userpass of the account panda" in complaint
    (bench.place / "password").write_text(PASSWORD)
    bench.clock.advance(60)
    assert await session.ask(ENDPOINT, dict)


@pytest.mark.parametrize("content", [b"", b"two\nlines", b"\xff\xfe", "süß".encode()])
@ensureDeferred
async def test_a_password_file_with_something_else(bench: Bench, content: bytes) -> None:
    """It is named, and what it has is not told."""
    (bench.place / "password").write_bytes(content)
    with pytest.raises(DDMUnavailable, match=f"{bench.place}/password (should have one line|cannot be read)"):
        await bench.session().ask(ENDPOINT, dict)
    assert bench.web.logins == 0


@ensureDeferred
async def test_a_login_that_does_not_work_now(bench: Bench) -> None:
    """While the old token is good, nobody waits for a new one."""
    bench.web.token_life_s = 1000.0
    session = bench.session()
    await session.ask(ENDPOINT, dict)
    bench.web.faults = [Fault("html", "GET /auth", 99, 503)]
    bench.clock.advance(900)
    assert await session.ask(ENDPOINT, dict)
    bench.clock.advance(200)
    with pytest.raises(DDMUnavailable, match="no token, but HTTP status 503"):
        await session.ask(ENDPOINT, dict)


class Desk:
    """A source of tokens that fails as often as it is told to."""

    def __init__(self, failures: int) -> None:
        self.asked, self._failures = 0, failures
        self.gate: Deferred[None] = Deferred()

    async def fetch(self) -> Token:
        self.asked += 1
        await self.gate
        if self.asked <= self._failures:
            raise NoAnswer("closed")
        return Token(f"token {self.asked}", 100.0)


@ensureDeferred
async def test_waiting_together() -> None:
    """All who wait for a token get it, or its error; and one who gives up takes it from nobody."""
    desk = Desk(failures=1)
    keeper = Keeper(Clock(), desk)
    first, second = (Deferred.fromCoroutine(keeper.current()) for _ in range(2))
    desk.gate.callback(None)
    for waiting in (first, second):
        with pytest.raises(NoAnswer):
            await waiting
    desk.gate = Deferred()
    impatient, patient = (Deferred.fromCoroutine(keeper.current()) for _ in range(2))
    impatient.addErrback(lambda _: None).cancel()
    desk.gate.callback(None)
    assert (await patient).text == "token 2"
    assert desk.asked == 2


def jwt(exp: object) -> str:
    """A token as an OIDC provider makes it; nobody here looks at its signature."""
    parts = (base64.urlsafe_b64encode(json.dumps(part).encode()) for part in ({"alg": "RS256"}, {"exp": exp}))
    return ".".join([*(part.decode().rstrip("=") for part in parts), "c2lnbmF0dXJl"])


@ensureDeferred
async def test_a_token_in_a_file(bench: Bench) -> None:
    """It is sent as it is, and the file is read again before it runs out; no login is made."""
    path, first, second = bench.place / "token", jwt(bench.now_s + 100), jwt(bench.now_s + 5000)
    path.write_text(first + "\n")
    bench.web.tokens = {first, second}
    session = bench.session(auth_type="oidc", token_file=path)
    assert await session.ask(ENDPOINT, dict)
    path.write_text(second)
    bench.web.tokens = {second}
    bench.clock.advance(90)
    bench.now_s += 90
    assert await session.ask(ENDPOINT, dict)
    assert (bench.web.logins, bench.web.asked["GET /rses/DISK"]) == (0, 2)


@pytest.mark.parametrize(("content", "problem"), [
    ("", "should have one line"), ("secret", "claim exp"), ("a.b.c", "claim exp"), (jwt("soon"), "claim exp"),
    (jwt(None), "claim exp"), (jwt(1.0), "ran out .* ago; what keeps it fresh?")])
@ensureDeferred
async def test_a_token_file_that_is_of_no_use(bench: Bench, content: str, problem: str) -> None:
    """What is wrong with it is told, and not what it has."""
    (bench.place / "token").write_text(content)
    with pytest.raises(DDMUnavailable, match=problem) as refused:
        await bench.session(auth_type="oidc", token_file=bench.place / "token").ask(ENDPOINT, dict)
    assert not content or content not in str(refused.value)


@implementer(IOpenSSLServerConnectionCreator)
class Showing:
    """A server that wants to see a certificate, and looks at it later."""

    def __init__(self, pki: SandboxPki) -> None:
        self.context = SSL.Context(SSL.TLS_SERVER_METHOD)
        self.context.use_certificate_chain_file(str(pki.host_certificate))
        self.context.use_privatekey_file(str(pki.host_key))
        self.context.set_verify(SSL.VERIFY_PEER, lambda *_: True)

    def serverConnectionForTLS(self, tlsProtocol: object) -> SSL.Connection:
        return SSL.Connection(self.context, None)


@pytest.fixture
def secure(pki: SandboxPki) -> Iterator[RucioServer]:
    """A Rucio with https."""
    server = RucioServer(REACTOR, "DISK", tls=Showing(pki))
    yield server
    wait(server.stop())


@ensureDeferred
async def test_a_proxy(bench: Bench, secure: RucioServer, pki: SandboxPki) -> None:
    """It is shown when a token is asked for, with its chain, and only then; a renewed one counts from the next token on."""
    proxy = bench.place / "proxy"
    proxy.write_bytes((pki.directory / "alice.proxy").read_bytes())
    session = bench.session(url=secure.url, ca=pki.ca_directory, auth_type="x509_proxy", proxy_file=proxy)
    assert await session.ask(ENDPOINT, dict)
    proxy.write_bytes((pki.directory / "prod.proxy").read_bytes())
    secure.web.revoke()
    assert await session.ask(ENDPOINT, dict)
    assert ["Alice Example" in dn for dn in secure.web.dns] == [True, False]
    assert secure.web.asked["GET /auth/x509_proxy"] == 2


@ensureDeferred
async def test_a_server_that_nobody_vouches_for(bench: Bench, secure: RucioServer, tmp_path: Path) -> None:
    """Nothing is sent to a server whose authority is not believed, nor to one that has another name."""
    for ca in (make_sandbox_pki(tmp_path / "other").ca_file, None):
        with pytest.raises(DDMUnavailable, match=r"TLS failed \(.*certificate verify failed"):
            await bench.session(url=secure.url, ca=ca, tries=1).ask(ENDPOINT, dict)
    assert secure.web.logins == 0


def test_files_that_hold_no_certificate(tmp_path: Path, pki: SandboxPki) -> None:
    """They are named; a key that is another one's is seen."""
    alice, bob = (pki.directory / f"{name}.cred" for name in ("alice", "bob"))
    assert shown(alice)["certificate"]
    mixed, empty = tmp_path / "mixed", tmp_path / "empty"
    (certificate, _), (_, key) = (re.split(rb"(?=-----BEGIN [A-Z ]*PRIVATE)", path.read_bytes()) for path in (alice, bob))
    mixed.write_bytes(certificate + key)
    empty.write_text("")
    for path in (mixed, empty, tmp_path / "none"):
        with pytest.raises(CredentialUnusable, match=str(path)):
            shown(path)
    for path in (empty, tmp_path / "none", tmp_path):
        with pytest.raises(CredentialUnusable, match=str(path)):
            authorities(path)
