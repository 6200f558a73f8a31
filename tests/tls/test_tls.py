"""TLS over real sockets: who gets through the handshake, and as whom."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.threads import deferToThread
from twisted.web.resource import Resource
from twisted.web.server import Site

from pandad.api.port import listen
from pandad.api.x509.tls import GridContextFactory, GridFiles, PeerRefused, TlsConfigError, peer_chain
from pandad.embedded.pki import SANDBOX_CA, SANDBOX_USERS, Authority, SandboxPki, make_sandbox_pki, name_of
from pandad.embedded.proxies import INDEPENDENT, LIMITED, Credential, key_usage, make_proxy, new_rsa_key, pem_of, write_private

NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)
SOCKET_TIMEOUT_S = 30
ALICE, BOB = SANDBOX_USERS["alice"], SANDBOX_USERS["bob"]


class WhoAmI(Resource):
    isLeaf = True

    def render_GET(self, request: Any) -> bytes:
        try:
            peer = peer_chain(request.transport.getHandle())
        except PeerRefused as refusal:
            return json.dumps({"refused": refusal.reason, "says": str(refusal)}).encode()
        if peer is None:
            return b"null"
        answer = vars(peer) | {"not_after": peer.not_after.isoformat()}
        return json.dumps({name: value for name, value in answer.items() if name not in ("end_entity", "attributes")}).encode()


@dataclass
class Server:
    """A server for `pki`, and what it says to a client that shows `credential`."""

    pki: SandboxPki
    tls: GridContextFactory
    port: int
    scratch: Path

    async def sees(self, credential: Credential | None, adapt: Callable[[ssl.SSLContext], Any] = id) -> Any:
        return await deferToThread(self._ask, credential, adapt)

    async def refuses(self, credential: Credential) -> str:
        """The alert sent; under TLS 1.3 it reaches the client with its first read."""
        with pytest.raises(ssl.SSLError) as alert:
            await self.sees(credential)
        return str(alert.value.reason)

    def _ask(self, credential: Credential | None, adapt: Callable[[ssl.SSLContext], Any]) -> Any:
        context = self.client_context(credential)
        adapt(context)
        return get(self.port, context)

    def client_context(self, credential: Credential | None) -> ssl.SSLContext:
        context = ssl.create_default_context(capath=str(self.pki.ca_directory))
        if credential is not None:
            credential.write(self.scratch / "shown.pem")
            context.load_cert_chain(self.scratch / "shown.pem")
        return context


def get(port: int, context: ssl.SSLContext) -> Any:
    connection = HTTPSConnection("localhost", port, context=context, timeout=SOCKET_TIMEOUT_S)
    try:
        connection.request("GET", "/")
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


@contextmanager
def serve(pki: SandboxPki, scratch: Path, **options: bool) -> Iterator[Server]:
    tls = GridContextFactory(GridFiles(pki.host_certificate, pki.host_key, pki.ca_directory), **options)
    port = listen(reactor, 0, Site(WhoAmI()), "127.0.0.1", tls)
    yield Server(pki, tls, port.getHost().port, scratch)
    port.stopListening()


@pytest.fixture
def server(pki: SandboxPki, tmp_path: Path) -> Iterator[Server]:
    with serve(pki, tmp_path) as server:
        yield server


@pytest.fixture
def own_pki(tmp_path: Path) -> SandboxPki:
    """An authority of its own, for tests that revoke or replace files."""
    return make_sandbox_pki(tmp_path / "pki")


@pytest.fixture
def own_server(own_pki: SandboxPki, tmp_path: Path) -> Iterator[Server]:
    with serve(own_pki, tmp_path) as server:
        yield server


@ensureDeferred
async def test_no_certificate(server: Server) -> None:
    """Without a certificate one is let in as nobody."""
    assert await server.sees(None) is None


@ensureDeferred
async def test_plain_certificate(server: Server) -> None:
    """A user's certificate names the user, numeric CN included, and the root that vouches for the name."""
    alice = server.pki.users["alice"]
    assert await server.sees(alice) == {
        "dn": ALICE,
        "anchor": SANDBOX_CA,
        "limited": False,
        "proxy_depth": 0,
        "not_after": alice.certificate.not_valid_after_utc.isoformat(),
    }


@pytest.mark.parametrize("depth", [1, 2, 5])
@ensureDeferred
async def test_proxies_of_any_depth(server: Server, depth: int) -> None:
    """A proxy, and a proxy's proxy, stand for the user; they end with the first of the chain to end."""
    shown = server.pki.users["alice"]
    for level in range(depth):
        shown = make_proxy(shown, NOW, lifetime=HOUR * (depth - level))
    seen = await server.sees(shown)
    assert (seen["dn"], seen["proxy_depth"], seen["limited"]) == (ALICE, depth, False)
    assert seen["not_after"] == shown.certificate.not_valid_after_utc.isoformat()


@ensureDeferred
async def test_limited_proxy(server: Server) -> None:
    """A limited proxy is told from others, also when a proxy signed by it does not say so itself."""
    limited = make_proxy(server.pki.users["alice"], NOW, policy=LIMITED)
    assert (await server.sees(limited))["limited"]
    assert (await server.sees(make_proxy(limited, NOW)))["limited"]


@pytest.mark.parametrize(("policy", "why"), [(INDEPENDENT, "independent_proxy"), ("1.2.3.4.5", "policy_language")])
@ensureDeferred
async def test_proxies_without_full_rights(server: Server, policy: str, why: str) -> None:
    """A proxy that does not carry its user's rights, or restricts them in an unknown way, is nobody's, and
    says why; so is a proxy made with it."""
    shown = make_proxy(server.pki.users["alice"], NOW, policy=policy)
    assert (await server.sees(shown))["refused"] == why
    assert (await server.sees(make_proxy(shown, NOW)))["refused"] == why


@ensureDeferred
async def test_legacy_proxy(server: Server) -> None:
    """A proxy of Globus 2, told by its CN alone, is nobody's, and says why; so is one mixed with others."""
    old = make_proxy(server.pki.users["alice"], NOW, policy=None)
    assert (await server.sees(old))["refused"] == "old_style_proxy"
    assert (await server.sees(make_proxy(old, NOW, policy=None)))["refused"] == "old_style_proxy"
    assert (await server.sees(make_proxy(old, NOW)))["refused"] == "mixed_proxies"
    new = make_proxy(server.pki.users["alice"], NOW)
    assert (await server.sees(make_proxy(new, NOW, policy=None)))["refused"] == "mixed_proxies"


@ensureDeferred
async def test_expired(server: Server) -> None:
    """Neither an expired certificate nor an expired proxy gets through the handshake."""
    expired = server.pki.authority.issue_user(ALICE, NOW, lifetime=-HOUR)
    assert "EXPIRED" in await server.refuses(expired)
    assert "EXPIRED" in await server.refuses(make_proxy(server.pki.users["alice"], NOW, lifetime=-HOUR))


@ensureDeferred
async def test_unknown_authority(server: Server) -> None:
    """The right name under an authority that is not in the directory gets nobody in, even one of the same
    name."""
    for name in ("/DC=org/DC=elsewhere/CN=Another CA", SANDBOX_CA):
        stranger = Authority.create(name, NOW).issue_user(ALICE, NOW)
        await server.refuses(stranger)
        await server.refuses(make_proxy(stranger, NOW))


@ensureDeferred
async def test_forged_subject(server: Server) -> None:
    """A proxy whose name is not its signer's plus one CN is refused: bob cannot make himself a proxy of
    alice's."""
    forged = make_proxy(server.pki.users["bob"], NOW, subject=name_of(f"{ALICE}/CN=1"))
    await server.refuses(forged)


@ensureDeferred
async def test_user_signs_user(server: Server) -> None:
    """A user's certificate is no authority: what it signs is only good as a proxy."""
    bob = server.pki.users["bob"]
    forged = Authority(bob.key, bob.certificate).issue_user(ALICE, NOW)
    await server.refuses(Credential(forged.key, forged.certificate, (bob.certificate,)))


@ensureDeferred
async def test_too_many_proxies(server: Server) -> None:
    """A proxy that allows no further ones has no valid proxies."""
    last = make_proxy(server.pki.users["alice"], NOW, further_proxies=0)
    assert (await server.sees(last))["proxy_depth"] == 1
    await server.refuses(make_proxy(last, NOW))


@ensureDeferred
async def test_name_outside_the_signing_policy(server: Server) -> None:
    """An authority cannot vouch for a name that its signing policy does not grant it."""
    await server.refuses(server.pki.authority.issue_user("/DC=com/DC=elsewhere/CN=mallory", NOW))


@ensureDeferred
async def test_signing_policy_without_a_crl(own_server: Server) -> None:
    """That an authority has no CRL does not let it sign any name."""
    pki = own_server.pki
    for crl in pki.ca_directory.glob("*.r0"):
        crl.unlink()
    own_server.tls.reload()
    mallory = pki.authority.issue_user("/DC=com/DC=elsewhere/CN=mallory", NOW)
    await own_server.refuses(mallory)
    await own_server.refuses(make_proxy(mallory, NOW))
    assert (await own_server.sees(make_proxy(pki.users["alice"], NOW)))["dn"] == ALICE


@ensureDeferred
async def test_known_certificates_are_nobodys_own(server: Server) -> None:
    """What is remembered of a certificate is not who shows it: whoever comes next is who he is."""
    alice, bob = (server.pki.users[name] for name in ("alice", "bob"))
    proxies = make_proxy(alice, NOW), make_proxy(bob, NOW)
    for _ in range(2):
        assert [(await server.sees(shown))["dn"] for shown in (*proxies, alice, bob)] == [ALICE, BOB, ALICE, BOB]
        assert await server.sees(None) is None


@ensureDeferred
async def test_reload_brings_revocations(own_server: Server) -> None:
    """After a reload a revoked user is refused, with his own certificate and with a proxy; others are not."""
    pki = own_server.pki
    alice, bob = pki.users["alice"], pki.users["bob"]
    assert (await own_server.sees(alice))["dn"] == ALICE
    crl = pki.authority.revocation_list(NOW, [alice.certificate])
    pki.authority.install_revocations(pki.ca_directory, crl)
    own_server.tls.reload()
    assert "REVOKED" in await own_server.refuses(alice)
    assert "REVOKED" in await own_server.refuses(make_proxy(alice, NOW))
    assert (await own_server.sees(make_proxy(bob, NOW)))["proxy_depth"] == 1


@ensureDeferred
async def test_connections_outlive_a_reload(own_server: Server) -> None:
    """A connection that is open stays, as whom it was, whatever a reload brings; the next one gets the new certificate."""
    pki = own_server.pki
    alice = pki.users["alice"]
    context = own_server.client_context(make_proxy(alice, NOW))
    held = HTTPSConnection("localhost", own_server.port, context=context, timeout=SOCKET_TIMEOUT_S)
    assert await deferToThread(ask, held) == ALICE
    before = held.sock.getpeercert(True)
    host = pki.authority.issue_host(["localhost"], NOW)
    write_private(pki.host_key, pem_of(host.key))
    write_private(pki.host_certificate, pem_of(host.certificate))
    pki.authority.install_revocations(pki.ca_directory, pki.authority.revocation_list(NOW, [alice.certificate]))
    own_server.tls.reload()
    assert await deferToThread(ask, held) == ALICE
    assert held.sock.getpeercert(True) == before
    held.close()
    assert "REVOKED" in await own_server.refuses(make_proxy(alice, NOW))
    assert await deferToThread(host_certificate, own_server) == host.certificate.public_bytes(serialization.Encoding.DER)


def ask(connection: HTTPSConnection) -> Any:
    """Who the server says is at this end."""
    connection.request("GET", "/")
    return json.loads(connection.getresponse().read())["dn"]


def host_certificate(server: Server) -> bytes | None:
    with (
        socket.create_connection(("127.0.0.1", server.port), timeout=SOCKET_TIMEOUT_S) as plain,
        server.client_context(None).wrap_socket(plain, server_hostname="localhost") as secured,
    ):
        return secured.getpeercert(True)


@ensureDeferred
async def test_expired_crl(own_server: Server) -> None:
    """An expired CRL keeps the users of its authority out: nobody knows whom it would name by now."""
    pki = own_server.pki
    pki.authority.install_revocations(pki.ca_directory, pki.authority.revocation_list(NOW, lifetime=-HOUR))
    own_server.tls.reload()
    await own_server.refuses(pki.users["alice"])


@ensureDeferred
async def test_expired_crl_accepted_if_asked(own_pki: SandboxPki, tmp_path: Path) -> None:
    """Asked to accept expired CRLs, the server still heeds what they say."""
    alice, bob = own_pki.users["alice"], own_pki.users["bob"]
    crl = own_pki.authority.revocation_list(NOW, [bob.certificate], lifetime=-HOUR)
    own_pki.authority.install_revocations(own_pki.ca_directory, crl)
    with serve(own_pki, tmp_path, accept_expired_crl=True) as lenient:
        assert (await lenient.sees(alice))["dn"] == ALICE
        assert "REVOKED" in await lenient.refuses(bob)


@ensureDeferred
async def test_no_crl(own_server: Server) -> None:
    """An authority without a CRL is no obstacle."""
    for crl in own_server.pki.ca_directory.glob("*.r0"):
        crl.unlink()
    own_server.tls.reload()
    assert (await own_server.sees(own_server.pki.users["alice"]))["dn"] == ALICE


@ensureDeferred
async def test_old_protocols(server: Server) -> None:
    """TLS 1.1 is answered with an alert, TLS 1.2 is spoken."""

    def only(version: ssl.TLSVersion) -> Callable[[ssl.SSLContext], None]:
        def adapt(context: ssl.SSLContext) -> None:
            context.set_ciphers("DEFAULT@SECLEVEL=0")
            context.minimum_version = context.maximum_version = version

        return adapt

    alice = server.pki.users["alice"]
    assert (await server.sees(alice, only(ssl.TLSVersion.TLSv1_2)))["dn"] == ALICE
    with pytest.warns(DeprecationWarning), pytest.raises(ssl.SSLError, match="(?i)alert protocol version"):
        await server.sees(alice, only(ssl.TLSVersion.TLSv1_1))


@pytest.mark.parametrize(("ciphers", "good"), [
    ("ECDHE+AESGCM", True), ("ECDHE+CHACHA20", True), ("AES256-SHA", False), ("ECDHE-ECDSA-AES128-SHA256", False),
    ("AESGCM:!ECDHE:!DHE", False)])
@ensureDeferred
async def test_ciphers(server: Server, ciphers: str, good: bool) -> None:
    """TLS 1.2 is spoken with ciphers that authenticate and whose keys are gone afterwards; with others it is refused."""

    def adapt(context: ssl.SSLContext) -> None:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(ciphers)

    if good:
        assert (await server.sees(server.pki.users["alice"], adapt))["dn"] == ALICE
    else:
        with pytest.raises(ssl.SSLError, match="(?i)handshake.failure"):
            await server.sees(server.pki.users["alice"], adapt)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@ensureDeferred
async def test_another_session(server: Server, version: ssl.TLSVersion) -> None:
    """Who offers a session in which somebody else was known is who he shows that he is."""
    contexts = [server.client_context(make_proxy(server.pki.users[name], NOW)) for name in ("alice", "bob")]
    for context in contexts:
        context.minimum_version = context.maximum_version = version
    assert await deferToThread(in_one_session, server.port, contexts) == [ALICE, BOB]


def in_one_session(port: int, contexts: list[ssl.SSLContext]) -> list[str]:
    """The first one's session is offered by the second. Python lets a session go with its context only: so one goes for both."""
    context, seen = contexts[0], []
    session: ssl.SSLSession | None = None
    for each in contexts:
        with socket.create_connection(("127.0.0.1", port), timeout=SOCKET_TIMEOUT_S) as plain:
            secured = context.wrap_socket(plain, server_hostname="localhost", session=session, do_handshake_on_connect=False)
            with secured:
                secured.context = each  # its certificate and key, for this connection
                secured.do_handshake()
                secured.sendall(b"GET / HTTP/1.0\r\n\r\n")
                answer = b"".join(iter(lambda: secured.recv(4096), b""))  # noqa: B023 - called at once
                seen.append(json.loads(answer.split(b"\r\n\r\n")[1])["dn"])
                session = secured.session
                assert not secured.session_reused
    return seen


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@ensureDeferred
async def test_no_resumption(server: Server, version: ssl.TLSVersion) -> None:
    """A session cannot be resumed: each connection shows its whole chain and has its CRLs checked."""
    context = server.client_context(make_proxy(server.pki.users["alice"], NOW))
    context.minimum_version = context.maximum_version = version
    assert not await deferToThread(resumes, server.port, context)


def resumes(port: int, context: ssl.SSLContext) -> bool:
    """Whether the second connection could go on with the session of the first."""
    session: ssl.SSLSession | None = None
    for _ in range(2):
        with (
            socket.create_connection(("127.0.0.1", port), timeout=SOCKET_TIMEOUT_S) as plain,
            context.wrap_socket(plain, server_hostname="localhost", session=session) as secured,
        ):
            secured.sendall(b"GET / HTTP/1.0\r\n\r\n")
            answer = b"".join(iter(lambda: secured.recv(4096), b""))
            assert ALICE.encode() in answer
            session, reused = secured.session, bool(secured.session_reused)
    return reused


def subordinate(root: Authority) -> Authority:
    """An authority that `root` vouches for."""
    key = new_rsa_key()
    certificate = (
        x509.CertificateBuilder(root.certificate.subject, name_of("/DC=org/DC=pandad/CN=Hosts CA"), key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - HOUR)
        .not_valid_after(NOW + HOUR)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(key_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root.key.public_key()), critical=False)
        .sign(root.key, hashes.SHA256())
    )
    return Authority(key, certificate)


@pytest.mark.parametrize("in_the_file", [False, True])
@ensureDeferred
async def test_host_certificate_of_a_subordinate_authority(own_server: Server, in_the_file: bool) -> None:
    """A client that knows only the root gets what leads to it, whether it stands in the file or only in the directory."""
    pki, hosts = own_server.pki, subordinate(own_server.pki.authority)
    host = hosts.issue_host(["localhost"], NOW)
    write_private(pki.host_key, pem_of(host.key))
    write_private(pki.host_certificate, pem_of(host.certificate) + pem_of(hosts.certificate) * in_the_file)
    if not in_the_file:
        hosts.install(pki.ca_directory)
    own_server.tls.reload()
    context = ssl.create_default_context(cafile=str(pki.ca_file))
    assert await deferToThread(get, own_server.port, context) is None


def broken_key(pki: SandboxPki) -> Path:
    pki.host_key.write_bytes(pem_of(pki.users["bob"].key))
    return pki.host_key


def missing_key(pki: SandboxPki) -> Path:
    pki.host_key.unlink()
    return pki.host_key


def missing_certificate(pki: SandboxPki) -> Path:
    pki.host_certificate.unlink()
    return pki.host_certificate


def garbled_certificate(pki: SandboxPki) -> Path:
    pki.host_certificate.write_text("-----BEGIN NOTHING-----")
    return pki.host_certificate


def expired_certificate(pki: SandboxPki) -> Path:
    expired = pki.authority.issue_host(["localhost"], NOW, lifetime=-HOUR)
    expired.write(pki.host_certificate)
    return pki.host_certificate


def unreadable_policy(pki: SandboxPki) -> Path:
    policy = pki.ca_directory / "00000000.signing_policy"
    policy.symlink_to("nowhere")
    return policy


def empty_directory(pki: SandboxPki) -> Path:
    for file in pki.ca_directory.iterdir():
        file.unlink()
    return pki.ca_directory


def missing_directory(pki: SandboxPki) -> Path:
    pki.ca_directory.rename(pki.directory / "moved")
    return pki.ca_directory


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (broken_key, "is not the key of"),
        (missing_key, "cannot be read"),
        (missing_certificate, "cannot be read"),
        (garbled_certificate, "no certificate"),
        (expired_certificate, "expired on"),
        (unreadable_policy, "cannot be read"),
        (empty_directory, "holds no authority"),
        (missing_directory, "is not a directory"),
    ],
)
@ensureDeferred
async def test_bad_configuration(
    own_server: Server, damage: Callable[[SandboxPki], Path], problem: str
) -> None:
    """A file that keeps TLS from working is named with what is wrong; a failed reload leaves the server as it
    was."""
    culprit = damage(own_server.pki)
    with pytest.raises(TlsConfigError, match=problem) as error:
        own_server.tls.reload()
    assert error.value.path == culprit
    unchecked = ssl._create_unverified_context()
    assert await deferToThread(get, own_server.port, unchecked) is None
