"""Certificates to order, good and bad, and a server in memory that they are shown to."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from OpenSSL import SSL, crypto
from twisted.internet.testing import StringTransport

from pandad.api.x509.gridcert import PROXY_CERT_INFO, PeerIdentity
from pandad.api.x509.refusal import PeerRefused, Refusal
from pandad.api.x509.tls import GridContextFactory, GridFiles, peer_chain
from pandad.embedded.pki import Authority, name_of
from pandad.embedded.proxies import INHERIT_ALL, PrivateKey, key_usage, pem_of, write_private

NOW = datetime.now(UTC).replace(microsecond=0)
HOUR = timedelta(hours=1)
YEAR = timedelta(days=365)
BASE = "/DC=org/DC=pandad"
ALICE = f"{BASE}/OU=Users/CN=alice/CN=12345/CN=Alice Example"

Extensions = Sequence[tuple[x509.ExtensionType, bool]]


@cache
def key(number: int) -> ec.EllipticCurvePrivateKey:
    """The same for the same number."""
    return ec.generate_private_key(ec.SECP256R1())


@dataclass(frozen=True, kw_only=True)
class Order:
    """A certificate to be made. ``signer_key``, ``issuer``: what it says of its signer, if that is not true."""

    subject: x509.Name
    key: PrivateKey
    extensions: Extensions = ()
    not_before: datetime = NOW - HOUR
    not_after: datetime = NOW + YEAR
    serial: int | None = None
    issuer: x509.Name | None = None
    signer_key: PrivateKey | None = None

    def signed_by(self, signer: Link | None) -> Link:
        """Made; None: by itself."""
        issuer = self.issuer or (signer.certificate.subject if signer else self.subject)
        builder = x509.CertificateBuilder(
            issuer, self.subject, self.key.public_key(), self.serial or x509.random_serial_number(),
            self.not_before, self.not_after)
        for extension, critical in self.extensions:
            builder = builder.add_extension(extension, critical)
        signing = self.signer_key or (signer.key if signer else self.key)
        return Link(self.key, builder.sign(signing, hashes.SHA256()))


@dataclass(frozen=True)
class Link:
    """A certificate with its key."""

    key: PrivateKey
    certificate: x509.Certificate

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)


def authority(dn: str, number: int, path_length: int | None = None, **but: Any) -> Order:
    """Of a certificate authority."""
    return Order(**{
        "subject": name_of(dn), "key": key(number),
        "extensions": [(x509.BasicConstraints(True, path_length), True), (key_usage(key_cert_sign=True, crl_sign=True), True)],
        **but})


def user(dn: str = ALICE, number: int = 10, **but: Any) -> Order:
    """Of an end entity."""
    return Order(**{
        "subject": name_of(dn), "key": key(number),
        "extensions": [
            (x509.BasicConstraints(False, None), True), (key_usage(digital_signature=True, key_encipherment=True), True),
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False)],
        **but})


def proxy(signer: Link, number: int = 20, policy: str | None = INHERIT_ALL, path_length: int | None = None, **but: Any) -> Order:
    """Of a proxy; with policy None, one of Globus 2."""
    last = "proxy" if policy is None else "1234567"
    usage = (key_usage(digital_signature=True, key_encipherment=True), True)
    info = [] if policy is None else [(proxy_info(policy, path_length), True)]
    return Order(**{
        "subject": x509.Name([*signer.certificate.subject.rdns, *name_of(f"/CN={last}").rdns]), "key": key(number),
        "not_after": NOW + 12 * HOUR, "extensions": [usage, *info], **but})


def proxy_info(policy: str, path_length: int | None = None) -> x509.UnrecognizedExtension:
    """The extension that makes a proxy."""
    language = x509.ObjectIdentifier(policy)
    # cryptography encodes object identifiers only inside something else.
    encoded = x509.ExtendedKeyUsage([language]).public_bytes()
    allowed = b"" if path_length is None else b"\x02\x01" + bytes([path_length])
    return x509.UnrecognizedExtension(PROXY_CERT_INFO, b"\x30" + bytes([len(allowed) + len(encoded)]) + allowed + encoded)


@dataclass
class World:
    """A root, an authority below it, and a server that trusts the root. Changes of files need `reload`."""

    directory: Path
    root: Link
    middle: Link
    tls: GridContextFactory

    @classmethod
    def make(cls, directory: Path, root: Order | None = None, middle: Order | None = None, **options: Any) -> World:
        """Below that directory; with lists of revoked certificates, and a signing policy for the root."""
        top = (root or authority(f"{BASE}/CN=Chains root", 1)).signed_by(None)
        below = (middle or authority(f"{BASE}/CN=Chains CA", 2)).signed_by(top)
        host = user(f"{BASE}/OU=Hosts/CN=localhost", 3).signed_by(top)
        files = GridFiles(directory / "hostcert.pem", directory / "hostkey.pem", directory / "certificates")
        write_private(files.certificate, pem_of(host.certificate))
        write_private(files.key, pem_of(host.key))
        for link in (top, below):
            Authority(link.key, link.certificate).install(files.ca_directory, signs=f"{BASE}/*")
        for name in Authority(below.key, below.certificate).hashes():
            (files.ca_directory / f"{name}.0").unlink()  # clients bring it
        world = cls(directory, top, below, None)  # type: ignore[arg-type]
        for link in (top, below):
            world.revoke(link)
        world.tls = GridContextFactory(files, **options)
        return world

    def revoke(self, by: Link, *revoked: Link, lifetime: timedelta = YEAR, signer: PrivateKey | None = None, **but: Any) -> None:
        """Install a new list of that authority."""
        issuing = Authority(signer or by.key, by.certificate)
        crl = issuing.revocation_list(but.get("now", NOW), [link.certificate for link in revoked], lifetime)
        issuing.install_revocations(self.directory / "certificates", crl)

    def show(self, chain: Sequence[Link]) -> Shown:
        """What the server makes of a client with this chain, leaf first; the first has its key."""
        return self.show_der([link.der for link in chain], chain[0].key)

    def show_der(self, chain: Sequence[bytes], private: PrivateKey) -> Shown:
        """The same with certificates as they are.

        :raise NotShowable: OpenSSL does not even take it on the client's side.
        """
        client = _client(chain, private)
        protocol: Any = type("Protocol", (), {"transport": StringTransport()})()
        server: Any = self.tls.serverConnectionForTLS(protocol)
        server.set_accept_state()
        _shake(client, server)
        if server.refusal is not None:
            return Shown(refusal=server.refusal)
        try:
            return Shown(peer=peer_chain(server))
        except PeerRefused as refused:
            return Shown(refusal=refused.reason)

    def openssl_accepts(self, chain: Sequence[bytes]) -> bool:
        """OpenSSL's own verdict, by other ways than the handshake's."""
        store = crypto.X509Store()
        store.load_locations(None, str(self.directory / "certificates"))
        flags = crypto.X509StoreFlags
        store.set_flags(flags.ALLOW_PROXY_CERTS | flags.CRL_CHECK | flags.CRL_CHECK_ALL)
        # A proxy's signer has no list of what it revoked; those of the authorities are looked at from the end entity on.
        loaded = [crypto.load_certificate(crypto.FILETYPE_ASN1, der) for der in chain]
        plain = crypto.X509Store()
        plain.load_locations(None, str(self.directory / "certificates"))
        plain.set_flags(flags.ALLOW_PROXY_CERTS)
        depth = next((n for n, link in enumerate(loaded) if not _has_proxy_info(link)), 0)
        return _accepts(plain, loaded) and _accepts(store, loaded[depth:])


class NotShowable(Exception):
    """OpenSSL refuses to load it."""


@dataclass(frozen=True)
class Shown:
    """Whom a server takes somebody for, or why not."""

    peer: PeerIdentity | None = None
    refusal: Refusal | None = None


def changed(order: Order, *, without: Sequence[type[x509.ExtensionType]] = (), extra: Extensions = (), **but: Any) -> Order:
    """The order with other extensions."""
    kept = [(e, critical) for e, critical in order.extensions if not isinstance(e, tuple(without))]
    return replace(order, extensions=[*kept, *extra], **but)


def _has_proxy_info(link: crypto.X509) -> bool:
    try:
        link.to_cryptography().extensions.get_extension_for_oid(PROXY_CERT_INFO)
    except (x509.ExtensionNotFound, ValueError, x509.DuplicateExtension):
        return False
    return True


def _accepts(store: crypto.X509Store, chain: Sequence[crypto.X509]) -> bool:
    try:
        crypto.X509StoreContext(store, chain[0], chain=list(chain[1:])).verify_certificate()
    except crypto.X509StoreContextError:
        return False
    return True


def _client(chain: Sequence[bytes], private: PrivateKey) -> SSL.Connection:
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_cipher_list(b"ALL@SECLEVEL=0")  # the server is to find what is weak
    try:
        links = [crypto.load_certificate(crypto.FILETYPE_ASN1, der) for der in chain]
        context.use_certificate(links[0])
        context.use_privatekey(private)
        context.check_privatekey()
        for link in links[1:]:
            context.add_extra_chain_cert(link)
    except (crypto.Error, SSL.Error) as error:
        raise NotShowable from error
    connection = SSL.Connection(context, None)
    connection.set_connect_state()
    return connection


def _shake(client: SSL.Connection, server: SSL.Connection) -> None:
    for _ in range(3):
        for here, there in ((client, server), (server, client)):
            try:
                here.do_handshake()
            except SSL.WantReadError:
                pass
            except SSL.Error:
                return
            with suppress(SSL.WantReadError):
                there.bio_write(here.bio_read(1 << 20))
