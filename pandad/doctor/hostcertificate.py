"""The host certificate and its key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID
from OpenSSL import crypto

from pandad.api.x509.tls import HOST_KEY_KINDS
from pandad.doctor.finding import Fault, Finding, error, warning
from pandad.doctor.installation import Installation

ENDED_PAGE, ENDS_PAGE = "how-to/runbooks.md#pandadcertificateended", "how-to/runbooks.md#pandadcertificateends"
UNUSABLE_PAGE, PAGE = "how-to/runbooks.md#pandadfilesunusable", "reference/x509.md"
NEW_ONE = "put a new certificate into {path}, then: systemctl reload pandad"

NO_CERTIFICATE = error(
    "host-certificate-unusable", "the file of the host certificate has none",
    "put the host certificate, PEM, its chain behind it, into {path}", UNUSABLE_PAGE)
ENDED = error("host-certificate-ended", "the host certificate has expired: no client talks to this server", NEW_ONE, ENDED_PAGE)
ENDS = warning("host-certificate-ends", "the host certificate ends in less than tls.warn_days", NEW_ONE, ENDS_PAGE)
EARLY = error(
    "host-certificate-early", "the host certificate is not valid yet",
    "look at the clock of this host (`timedatectl`), or wait until it is valid", PAGE)
WRONG_NAME = warning(
    "host-certificate-name", "the host certificate is not for the name of this host: who comes by that name does not talk to it",
    "have one made with DNS:{host} among its alternative names, and put it into {path}", PAGE)
WRONG_PURPOSE = error(
    "host-certificate-purpose", "the certificate is not one of a server",
    "put a host certificate (not a user's or a CA's) into {path}", PAGE)
WEAK = warning(
    "host-certificate-weak", "the key of the host certificate is too short", "make a new one: RSA of 2048 bits or more, or P-256",
    PAGE)
NO_KEY = error(
    "host-key-unusable", "the file of the host key has none", "put the key of the host certificate, PEM, into {path}",
    UNUSABLE_PAGE)
ENCRYPTED = error(
    "host-key-encrypted", "the host key wants a password, and nobody is there to type it",
    "umask 077; openssl pkey -in {path} -out {path}.plain && mv {path}.plain {path}", UNUSABLE_PAGE)
NO_FIT = error(
    "host-key-other", "the host key is not that of the host certificate",
    "put the key that {certificate} was requested with into {path}", UNUSABLE_PAGE)
NO_CHAIN = warning(
    "host-chain-incomplete",
    "what leads from the host certificate to its root is not sent: clients that know only the root refuse it",
    "append the certificates of the authorities between it and the root to {path}", PAGE)

LEAST_RSA_BITS = 2048

Where = Mapping[str, Any]
"""The place of the key, and words for the remedy."""


def host_certificate(seen: Installation) -> Iterator[Finding]:
    """Whether clients will take it."""
    path = seen.config.tls.host_certificate
    where: Where = {**seen.place("tls", "host_certificate"), "path": path}
    content = content_of(path)
    if content is None:
        return  # said where the configuration was read
    try:
        certificates = x509.load_pem_x509_certificates(content)
    except ValueError:
        yield NO_CERTIFICATE.found(f"{path} {_instead(content)}", **where)
        return
    host = certificates[0]
    yield from _time(seen, certificates, where)
    wrong = list(_purpose(host, where))
    yield from wrong or _names(seen, host, where)
    yield from _strength(host, where)
    yield from _chain(seen, certificates, where)


def _instead(content: bytes) -> str:
    if b"PRIVATE KEY-----" in content:
        return "has a key, and no certificate"
    if b"CERTIFICATE REQUEST-----" in content:
        return "has a request for a certificate, and no certificate"
    if content[:1] == b"\x30":
        return "is in DER form: openssl x509 -inform DER -in FILE"
    return "has no certificate in PEM form" if content.strip() else "is empty"


def _time(seen: Installation, chain: Sequence[x509.Certificate], where: Where) -> Iterator[Finding]:
    ends, begins = min(c.not_valid_after_utc for c in chain), max(c.not_valid_before_utc for c in chain)
    if ends < seen.now:
        yield _at(ENDED, f"expired on {ends:%Y-%m-%d %H:%M} UTC", where)
    elif ends - seen.now < timedelta(days=seen.config.tls.warn_days):
        days = (ends - seen.now) / timedelta(days=1)
        yield _at(ENDS, f"expires in {days:.1f} days, on {ends:%Y-%m-%d %H:%M} UTC", where)
    if begins > seen.now:
        yield _at(EARLY, f"is not valid before {begins:%Y-%m-%d %H:%M} UTC", where)


def _at(fault: Fault, what: str, where: Where, **words: Any) -> Finding:
    return fault.found(f"{where['path']} {what}", **where, **words)


def _names(seen: Installation, host: x509.Certificate, where: Where) -> Iterator[Finding]:
    wanted = "localhost" if seen.is_local else seen.host
    names: Sequence[str] = ()
    with suppress(x509.ExtensionNotFound):
        names = host.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)
    if not any(_covers(name.lower(), wanted.lower()) for name in names):
        yield _at(WRONG_NAME, f"is for {', '.join(names) or 'no host'}, and this host is {wanted}", where, host=wanted)


def _covers(pattern: str, name: str) -> bool:
    return pattern == name or (pattern.startswith("*.") and name.partition(".")[2] == pattern[2:])


def _purpose(host: x509.Certificate, where: Where) -> Iterator[Finding]:
    with suppress(x509.ExtensionNotFound):
        if host.extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            yield _at(WRONG_PURPOSE, "is the certificate of an authority", where)
    with suppress(x509.ExtensionNotFound):
        uses = host.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        if ExtendedKeyUsageOID.SERVER_AUTH not in uses and ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE not in uses:
            yield _at(WRONG_PURPOSE, "is not for servers (extendedKeyUsage)", where)


def _strength(host: x509.Certificate, where: Where) -> Iterator[Finding]:
    key = host.public_key()
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < LEAST_RSA_BITS:
        yield _at(WEAK, f"has an RSA key of {key.key_size} bits", where)


def _chain(seen: Installation, chain: Sequence[x509.Certificate], where: Where) -> Iterator[Finding]:
    """Clients have the root and nothing else; what is missing the daemon takes from the folder, if it is there."""
    last = chain[-1]
    if last.issuer == last.subject or len(chain) > 1 and any(c.issuer == c.subject for c in chain):
        return
    if not _issuer_is_known(seen.config.tls.ca_directory, last):
        issuer = last.issuer.rfc4514_string()
        yield _at(NO_CHAIN, f"ends with one of {issuer}, which is not in {seen.config.tls.ca_directory}", where)


def _issuer_is_known(directory: Path, certificate: x509.Certificate) -> bool:
    for file in directory.glob("*.[0-9]"):
        with suppress(OSError, ValueError):
            if x509.load_pem_x509_certificate(file.read_bytes()).subject == certificate.issuer:
                return True
    return not any(directory.glob("*.[0-9]"))  # which is told of that folder


def host_key(seen: Installation) -> Iterator[Finding]:
    """Whether the daemon can use it."""
    path = seen.config.tls.host_key
    where: Where = {**seen.place("tls", "host_key"), "path": path}
    content = content_of(path)
    if content is None:
        return
    try:
        key = serialization.load_pem_private_key(content, password=None)
    except TypeError:
        yield _at(ENCRYPTED, "is encrypted", where)
        return
    except (ValueError, crypto.Error):
        is_certificate = b"BEGIN CERTIFICATE-----" in content
        yield _at(NO_KEY, "has a certificate, and no key" if is_certificate else "has no private key in PEM form", where)
        return
    if not isinstance(key, HOST_KEY_KINDS):
        yield _at(NO_KEY, "has a key that is neither RSA nor of an elliptic curve", where)
        return
    certificate = seen.config.tls.host_certificate
    with suppress(OSError, ValueError):
        if x509.load_pem_x509_certificate(certificate.read_bytes()).public_key() != key.public_key():
            yield _at(NO_FIT, f"is not the key of {certificate}", where, certificate=certificate)


def content_of(path: Path) -> bytes | None:
    """None if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError:
        return None
