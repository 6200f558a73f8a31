"""TLS as the grid speaks it: a client may show a certificate or an RFC 3820 proxy of any depth, and need not
show any.

Who is let through the handshake:

* nobody who shows a certificate that is expired, not yet valid, forged, or of an authority not in the CA
  directory;
* nobody whose certificate, or whose proxy's certificate, is revoked. Authorities without a CRL are tolerated;
  an *expired* CRL is not, unless asked for: then revocations reach us late, but a CRL fetcher that died does
  not lock everybody out;
* nobody with a name that his authority may not sign (signingpolicy.py), nor with a proxy of Globus 2;
* everybody without a certificate. What he may do then is not decided here.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from OpenSSL import SSL, crypto
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import implementer

from pandad.api.gridcert import PeerIdentity, PeerRefused, Reading, identify, read, slash_form
from pandad.api.signingpolicy import Policies, may_sign, read_policies

__all__ = ["GridContextFactory", "PeerIdentity", "PeerRefused", "TlsConfigError", "peer_chain"]

NO_CRL = 3
"""X509_V_ERR_UNABLE_TO_GET_CRL (OpenSSL: x509_vfy.h)."""
CRL_EXPIRED = 12
"""X509_V_ERR_CRL_HAS_EXPIRED."""
FAULTS = {
    9: "not valid yet",
    10: "expired",
    12: "the CRL of its authority has expired",
    18: "signed by itself",
    19: "its authority is not trusted here",
    20: "its authority is not trusted here",
    23: "revoked",
    25: "more authorities in the chain than one of them allows",
    38: "more proxies in the chain than one of them allows",
    79: "signed by something that is not an authority",
}
"""The usual ones of OpenSSL's X509_V_ERR_ numbers (x509_vfy.h), in words for the log."""
REMEMBERED_CERTIFICATES = 10_000
"""By their encoded form: pilots come back with the same chain, and reading it anew costs a third of the handshake. Only what a
certificate says is remembered, and whether its authority may sign it; whom a connection stands for is found out for each."""
NO_AUTO_CHAIN = 0x8
"""SSL_MODE_NO_AUTO_CHAIN (OpenSSL: ssl.h). Without it, a server whose file holds no chain looks for one, and verifies it, in
each handshake."""
DEEPEST_CHAIN = 20
"""Certificates; each delegation of a proxy adds one."""

HOST_KEY_KINDS = (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey, ed25519.Ed25519PrivateKey)
HostKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
VerifyCallback = Callable[[Any, crypto.X509, int, int, int], bool]

log = Logger()


class TlsConfigError(Exception):
    """`path` keeps the server from speaking TLS; `problem` says why and reads on after the path."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path
        self.problem = problem


class GridConnection(SSL.Connection):
    """Keeps what was read of its client's chain when that was verified: getting the chain from OpenSSL costs as much again."""

    def __init__(self, context: SSL.Context, socket: None) -> None:
        super().__init__(context, socket)
        self.verified_chain: dict[int, Reading] = {}  # by depth, the leaf at 0


@implementer(IOpenSSLServerConnectionCreator)
class GridContextFactory:
    """Server side connections for the host certificate `certificate` (PEM, may be followed by its chain) with
    `key` (PEM, not encrypted), trusting the authorities in `ca_directory` (``<hash>.0``, ``<hash>.r0``,
    ``*.signing_policy``).

    Raises TlsConfigError, now and in `reload`."""

    def __init__(
        self, certificate: Path, key: Path, ca_directory: Path, *, accept_expired_crl: bool = False
    ) -> None:
        self._certificate = certificate
        self._key = key
        self._ca_directory = ca_directory
        self._tolerated = {NO_CRL, CRL_EXPIRED} if accept_expired_crl else {NO_CRL}
        self.reload()

    def reload(self) -> None:
        """Read all files anew, for the connections to come; to be called from time to time, as OpenSSL keeps
        the CRLs it has read. Takes a few ms. If it raises TlsConfigError, what was read before stays in
        force."""
        check_ca_directory(self._ca_directory)
        policies = read_policies(self._ca_directory)
        context = _new_context()
        _use_host_certificate(context, self._certificate, self._key)
        _send_chain(context, self._certificate, self._ca_directory)
        _trust(context, self._ca_directory)
        context.set_verify(SSL.VERIFY_PEER, _verifier(policies, frozenset(self._tolerated)))
        self._context = context

    def serverConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        return GridConnection(self._context, None)


def peer_chain(connection: GridConnection) -> PeerIdentity | None:
    """Who is at the other end of an established connection; None if no certificate was shown.

    The same for the life of the connection: callers keep the answer. Raises PeerRefused."""
    chain = connection.verified_chain
    return identify([chain[depth] for depth in range(len(chain))]) if chain else None


@lru_cache(maxsize=REMEMBERED_CERTIFICATES)
def _reading(der: bytes) -> Reading:
    return read(x509.load_der_x509_certificate(der))


def check_ca_directory(ca_directory: Path) -> None:
    """Raises TlsConfigError unless the directory holds an authority under its hash."""
    if not ca_directory.is_dir():
        raise TlsConfigError(ca_directory, "is not a directory")
    if not any(ca_directory.glob("[0-9a-f]*.[0-9]")):
        raise TlsConfigError(ca_directory, "holds no authority (no file like 0a1b2c3d.0)")


def check_host_certificate(certificate: Path, now: datetime) -> None:
    """Raises TlsConfigError unless the file holds a certificate that is valid at `now` (aware)."""
    try:
        host = x509.load_pem_x509_certificate(_read(certificate))
    except ValueError as error:
        raise TlsConfigError(certificate, f"holds no certificate in PEM form ({error})") from error
    if host.not_valid_after_utc < now:
        raise TlsConfigError(certificate, f"expired on {host.not_valid_after_utc:%Y-%m-%d %H:%M} UTC")
    if host.not_valid_before_utc > now:
        raise TlsConfigError(
            certificate, f"is not valid before {host.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
        )


def _new_context() -> SSL.Context:
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
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
    check_host_certificate(certificate, datetime.now(UTC))
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
    host, *chain = x509.load_pem_x509_certificates(_read(certificate))
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


def _verifier(policies: Policies, tolerated: frozenset[int]) -> VerifyCallback:
    """OpenSSL calls it for each fault it found, and at the end for each certificate of the chain, the root first."""

    within_policy = lru_cache(maxsize=REMEMBERED_CERTIFICATES)(partial(_signed_within_policy, policies))

    def verify(connection: GridConnection, shown: crypto.X509, fault: int, depth: int, good: int) -> bool:
        if not good:
            if fault not in tolerated:
                _log_refusal(shown.to_cryptography(), FAULTS.get(fault, f"OpenSSL verification fault {fault}"))
            return fault in tolerated
        reading = _reading(crypto.dump_certificate(crypto.FILETYPE_ASN1, shown))
        if not within_policy(reading):
            _log_refusal(shown.to_cryptography(), "its authority may not sign this name")
            return False
        connection.verified_chain[depth] = reading
        return True

    return verify


def _signed_within_policy(policies: Policies, certificate: Reading) -> bool:
    if certificate.self_issued or certificate.policy is not None:
        return True
    return may_sign(policies, certificate.issuer, certificate.subject)


def _log_refusal(certificate: x509.Certificate, reason: str) -> None:
    log.info("refused certificate {dn}: {reason}", dn=slash_form(certificate.subject), reason=reason)
