"""TLS as the grid speaks it: a client may show a certificate or an RFC 3820 proxy of any depth, and need not
show any.

Who is let through the handshake (handshake.py):

* nobody who shows a certificate that is expired, not yet valid, forged, or of an authority not in the CA
  directory;
* nobody whose certificate, or whose proxy's certificate, is revoked. Authorities without a CRL are tolerated;
  an *expired* CRL is not, unless asked for: then revocations reach us late, but a CRL fetcher that died does
  not lock everybody out;
* nobody with a name that his authority may not sign (signingpolicy.py), nor with a proxy of Globus 2, unless asked for;
* everybody without a certificate. What he may do then is not decided here.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from OpenSSL import SSL, crypto
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import implementer

from pandad.api.x509.gridcert import PeerIdentity
from pandad.api.x509.handshake import GridConnection, Rules, peer_chain, verifier
from pandad.api.x509.refusal import PeerRefused
from pandad.api.x509.revocation import Trust
from pandad.api.x509.signingpolicy import read_policies
from pandad.api.x509.voms import Voms, VomsAttributes
from pandad.api.x509.vomsdir import read_vomsdir

__all__ = ["GridContextFactory", "GridFiles", "PeerIdentity", "PeerRefused", "TlsConfigError", "peer_chain"]

NO_AUTO_CHAIN = 0x8
"""SSL_MODE_NO_AUTO_CHAIN (OpenSSL: ssl.h). Without it, a server whose file holds no chain looks for one, and verifies it, in
each handshake."""
DEEPEST_CHAIN = 20
"""Certificates; each delegation of a proxy adds one."""
CIPHERS = b"ECDHE+AESGCM:ECDHE+CHACHA20"
"""Of TLS 1.2: forward secrecy, and encryption that authenticates. Those of TLS 1.3 are all so."""

HOST_KEY_KINDS = (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey, ed25519.Ed25519PrivateKey)
HostKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


class TlsConfigError(Exception):
    """`path` keeps the server from speaking TLS; `problem` says why and reads on after the path."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path
        self.problem = problem


@dataclass(frozen=True, slots=True)
class GridFiles:
    """Where everything is that TLS needs.

    :param certificate: of this host, PEM, may be followed by its chain. :param key: PEM, not encrypted.
    :param ca_directory: ``<hash>.0``, ``<hash>.r0``, ``*.signing_policy``. :param vomsdir: see vomsdir.py; None: no VO is known.
    """

    certificate: Path
    key: Path
    ca_directory: Path
    vomsdir: Path | None = None


@implementer(IOpenSSLServerConnectionCreator)
class GridContextFactory:
    """Server side connections for a host, trusting the authorities of a folder; and what VOMS says of who comes over them.

    :param accept_old_style: see gridcert.identify.
    :raise TlsConfigError: also in `reload`.
    """

    def __init__(self, files: GridFiles, *, accept_expired_crl: bool = False, accept_old_style: bool = False) -> None:
        self.files = files
        self._accept_expired_crl, self._accept_old_style = accept_expired_crl, accept_old_style
        self.reload()

    def reload(self) -> None:
        """Read all files anew, for the connections to come; to be called from time to time, as OpenSSL keeps
        the CRLs it has read. Takes a few ms. If it raises TlsConfigError, what was read before stays in
        force. Connections that are open stay as they are."""
        files = self.files
        check_ca_directory(files.ca_directory)
        try:
            policies = read_policies(files.ca_directory)
        except OSError as error:
            raise TlsConfigError(Path(error.filename), f"cannot be read ({error.strerror})") from error
        context = _new_context()
        _use_host_certificate(context, files.certificate, files.key)
        _send_chain(context, files.certificate, files.ca_directory)
        _trust(context, files.ca_directory)
        context.set_verify(SSL.VERIFY_PEER, verifier(Rules(policies, self._accept_expired_crl, self._accept_old_style)))
        trust = Trust.of(files.ca_directory, policies, self._accept_expired_crl)
        self._voms = Voms(read_vomsdir(files.vomsdir), trust, host_names(files.certificate), _now)
        self._context = context

    def attributes(self, peer: PeerIdentity) -> VomsAttributes | None:
        """What a VO says of a peer; None if no VO says anything.

        :raise AttributesRefused: what came along does not count.
        """
        return self._voms.attributes(peer.attributes, peer.end_entity) if peer.attributes is not None else None

    def serverConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        return GridConnection(self._context, tlsProtocol, self._accept_old_style)


def _now() -> datetime:
    return datetime.now(UTC)


def check_ca_directory(ca_directory: Path) -> None:
    """Raises TlsConfigError unless the directory holds an authority under its hash."""
    if not ca_directory.is_dir():
        raise TlsConfigError(ca_directory, "is not a directory")
    if not any(ca_directory.glob("[0-9a-f]*.[0-9]")):
        raise TlsConfigError(ca_directory, "holds no authority (no file like 0a1b2c3d.0)")


def check_host_certificate(certificate: Path, now: datetime) -> None:
    """Raises TlsConfigError unless the file holds a certificate that is valid at `now` (aware)."""
    host = load_certificates(certificate)[0]
    if host.not_valid_after_utc < now:
        raise TlsConfigError(certificate, f"expired on {host.not_valid_after_utc:%Y-%m-%d %H:%M} UTC")
    if host.not_valid_before_utc > now:
        raise TlsConfigError(
            certificate, f"is not valid before {host.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
        )


def load_certificates(file: Path) -> list[x509.Certificate]:
    """All of a PEM file, at least one. Raises TlsConfigError."""
    try:
        return x509.load_pem_x509_certificates(_read(file))
    except ValueError as error:
        raise TlsConfigError(file, f"holds no certificate in PEM form ({error})") from error


def host_names(certificate: Path) -> Collection[str]:
    """What the host is called by its certificate. Raises TlsConfigError."""
    host = load_certificates(certificate)[0]
    names = [str(a.value) for a in host.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)]
    with suppress(x509.ExtensionNotFound):
        names += host.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)
    return names


def _new_context() -> SSL.Context:
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_cipher_list(CIPHERS)
    context.set_options(SSL.OP_NO_RENEGOTIATION | SSL.OP_NO_COMPRESSION | SSL.OP_CIPHER_SERVER_PREFERENCE)
    # A resumed session has the leaf but not the chain: no user could be told from it, and no CRL would be
    # asked.
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_options(SSL.OP_NO_TICKET)
    context.set_session_id(b"pandad")
    context.set_verify_depth(DEEPEST_CHAIN)
    context.set_mode(NO_AUTO_CHAIN)
    return context


def _use_host_certificate(context: SSL.Context, certificate: Path, key: Path) -> None:
    check_host_certificate(certificate, _now())
    private = _load_key(key)
    try:
        context.use_certificate_chain_file(str(certificate))
    except SSL.Error as error:
        raise TlsConfigError(certificate, f"cannot be used as a host certificate ({error})") from error
    try:
        context.use_privatekey(private)
        context.check_privatekey()
    except SSL.Error as error:
        raise TlsConfigError(key, f"is not the key of {certificate}") from error


def _send_chain(context: SSL.Context, certificate: Path, ca_directory: Path) -> None:
    """What leads from the host certificate to its root, for clients that know only the root: from the directory, if the file of
    the host certificate does not say."""
    host, *chain = load_certificates(certificate)
    if chain:
        return
    store = crypto.X509Store()
    store.load_locations(None, str(ca_directory))
    with suppress(crypto.X509StoreContextError):  # its root is not in the directory, and need not be
        links = crypto.X509StoreContext(store, crypto.X509.from_cryptography(host)).get_verified_chain()
        for link in links[1:-1]:
            context.add_extra_chain_cert(link.to_cryptography())


def _load_key(path: Path) -> HostKey:
    """Read here and not by OpenSSL, which asks for the password of an encrypted key on the terminal and
    waits."""
    try:
        key = serialization.load_pem_private_key(_read(path), password=None)
    except TypeError as error:
        raise TlsConfigError(path, f"is encrypted or of an unknown kind ({error})") from error
    except ValueError as error:
        raise TlsConfigError(path, f"holds no private key in PEM form ({error})") from error
    if not isinstance(key, HOST_KEY_KINDS):
        raise TlsConfigError(path, "is neither an RSA nor an elliptic curve key")
    return key


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise TlsConfigError(path, f"cannot be read ({error.strerror})") from error


def _trust(context: SSL.Context, ca_directory: Path) -> None:
    context.load_verify_locations(None, str(ca_directory))
    store = context.get_cert_store()
    assert store is not None
    flags = crypto.X509StoreFlags
    # CRL_CHECK alone looks at the leaf only, and the leaf of a proxy is in no CRL: its revoked user would be
    # let in.
    store.set_flags(flags.ALLOW_PROXY_CERTS | flags.CRL_CHECK | flags.CRL_CHECK_ALL)
